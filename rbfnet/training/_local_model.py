"""A network of local interpolants for data, and when data need one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch

from rbfnet.errors import InputError, one_of, unknown
from rbfnet.kernels import KernelLike
from rbfnet.nn import Affine, LocalNetwork
from rbfnet.problems import DataProblem, Problem
from rbfnet.solvers import LeastSquares, Solver, as_solver

NEIGHBORS = 50
"""Number of points of a local interpolant of data."""

LARGEST = 20_000
"""Number of points above which one system of all of them takes minutes."""

USUAL = ("num_centers", "degree", "epsilon", "metric", "per_center", "vector", "compiled")
"""Arguments of other networks that local interpolants lack; as long as none is given, they may be chosen."""

DECIDED = {"in_features", "out_features", "nodes", "kernel", "dtype", "device"}
"""Arguments of LocalNetwork that follow from the data and the run."""


def build_local(problem: Problem, kernel: KernelLike, network: Mapping[str, Any], solver: Solver, dtype: torch.dtype) -> Affine:
    """A :class:`rbfnet.nn.LocalNetwork` whose nodes are the sites of data, in standardised coordinates.

    Args:
        problem, kernel, solver, dtype: those of the run.
        network: further arguments of :class:`rbfnet.nn.LocalNetwork`; ``network`` and ``num_centers`` are ignored.

    Raises:
        InputError: a problem that is no fit to data, another solver than ``least_squares``, or unknown arguments.
    """
    if not isinstance(problem, DataProblem):
        raise InputError(
            f"network=local fits data, but the problem is {type(problem).__name__}; use another network, or in Python "
            "rbfnet.solve(problem, network='local')."
        )
    if problem.embedding() is not None:
        raise InputError("network=local takes inputs as they are, but some are periodic or on a sphere; use network='default'.")
    if not isinstance(solver, LeastSquares):
        raise InputError(f"network=local needs solver=least_squares, but got {solver.name}.")
    known = {*inspect.signature(LocalNetwork).parameters} - DECIDED
    chosen = {key: value for key, value in network.items() if key not in ("network", "num_centers")}
    for key in chosen:
        if key not in known:
            raise unknown("argument of network=local called", key, known)
    units = problem.units()
    shift, scale = units.input_shift.to(dtype), units.input_scale.to(dtype)
    nodes = (problem.support().to(dtype) - shift) / scale
    inner = LocalNetwork(nodes.shape[1], len(problem.outputs), nodes, kernel, dtype=dtype, **{"neighbors": NEIGHBORS, **chosen})
    return Affine(inner, units.input_shift, units.input_scale, units.output_shift, units.output_scale)


def locally(network: object, kernel: KernelLike | None, options: Mapping[str, Any], problem: DataProblem) -> bool:
    """Whether data are fitted by local interpolants; where nobody asked for that, the problem's notes say why.

    Args:
        network: ``"auto"``, ``"default"`` or ``"local"``.
        kernel: as given to :func:`rbfnet.fit`.
        options: the solver and ``num_centers``, and what else was given to :func:`rbfnet.fit`.
        problem: the data.

    Raises:
        InputError: another name of a network, or something that local interpolants do not have.
    """
    num_centers = options["num_centers"]
    if one_of("network", network, ("auto", "default", "local")) == "local" and num_centers is not None:
        raise InputError(f"network=local has a node at every point, but num_centers={num_centers} was given; remove one of them.")
    if network == "local" and (problem.restricted or problem.cells is not None):
        raise InputError(
            "network=local takes values at points only, but an equation, bounds or cells were given; use network='default'."
        )
    searched = isinstance(kernel, str) and kernel == "auto"
    if network == "local" and searched:
        raise InputError("network=local needs one kernel, but kernel=auto was given; use kernel='cubic' or another.")
    asked = searched or without_defaults(options).keys() - {"solver", "dtype", "seed", "allow_unsolved"}
    if network != "auto" or asked:
        return network == "local"
    return needed(problem, as_solver(options["solver"]))


def without_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those of other networks that are as they would be if nobody had given them."""
    return {key: value for key, value in options.items() if key not in USUAL or not _is_default(value)}


def _is_default(value: Any) -> bool:
    return value is None or (isinstance(value, (str, bool)) and value in ("auto", "isotropic", False))


def chosen_network(problem: Problem, network: Mapping[str, Any], solver: Solver) -> Mapping[str, Any]:
    """The node of the network of a config; that of local interpolants where all points are centres and these are too many.

    Args:
        problem, network, solver: those of the run.
    """
    usual = all(_is_default(network.get(key)) for key in USUAL)
    if not isinstance(problem, DataProblem) or network.get("centers") != "points" or not usual or not needed(problem, solver):
        return network
    return {"network": "local", "neighbors": NEIGHBORS, "degree": None, "epsilon": 0.5}


def needed(problem: DataProblem, solver: Solver) -> bool:
    """Whether data that local interpolants can fit are too many for one system; the problem's notes then say so."""
    able = isinstance(solver, LeastSquares) and solver.interpolates and len(problem.named_conditions()) == 1
    able = able and problem.embedding() is None and not problem.restricted and problem.cells is None
    if not able or not too_many(sites := len(problem.support())):
        return False
    problem.notes.append(
        f"{sites:,} points are too many for one system: used local interpolants of {NEIGHBORS} points each (network=local)."
    )
    return True


def too_many(sites: int) -> bool:
    """Whether one system of so many points takes minutes, or more memory than there is."""
    if sites > LARGEST:
        return True
    try:
        LeastSquares().afford(sites, None)
    except InputError:
        return True
    return False
