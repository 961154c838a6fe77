"""Build the network for a problem."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from rbfnet.config import DTYPE_NAMES
from rbfnet.domains import Domain, Interval, SpaceTime, graded
from rbfnet.errors import InputError, positive, unknown
from rbfnet.given import call
from rbfnet.kernels import Kernel, KernelLike
from rbfnet.nn import Affine, Embedded, Embedding, Enriched, Evolving, RBFLayer, RBFNetwork, Wrapper
from rbfnet.nn.initializers import FROM_POINTS, automatic_margin, breadth
from rbfnet.nn.wrappers import as_vector
from rbfnet.operators import Differentiable, Operator, apply_operators
from rbfnet.problems import Problem, Units
from rbfnet.solvers import Solver
from rbfnet.training._local_model import build_local

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in DTYPE_NAMES}

Network = RBFNetwork | Wrapper | Evolving
"""A network, possibly wrapped for units or an ansatz."""

AUTOMATIC, USUAL = "auto", 400
"""The number of centres that is not given, and what it is unless an accuracy asks for more."""

DECIDED = {"in_features", "out_features", "kernel", "points", "overlap", "dtype", "device", "layer"}
"""Network arguments that follow from the problem, solver and run."""


def build_model(problem: Problem, kernel: KernelLike, network: Mapping[str, Any], solver: Solver, dtype: torch.dtype) -> Network:
    """A network with a problem's inputs and outputs, centres in its domain, and widths suited to the solver.

    ``centers="graded"`` places the centres by :func:`rbfnet.domains.graded`, denser near holes.

    For a problem with units the network works in standardised coordinates inside an :class:`Affine`, with periodic inputs or a
    sphere inside an :class:`Embedded`. Centres given as a tensor are always in the user's units; a number for epsilon refers to
    the coordinates of the network. The outermost wrapper is :meth:`rbfnet.problems.Problem.ansatz`.

    Args:
        problem, kernel, solver, dtype: those of the run.
        network: further arguments of :class:`RBFNetwork`, and ``vector``: ``"divergence_free"`` or ``"curl_free"`` if the first
            outputs, one per coordinate of space, are to be :class:`rbfnet.nn.DivergenceFree` or :class:`rbfnet.nn.CurlFree`.
    """
    problem.require_domain()
    if network.get("network") == "local":
        return build_local(problem, kernel, network, solver, dtype)
    _require_known(network)
    network = {**network, "num_centers": USUAL} if network.get("num_centers") == AUTOMATIC else network
    if isinstance(kernel, Kernel):
        # Two runs must not share the parameters of one kernel object.
        kernel = copy.deepcopy(kernel)
    if solver.degree is not None:
        return _evolving(problem, kernel, network, solver, solver.degree, dtype)
    _require_room(problem, network, solver)
    support = problem.support().to(dtype)
    chosen = dict(network)
    vector = chosen.pop("vector", None)
    units = problem.units() if vector is None else _common(problem.units(), _components(problem))
    if vector is not None and chosen.get("degree") is None:
        chosen["degree"] = -1
    if chosen.get("centers") == "graded":
        chosen |= {"centers": _graded(problem.domain, chosen, solver.overlap), "per_center": True}
    space = problem.embedding(dtype)
    if space is not None and vector is not None:
        raise InputError(f"vector={vector!r} needs inputs on lines, but some are periodic or on a sphere.")
    given = chosen.get("centers", signature(RBFNetwork).parameters["centers"].default)
    if space is not None:
        support, given = space(support), _embedded(given, space, dtype)
        chosen["centers"] = given
    if units is not None:
        shift, scale = units.input_shift.to(dtype), units.input_scale.to(dtype)
        support = (support - shift) / scale
        if isinstance(given, Tensor):
            chosen["centers"] = (given.to(dtype) - shift) / scale
    inner = RBFNetwork(
        support.shape[1],
        len(problem.outputs),
        kernel=kernel,
        points=support,
        overlap=solver.overlap,
        dtype=dtype,
        **{"num_centers": None, **chosen},
    )
    if inner.layer.automatic and solver.stages[0].solves:
        inner.layer.metric.widen(breadth(inner.kernel))
    model: RBFNetwork | Wrapper = inner if vector is None else as_vector(inner, vector, _components(problem))
    if units is not None:
        model = Affine(model, units.input_shift, units.input_scale, units.output_shift, units.output_scale)
    return _wrapped(problem, model if space is None else Embedded(model, space))


def _require_known(network: Mapping[str, Any]) -> None:
    """Raise InputError for an argument that no network has."""
    known = {*signature(RBFNetwork).parameters, *signature(RBFLayer).parameters, "vector"} - DECIDED
    for key in network:
        if key not in known:
            raise unknown("argument of the network called", key, known)


def _embedded(centers: Tensor | str, space: Embedding, dtype: torch.dtype) -> Tensor | str:
    """Centres in the coordinates of the embedding, or how they are chosen from the points."""
    if isinstance(centers, Tensor):
        return space(centers.to(dtype))
    if centers not in FROM_POINTS:
        raise InputError(f"centers={centers!r} fills a box, but inputs are periodic or on a sphere; use 'farthest_point'.")
    return centers


def _require_room(problem: Problem, network: Mapping[str, Any], solver: Solver) -> None:
    """Raise InputError for data that need too much memory, before the centres are placed, which can take minutes."""
    if (sites := problem.sites()) is None:
        return
    given = network.get("centers")
    for stage in solver.stages:
        stage.afford(len(sites.x), len(given) if isinstance(given, Tensor) else network.get("num_centers"))


def _components(problem: Problem) -> int:
    """The number of components of a vector field: the coordinates of space, of which there may be more than outputs."""
    return min(len(problem.domain.space_coords), len(problem.outputs))


def _common(units: Units | None, components: int) -> Units | None:
    """The same with one scale for the coordinates of a vector field, and one for its components."""
    if units is None:
        return None

    def alike(scale: Tensor) -> Tensor:
        common = scale[:components].square().mean().sqrt().expand(components)
        return torch.cat([common, scale[components:]])

    return replace(units, input_scale=alike(units.input_scale), output_scale=alike(units.output_scale))


def _wrapped(problem: Problem, network: Network) -> Network:
    """Add the problem's enrichment to the network, and wrap it in the problem's ansatz."""
    if problem.enrichment:
        if isinstance(network, Evolving):
            raise InputError(f"evolve does not take the enrichment of {type(problem).__name__}; use solver=gauss_newton.")
        network = Enriched(network, problem.enrichment)
    model = call(problem.ansatz, f"`ansatz` of {type(problem).__name__}", network)
    if not isinstance(model, (RBFNetwork, Wrapper, Evolving)):
        raise InputError(
            f"`ansatz` of {type(problem).__name__} must return the network or a rbfnet.nn.Wrapper of it, but returned a "
            f"{type(model).__name__}."
        )
    return model


def _graded(domain: Domain, network: Mapping[str, Any], overlap: float) -> Tensor:
    """Centres that are denser near holes, each with a width that follows the local spacing."""
    n, margin = network.get("num_centers"), network.get("margin", "auto")
    if n is None:
        raise InputError("num_centers must be given to place centres by 'graded'.")
    reach = automatic_margin(len(domain.coords), overlap) if margin == "auto" else positive("margin", margin, zero=True)
    return graded(domain, int(positive("num_centers", n, whole=True)), reach)


def _evolving(
    problem: Problem, kernel: KernelLike, network: Mapping[str, Any], solver: Solver, degree: int, dtype: torch.dtype
) -> Network:
    """A network in space with weights that evolve in time, in the user's units; in one dimension each centre has its own width.

    On an Interval (time only) there is one basis function, whose weights are the unknowns of the ordinary differential equations.
    """
    if isinstance(problem.domain, Interval):
        one = RBFNetwork(1, len(problem.outputs), 1, centers=torch.zeros((1, 1), dtype=dtype), epsilon=1.0, dtype=dtype)
        start, end = problem.domain.box[:, 0].tolist()
        return _wrapped(problem, Evolving(one, start, end, degree, point=True))
    if not isinstance(problem.domain, SpaceTime):
        raise InputError(
            f"evolve needs a SpaceTime domain, but the domain of {type(problem).__name__} is {problem.domain!r}; use "
            "solver=gauss_newton, or SpaceTime(space, t=(0, 1)) as the domain."
        )
    space, chosen = problem.domain.space, dict(network)
    if chosen.pop("vector", None) is not None:
        raise InputError("evolve has no vector fields without divergence or rotation; remove vector, or use solver=gauss_newton.")
    if chosen.get("centers") == "graded":
        chosen |= {"centers": _graded(space, chosen, solver.overlap), "per_center": True}
    inner = RBFNetwork(
        len(problem.domain.coords) - 1,
        len(problem.outputs),
        kernel=kernel,
        points=space.box.to(dtype),
        overlap=solver.overlap,
        dtype=dtype,
        **{"num_centers": None, **chosen, "per_center": chosen.get("per_center", False) or isinstance(space, Interval)},
    )
    if inner.layer.automatic:
        inner.layer.metric.widen(breadth(inner.kernel))
    return _wrapped(problem, Evolving(inner, *problem.domain.time, degree))


class AsItIs(Differentiable):
    """Adapts any model to the operator protocol."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        return apply_operators(self.model, x, ops)
