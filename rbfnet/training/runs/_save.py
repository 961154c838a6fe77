"""Save a solution as a run directory."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rbfnet.config import DTYPE_NAMES
from rbfnet.errors import InputError
from rbfnet.nn import METRICS, Evolving, LocalNetwork, RBFNetwork, Wrapper
from rbfnet.nn.wrappers import VECTORS, MatrixKernel, innermost
from rbfnet.problems import DataProblem, Problem
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution
from rbfnet.training.runs._local_networks import local_node
from rbfnet.training.runs._nodes import kernel_node, problem_node, solver_node
from rbfnet.training.runs._provenance import provenance
from rbfnet.training.runs._run_directory import write_config, write_solution

NOT_SAVED = "The problem is not saved; to compute residuals or figures, pass it: rbfnet.load(path, problem=...)."


def save(solution: Solution, path: str | Path, *, figures: bool = False) -> Path:
    """Implements :meth:`rbfnet.training.Solution.save`."""
    directory = Path(path)
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        raise InputError(f"The directory {str(path)!r} already exists and is not empty; choose another name, or remove it.")
    problem = _problem(solution)
    config = _config(solution, problem, directory)
    made = not directory.exists()
    summary = {**solution.summary, "columns": solution.names.plain()}
    summary.setdefault("provenance", provenance())
    if config["problem"] is None and NOT_SAVED not in (words := list(summary.get("words", []))):
        summary["words"] = [*words, NOT_SAVED]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The directory {str(path)!r} cannot be created: {error.strerror}.") from None
    try:
        write_config(directory, config)
        saved = Solution(solution.model, problem or _stand_in(solution), solution.errors, summary, history=solution.history)
        write_solution(directory, saved, figures, config)
    except BaseException:
        if made:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    return directory


def recorded(solution: Solution) -> Solution:
    """A copy with column names and provenance in its summary, as in run directories."""
    solution.summary.update(columns=solution.names.plain(), provenance=provenance())
    return solution


def _problem(solution: Solution) -> Problem | None:
    try:
        return solution.problem
    except InputError:
        # The solution was loaded without its problem.
        return None


def _stand_in(solution: Solution) -> Problem:
    """A placeholder problem without anything to save."""
    x = solution.model.weight.new_zeros((1, len(solution.names.coords)))
    return DataProblem(x, x.new_zeros((1, len(solution.names.outputs))), solution.names.coords, solution.names.outputs)


def _config(solution: Solution, problem: Problem | None, directory: Path) -> dict[str, Any]:
    network = _network(solution.model)
    known = str(network.weight.dtype).removeprefix("torch.")
    summary: Mapping[str, Any] = solution.summary
    return {
        "problem": None if problem is None else problem_node(problem),
        "kernel": kernel_node(network.kernel),
        "network": local_node(network) if isinstance(network, LocalNetwork) else _node(network, _vector(solution.model, problem)),
        "solver": solver_node(str(summary.get("solver"))),
        "trainer": {},
        "logger": None,
        "callbacks": None,
        "seed": int(summary.get("seed", 0)),
        "dtype": known if known in DTYPE_NAMES else "float64",
        "accuracy": None,
        "run_dir": str(directory),
        "figures": False,
    }


def _node(network: RBFNetwork, vector: str | None) -> dict[str, Any]:
    return {
        "num_centers": network.num_centers,
        "degree": network.basis.degree,
        "metric": next(name for name, kind in METRICS.items() if isinstance(network.metric, kind)),
        "per_center": network.metric.per_center,
        "vector": vector,
    }


def _vector(model: Network, problem: Problem | None) -> str | None:
    """The name of the vector field around the network, where it is not the problem's ansatz."""
    inner: Any = model
    while isinstance(inner, Wrapper) and not isinstance(inner, MatrixKernel):
        inner = inner.network
    if not isinstance(inner, MatrixKernel) or (problem is not None and type(problem).ansatz is not Problem.ansatz):
        return None
    return next(name for name, kind in VECTORS.items() if type(inner) is kind)


def _network(model: Network) -> RBFNetwork | LocalNetwork:
    """The innermost network."""
    inner: Any = model.network if isinstance(model, Evolving) else innermost(model)
    if not isinstance(inner, (RBFNetwork, LocalNetwork)):
        raise InputError(f"A {type(inner).__name__} cannot be saved; an RBFNetwork or LocalNetwork, possibly wrapped, can.")
    return inner
