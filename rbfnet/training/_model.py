"""The network for a problem."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from rbfnet.config import DTYPE_NAMES
from rbfnet.domains import Interval, SpaceTime, graded
from rbfnet.errors import InputError, positive, unknown
from rbfnet.given import call
from rbfnet.kernels import Kernel, KernelLike
from rbfnet.nn import Affine, Evolving, RBFLayer, RBFNetwork, Wrapper
from rbfnet.nn.initializers import automatic_margin, breadth
from rbfnet.operators import Differentiable, Operator, apply_operators
from rbfnet.problems import Problem
from rbfnet.solvers import Solver

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in DTYPE_NAMES}

Network = RBFNetwork | Wrapper | Evolving
"""A network, or one in what its problem wraps it in: units, an ansatz."""

DECIDED = {"in_features", "out_features", "kernel", "points", "overlap", "dtype", "device", "layer"}
"""Arguments of the network that problem, solver and run decide."""


def build_model(problem: Problem, kernel: KernelLike, network: Mapping[str, Any], solver: Solver, dtype: torch.dtype) -> Network:
    """A network with the inputs and outputs of a problem, centres where the problem lives, and widths as the solver likes them.

    ``centers="graded"`` places them by :func:`rbfnet.domains.graded`, which asks the domain where holes are.

    Problems with units get a network in standardised coordinates inside an :class:`Affine`; centres given as a tensor are in
    the user's units either way, and a number for epsilon is for the coordinates the network sees. Around it all comes what
    satisfies conditions by construction, :meth:`rbfnet.problems.Problem.ansatz`.

    Args:
        problem, kernel, solver: what they say.
        network: arguments of :class:`RBFNetwork`.
        dtype: of the parameters.
    """
    problem.require_domain()
    known = {*signature(RBFNetwork).parameters, *signature(RBFLayer).parameters} - DECIDED
    for key in network:
        if key not in known:
            raise unknown("argument of the network called", key, known)
    if isinstance(kernel, Kernel):
        # A kernel with parameters that is used for two runs must not tie them together.
        kernel = copy.deepcopy(kernel)
    if solver.degree is not None:
        return _evolving(problem, kernel, network, solver, solver.degree, dtype)
    if (sites := problem.sites()) is not None:
        given = network.get("centers")
        for stage in solver.stages:
            # Before centres are placed, which takes minutes where there are many.
            stage.afford(len(sites.x), len(given) if isinstance(given, Tensor) else network.get("num_centers"))
    units = problem.units()
    support = problem.support().to(dtype)
    chosen = dict(network)
    if chosen.get("centers") == "graded":
        chosen |= {"centers": _graded(problem, chosen, solver.overlap), "per_center": True}
    if units is not None:
        shift, scale = units.input_shift.to(dtype), units.input_scale.to(dtype)
        support = (support - shift) / scale
        if isinstance(chosen.get("centers"), torch.Tensor):
            chosen["centers"] = (chosen["centers"].to(dtype) - shift) / scale
    inner = RBFNetwork(
        len(problem.domain.coords),
        len(problem.outputs),
        kernel=kernel,
        points=support,
        overlap=solver.overlap,
        dtype=dtype,
        **{"num_centers": None, **chosen},
    )
    if inner.layer.automatic and solver.stages[0].solves:
        inner.layer.metric.widen(breadth(inner.kernel))
    if units is None:
        return _wrapped(problem, inner)
    return _wrapped(problem, Affine(inner, units.input_shift, units.input_scale, units.output_shift, units.output_scale))


def _wrapped(problem: Problem, network: Network) -> Network:
    """The network in what its problem wraps it in."""
    model = call(problem.ansatz, f"`ansatz` of {type(problem).__name__}", network)
    if not isinstance(model, (RBFNetwork, Wrapper, Evolving)):
        raise InputError(
            f"`ansatz` of {type(problem).__name__} must return the network or a rbfnet.nn.Wrapper of it, but returned a "
            f"{type(model).__name__}."
        )
    return model


def _graded(problem: Problem, network: Mapping[str, Any], overlap: float) -> Tensor:
    """Centres denser near holes; each then has the width that its own spacing asks for."""
    n, margin = network.get("num_centers"), network.get("margin", "auto")
    if n is None:
        raise InputError("num_centers must be given to place centres by 'graded'.")
    reach = automatic_margin(len(problem.domain.coords), overlap) if margin == "auto" else positive("margin", margin, zero=True)
    return graded(problem.domain, int(positive("num_centers", n, whole=True)), reach)


def _evolving(
    problem: Problem, kernel: KernelLike, network: Mapping[str, Any], solver: Solver, degree: int, dtype: torch.dtype
) -> Network:
    """A network in space whose weights go through time, in the user's units; on a line each centre has its own width.

    On an Interval, of time alone, there is one function, and its weights are what ordinary differential equations are for.
    """
    if isinstance(problem.domain, Interval):
        one = RBFNetwork(1, len(problem.outputs), 1, centers=torch.zeros((1, 1), dtype=dtype), epsilon=1.0, dtype=dtype)
        start, end = problem.domain.box[:, 0].tolist()
        return _wrapped(problem, Evolving(one, start, end, degree, point=True))
    if not isinstance(problem.domain, SpaceTime):
        raise InputError(
            f"evolve goes through time on a SpaceTime, but {type(problem).__name__} lives on {problem.domain!r}; take "
            "solver=gauss_newton, or SpaceTime(space, t=(0, 1)) as the domain."
        )
    space = problem.domain.space
    inner = RBFNetwork(
        len(problem.domain.coords) - 1,
        len(problem.outputs),
        kernel=kernel,
        points=space.box.to(dtype),
        overlap=solver.overlap,
        dtype=dtype,
        **{"num_centers": None, **network, "per_center": network.get("per_center", False) or isinstance(space, Interval)},
    )
    return _wrapped(problem, Evolving(inner, *problem.domain.time, degree))


class AsItIs(Differentiable):
    """Any model behind the protocol of operators."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        return apply_operators(self.model, x, ops)
