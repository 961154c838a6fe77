"""Which equations of a problem hold at which node: as many at each as there are outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

from rbfnet.domains import Nodes
from rbfnet.errors import InputError
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Interior, Problem, Sample
from rbfnet.solvers.assembly import AtZero, Equation, linearised, require_linear

Array = np.ndarray[Any, Any]


@runtime_checkable
class SparseModel(Protocol):
    """A :class:`rbfnet.operators.LinearModel` whose coefficients are values at nodes, with sparse rows."""

    def sparse_features(self, x: Float[Tensor, "B D"], op: Operator, blend: bool = True) -> Any:
        """``op`` of each nodal basis function: a SciPy array (B, N) in CSR form."""


@dataclass(frozen=True)
class NodeRows:
    """Sparse rows, matrix @ unknowns = target, with the unknowns of all outputs one after the other.

    Attributes:
        matrix: (R, N O). target: (R,). inside: (R,), whether a row is an equation in the domain.
    """

    matrix: Any
    target: Array
    inside: Array


@dataclass(frozen=True)
class _Held:
    """An equation, at the nodes where it holds."""

    condition: str
    number: int
    order: int
    outputs: frozenset[int]
    inside: bool
    rows: Array
    own: Array
    """Of the nodes where it holds: those that belong to the part of the boundary that the condition is put on by name."""


def node_rows(model: LinearModel, problem: Problem, nodes: Nodes) -> NodeRows:
    """One row for each node and output: boundary conditions at the boundary, equations in the domain elsewhere.

    Where several conditions hold, those with derivatives of the lowest order count first. Where a node has fewer boundary
    conditions than outputs, equations in the domain hold there too.

    Raises:
        InputError: a node without enough equations, or a condition that has points of its own.
    """
    count, outputs = len(nodes.x), len(problem.outputs)
    samples = _samples(problem, nodes)
    require_linear(problem, {name: sample for name, (_, sample) in samples.items()}, "a local network is for linear problems")
    held = [one for name, (rows, sample) in samples.items() for one in _held(model, problem, nodes, name, rows, sample)]
    taken = np.zeros(count, dtype=int)
    chosen: list[tuple[_Held, Array]] = []
    for own in (True, False):
        for one in sorted((o for o in held if not o.inside), key=lambda o: o.order):
            free = one.rows & (one.own == own) & (taken < outputs) & ~_doubled(one, chosen)
            chosen.append((one, free))
            taken += free
    for one in (o for o in held if o.inside):
        free = one.rows & (taken < outputs)
        chosen.append((one, free))
        taken += free
    if (taken < outputs).any():
        where = int(np.flatnonzero(taken < outputs)[0])
        raise InputError(
            f"At {np.round(nodes.x[where].numpy(), 6).tolist()} there are {taken[where]} equations for {outputs} outputs; "
            "a local network needs as many at each node."
        )
    parts = [_rows(model, problem, samples, one, rows) for one, rows in chosen if rows.any()]
    return NodeRows(
        sparse.vstack([matrix for matrix, _, _ in parts], format="csr"),
        np.concatenate([target for _, target, _ in parts]),
        np.concatenate([inside for _, _, inside in parts]),
    )


def _samples(problem: Problem, nodes: Nodes) -> dict[str, tuple[Array, Sample]]:
    """For each condition the nodes where it holds, (N,), and these as a sample; with the normals of the nodes."""
    found, on = {}, len(nodes.normals)
    for name, condition in problem.named_conditions().items():
        inside = isinstance(condition, Interior)
        there = condition.at(problem, nodes.x if inside else nodes.boundary)
        if there is None:
            raise InputError(
                f"Condition {name!r} of {type(problem).__name__} has points of its own, which a local network cannot use; use "
                "network=default."
            )
        rows = torch.zeros(len(nodes.x), dtype=torch.bool)
        rows[: len(there[0])] = there[0]
        sample = there[1]
        if sample.normal is not None:
            sample = sample._replace(normal=nodes.normals[rows[:on]])
        if not rows.any():
            raise InputError(f"Condition {name!r} holds at none of the {len(nodes.x)} nodes; place more, or denser ones there.")
        found[name] = rows.numpy(), sample
    return found


def _held(model: LinearModel, problem: Problem, nodes: Nodes, name: str, rows: Array, sample: Sample) -> list[_Held]:
    condition = problem.named_conditions()[name]
    inside, part = isinstance(condition, Interior), getattr(condition, "on", None)
    own = rows.copy()
    if isinstance(part, str):
        names = problem.domain.parts
        mine = [k for k, one in enumerate(names) if one == part or one.startswith(f"{part} ")]
        own[: len(nodes.part)] &= np.isin(nodes.part.numpy(), mine) | (part == "outer")
    found = []
    for number, equation in enumerate(_linearised(model, problem, name, sample)):
        shape = sample.sites[0].shape
        written = [op.over(*shape).written_out(shape[1]) for each in equation.ops for op in each.values()]
        order = max((len(along) for terms in written for along, _ in terms), default=0)
        found.append(_Held(name, number, order, frozenset(equation.outputs), inside, rows, own))
    return found


def _doubled(one: _Held, chosen: list[tuple[_Held, Array]]) -> Array:
    """Nodes where another condition prescribes the same already, as two Dirichlet conditions at a corner do."""
    found = np.zeros(len(one.rows), dtype=bool)
    for other, rows in chosen:
        if other.condition != one.condition and (other.outputs, other.order) == (one.outputs, one.order):
            found |= rows
    return found


def _linearised(model: LinearModel, problem: Problem, name: str, sample: Sample) -> list[Equation]:
    return linearised(problem, {name: sample}, AtZero(model))[name]


def _rows(
    model: LinearModel, problem: Problem, samples: Mapping[str, tuple[Array, Sample]], one: _Held, rows: Array
) -> tuple[Any, Array, Array]:
    """The rows of an equation at some of the nodes where it holds."""
    at, sample = samples[one.condition]
    equation = _linearised(model, problem, one.condition, sample.rows(torch.from_numpy(rows[at])))[one.number]
    count, outputs = len(at), len(problem.outputs)
    (x,), (ops,) = equation.sample.sites, equation.ops
    blocks = []
    for output in range(outputs):
        if output not in ops:
            blocks.append(sparse.csr_array((len(x), count)))
        elif (factor := _value(ops[output], x)) is not None:
            # The nodal value itself, without what rounding leaves of the others.
            blocks.append(sparse.csr_array((factor, (np.arange(len(x)), np.flatnonzero(rows))), shape=(len(x), count)))
        else:
            assert isinstance(model, SparseModel)
            blocks.append(model.sparse_features(x, ops[output], blend=False))
    return sparse.hstack(blocks, format="csr"), -equation.rest.numpy(), np.full(len(x), one.inside)


def _value(op: Operator, x: Tensor) -> Array | None:
    """The factor of the value, (B,), in an operator without derivatives; None for others."""
    total = torch.zeros_like(x[:, 0])
    for along, c in op.over(*x.shape).written_out(x.shape[1]):
        if along:
            return None
        total = total + c
    return total.numpy()
