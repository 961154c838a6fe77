"""Load the solution from a run directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rbfnet.annotations import held
from rbfnet.errors import InputError
from rbfnet.nn import Evolving
from rbfnet.problems import Problem
from rbfnet.training._column_names import ColumnNames
from rbfnet.training._isolated import isolated, seed_everything
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution
from rbfnet.training.foreign import read_config
from rbfnet.training.runs._construct import construct
from rbfnet.training.runs._run_directory import load as load_model
from rbfnet.training.storage import numbers_of, read_model, read_summary, rows_of

PART = "problem."
"""The prefix of the names of a problem's tensors."""

SHOWN: dict[str, tuple[Any, Any]] = {
    "problem": (str, "unknown"), "kernel": (str, "unknown"), "solver": (str, "unknown"), "centers": (int, 0),
    "seconds": ((int, float), 0.0), "loss": ((int, float), None), "errors": (dict, None), "verdict": (str, "unknown"),
    "reasons": (list, []), "residuals": (list, []), "estimated_error": ((int, float), None),
}  # fmt: skip
"""Entries of a summary that a solution uses: the type, and the default if missing or of another type."""


@held
def load(run_dir: str | Path, trust: Iterable[str] = (), *, problem: Problem | None = None) -> Solution:
    """Load the solution of a run from its ``config.yaml``, ``model.safetensors`` and ``summary.json``.

    The result is the same kind of object that :func:`rbfnet.solve` returns. Its problem is rebuilt from ``config.yaml`` on first
    access; predictions need it only if the model satisfies conditions by construction.

    The files are read as data: nothing is unpickled, and only classes that rbfnet exports or ``trust`` names are instantiated.

    Args:
        run_dir: the directory of a run, or one written by :meth:`rbfnet.training.Solution.save`.
        trust: the user's modules from which kernels and problems may be imported, ``["my_kernels"]``.
        problem: the problem, if it cannot be rebuilt from the config, as for data fitted in Python.

    Raises:
        InputError: no run in the directory, files that cannot be read or are inconsistent, or a kernel or
            ansatz from a module that is not trusted.

    Example:
        >>> import rbfnet, tempfile
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=60)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     again = rbfnet.load(solution.save(directory))
        >>> points = [[0.2, 0.3], [0.5, 0.5]]
        >>> bool((again.predict(points) == solution.predict(points)).all()), again.verdict == solution.verdict
        (True, True)
    """
    directory, trust = Path(run_dir), list(trust)
    if problem is not None and not isinstance(problem, Problem):
        raise InputError(f"problem must be the Problem that the run solved, but got {problem!r}.")
    model = load_model(directory, trust)
    summary = _summary(directory)
    names = None if problem is not None else ColumnNames.read(summary, model.in_features, model.out_features)
    made = problem if problem is not None else _Later(directory, trust, model)
    if names is None and problem is None:
        names = _names(made, model)  # type: ignore[arg-type]
    return Solution(model, made, summary["errors"], summary, names, history=_history(directory))


class _Later:
    """Builds the problem of a run when called."""

    def __init__(self, directory: Path, trust: list[str], model: Network) -> None:
        self.directory, self.trust, self.model = directory, trust, model

    def __call__(self) -> Problem:
        where = str(self.directory)
        config = read_config(self.directory)
        if not isinstance(config.get("problem"), Mapping):
            raise InputError(
                f"The run in {where!r} was saved without its problem; give it, as in rbfnet.load({where!r}, problem=...)."
            )
        dtype = self.model.weight.dtype
        with isolated(dtype):
            # Use the held-out rows and noisy points of the run.
            seed = config.get("seed", 0)
            seed_everything(seed if isinstance(seed, int) else 0)
            problem: Problem = construct(config["problem"], Problem, "problems", self.trust).to(dtype)
            problem.follow(self.model.num_centers, in_space=isinstance(self.model, Evolving))
            tensors, _ = read_model(self.directory / "model.safetensors")
            try:
                problem.load_state_dict({key[len(PART) :]: value for key, value in tensors.items() if key.startswith(PART)})
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1].strip()
                raise InputError(f"The unknowns in {where!r} do not fit its problem: {reason}") from None
        return problem


def _names(made: _Later, model: Network) -> ColumnNames:
    """The names for a run saved without names: those of its problem, if that can be rebuilt."""
    try:
        names = ColumnNames.of(made())
    except (InputError, OSError):
        names = None
    fits = names is not None and (len(names.coords), len(names.outputs)) == (model.in_features, model.out_features)
    return names if names is not None and fits else ColumnNames.default(model.in_features, model.out_features)


def _history(directory: Path) -> list[dict[str, float]]:
    """The rows of ``metrics.csv``; none if it is missing or damaged: only a figure needs them."""
    file = directory / "metrics.csv"
    try:
        return numbers_of(rows_of(file)) if file.is_file() else []
    except InputError:
        return []


def _summary(directory: Path) -> dict[str, Any]:
    """Read ``summary.json`` with all entries that a solution uses; missing ones get defaults."""
    file = directory / "summary.json"
    # The file is untrusted: entries of another type are replaced by defaults.
    found = read_summary(file) if file.is_file() else {}
    return {
        **found,
        **{key: found[key] if isinstance(found.get(key), kind) else lacking for key, (kind, lacking) in SHOWN.items()},
    }
