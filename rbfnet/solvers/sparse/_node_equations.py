"""Which equations of a problem hold at which node: as many at each as there are outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

from rbfnet.domains import Nodes
from rbfnet.errors import InputError
from rbfnet.operators import Recorder
from rbfnet.problems import Initial, Interior, Problem, Sample
from rbfnet.solvers.assembly import derivatives
from rbfnet.solvers.sparse._group import Group
from rbfnet.solvers.sparse._node_site import NodeSite, SparseModel

Array = np.ndarray[Any, Any]

MOST_BEYOND = 50
"""Most equations beyond those at nodes: integrals and values at points."""


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


class NodeEquations:
    """One equation for each node and output: boundary conditions at the boundary, equations in the domain elsewhere.

    Where several conditions hold, those with derivatives of the lowest order count first. Where a node has fewer boundary
    conditions than outputs, equations in the domain hold there too, those that are listed first. Conditions with points of their
    own, such as integrals, are rows beyond those of the nodes. In space and time the nodes are those of the space, and initial
    conditions are left out.

    Args:
        model: on all nodes.
        problem: whose conditions they are.
        nodes: of its domain, or of the space of that.

    Attributes:
        groups: of the nodes. beyond: of conditions with points of their own.

    Raises:
        InputError: a node without enough equations, or a condition that is neither at nodes nor at a few points.
    """

    def __init__(self, model: SparseModel, problem: Problem, nodes: Nodes) -> None:
        self.model, self.problem, self.nodes = model, problem, nodes
        self.count, self.outputs = len(nodes.x), len(problem.outputs)
        self.in_time = len(problem.domain.coords) > nodes.x.shape[1]
        self.groups: list[Group] = []
        self.beyond: list[Group] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self._choose()
        self._rows = self._in_order()

    def residual(self, values: Float[Tensor, "p+1 N O"], time: float | None = None) -> Array:
        """By how much nodal values, and their derivatives in time, miss all equations, (R,)."""
        return np.concatenate([group.residual(values, time) for group in self.groups + self.beyond])[self._rows]

    def linearised(self, values: Float[Tensor, "p+1 N O"], time: float | None = None) -> tuple[Array, list[Any]]:
        """That, and the derivatives in values and their derivatives in time, (R, N O) each, outputs one after the other."""
        parts = [group.linearised(values, time) for group in self.groups + self.beyond]
        matrices = [sparse.vstack([found[order] for _, found in parts], format="csr")[self._rows] for order in range(len(values))]
        return np.concatenate([rest for rest, _ in parts])[self._rows], matrices

    @property
    def inside(self) -> Array:
        """For each row of the nodes the number of its equation in the domain, counted from 1; 0 for boundary conditions."""
        found, before = [], 1
        for group in self.groups:
            found += [np.full(len(rows), before + k if group.inside else 0) for k, (_, rows) in enumerate(group.kept)]
            before += len(group.kept) if group.inside else 0
        return np.concatenate(found)[self._rows[: self.count * self.outputs]]

    def _in_order(self) -> Array:
        """The rows node by node for each output, as the unknowns are, so that matrices have diagonals; then those beyond."""
        nodes = np.concatenate([group.site.nodes[rows] for group in self.groups for _, rows in group.kept])  # type: ignore[index]
        by_node = np.argsort(nodes, kind="stable").reshape(self.count, self.outputs).T.ravel()
        beyond = sum(group.count for group in self.beyond)
        return np.concatenate([by_node, len(nodes) + np.arange(beyond)])

    def _choose(self) -> None:
        samples = self._samples()
        held = [one for name, (rows, sample) in samples.items() for one in self._held(name, rows, sample)]
        taken = np.zeros(self.count, dtype=int)
        chosen: list[tuple[_Held, Array]] = []
        for own in (True, False):
            for one in sorted((o for o in held if not o.inside), key=lambda o: o.order):
                free = one.rows & (one.own == own) & (taken < self.outputs) & ~_doubled(one, chosen)
                chosen.append((one, free))
                taken += free
        for one in (o for o in held if o.inside):
            free = one.rows & (taken < self.outputs)
            chosen.append((one, free))
            taken += free
        if (taken < self.outputs).any():
            where = int(np.flatnonzero(taken < self.outputs)[0])
            raise InputError(
                f"At {np.round(self.nodes.x[where].numpy(), 6).tolist()} there are {taken[where]} equations for {self.outputs} "
                "outputs; a local network needs as many at each node."
            )
        conditions = self.problem.named_conditions()
        for name, (rows, sample) in samples.items():
            mine = [(one.number, free) for one, free in chosen if one.condition == name and free.any()]
            if not mine:
                continue
            used = np.logical_or.reduce([free for _, free in mine])
            place = np.cumsum(used) - 1
            part = sample.rows(torch.from_numpy(used[rows]))
            site = NodeSite(self.model, self.nodes.x[torch.from_numpy(used)], self.count, self.in_time, np.flatnonzero(used))
            kept = [(number, place[free]) for number, free in mine]
            self.groups.append(Group(self.problem, conditions[name], part, site, kept, isinstance(conditions[name], Interior)))

    def _samples(self) -> dict[str, tuple[Array, Sample]]:
        """For each condition the nodes where it holds, (N,), and these as a sample; with the normals of the nodes."""
        found, nodes = {}, self.nodes
        x, normals = nodes.x, nodes.normals
        if self.in_time:
            middle = float(self.problem.domain.box[:, -1].mean())
            x = torch.cat([x, torch.full_like(x[:, :1], middle)], dim=1)
            normals = torch.cat([normals, torch.zeros_like(normals[:, :1])], dim=1)
        on = len(normals)
        for name, condition in self.problem.named_conditions().items():
            if isinstance(condition, Initial):
                continue
            there = condition.at(self.problem, x if isinstance(condition, Interior) else x[:on])
            if there is None:
                self._add_beyond(name)
                continue
            rows = torch.zeros(len(x), dtype=torch.bool)
            rows[: len(there[0])] = there[0]
            sample = there[1]
            if sample.normal is not None:
                sample = sample._replace(normal=normals[rows[:on]])
            if not rows.any():
                raise InputError(f"Condition {name!r} holds at none of the {len(x)} nodes; place more, or denser ones there.")
            found[name] = rows.numpy(), sample
        return found

    def _add_beyond(self, name: str) -> None:
        """The rows of a condition with points of its own."""
        condition = self.problem.named_conditions()[name]
        sample = condition.sample(self.problem)
        told = f"Condition {name!r} of {type(self.problem).__name__}"
        if self.in_time or len(sample.sites) > 1 or sample.normal is not None or sample.num_rows > MOST_BEYOND:
            raise InputError(f"{told} has points of its own, which a local network cannot use; use network=default.")
        site = NodeSite(self.model, sample.sites[0], self.count, self.in_time, None)
        equations = derivatives(condition, self.problem, [Recorder(self.outputs)], sample)
        kept = [(number, np.arange(sample.num_rows)) for number in range(len(equations))]
        self.beyond.append(Group(self.problem, condition, sample, site, kept, inside=False))

    def _held(self, name: str, rows: Array, sample: Sample) -> list[_Held]:
        condition = self.problem.named_conditions()[name]
        inside, part = isinstance(condition, Interior), getattr(condition, "on", None)
        own = rows.copy()
        if isinstance(part, str):
            names = self.problem.domain.parts
            mine = [k for k, one in enumerate(names) if one == part or one.startswith(f"{part} ")]
            own[: len(self.nodes.part)] &= np.isin(self.nodes.part.numpy(), mine) | (part == "outer")
        found, shape = [], sample.sites[0].shape
        for number, (_, slopes) in enumerate(derivatives(condition, self.problem, [Recorder(self.outputs)], sample)):
            written = [op.over(*shape).written_out(shape[1]) for _, op, _ in slopes]
            order = max((len(along) for terms in written for along, _ in terms), default=0)
            found.append(_Held(name, number, order, frozenset(output for *_, output in slopes), inside, rows, own))
        return found


def _doubled(one: _Held, chosen: list[tuple[_Held, Array]]) -> Array:
    """Nodes where another condition prescribes the same already, as two Dirichlet conditions at a corner do."""
    found = np.zeros(len(one.rows), dtype=bool)
    for other, rows in chosen:
        if other.condition != one.condition and (other.outputs, other.order) == (one.outputs, one.order):
            found |= rows
    return found
