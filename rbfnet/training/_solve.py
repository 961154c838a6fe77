"""The whole of a run in one call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.given import call
from rbfnet.kernels import KernelLike
from rbfnet.operators import default_coords
from rbfnet.problems import DataProblem, Problem
from rbfnet.solvers import LeastSquares, Solver
from rbfnet.solvers._sequence import as_solver
from rbfnet.training._isolated import isolated, seed_everything
from rbfnet.training._model import build_model
from rbfnet.training._train import DTYPES, Solution, prepare, train


def solve(
    problem: Problem | type[Problem],
    *,
    kernel: KernelLike = "gaussian",
    num_centers: int | None = 400,
    solver: Solver | str = "least_squares",
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    callbacks: Sequence[pl.Callback] = (),
    **network: Any,
) -> Solution:
    """Solve a problem: build the network, fit it, measure it.

    Random numbers, the default dtype and whatever else belongs to the process are left as they were. Runs in several threads
    come one after the other.

    Args:
        problem: a Problem.
        kernel: a Kernel, its name, or a plain function of s.
        num_centers: the number of centres; None for all points of a data problem with ``centers="points"``.
        solver: a Solver, or the name of one for its defaults.
        seed: of the points and centres.
        dtype: of everything.
        callbacks: of Lightning's, those that move points (:class:`rbfnet.training.RAD`, :class:`rbfnet.training.R3`) among them.
        network: further arguments of :class:`rbfnet.nn.RBFNetwork`: ``centers``, ``epsilon``, ``degree``, ...

    Raises:
        InputError: anything that does not fit, in one sentence.

    Example:
        ``rbfnet.solve(Poisson(), kernel="gaussian", num_centers=400).errors["rel_l2"]``
    """
    started = time.perf_counter()
    chosen = as_solver(solver)
    if dtype not in DTYPES.values():
        raise InputError(f"dtype is torch.float64 or torch.float32, but got {dtype!r}.")
    if not isinstance(callbacks, (list, tuple)) or not all(isinstance(callback, pl.Callback) for callback in callbacks):
        raise InputError(f"callbacks is a list of callbacks, as in [RAD()], but got {callbacks!r}.")
    with isolated(dtype):
        seed_everything(seed)
        posed = _made(problem)
        model = build_model(posed, kernel, {"num_centers": num_centers, **network}, chosen, dtype)
        prepared = prepare(posed, model, chosen, {"accelerator": "cpu", "devices": 1}, callbacks=callbacks)
        return train(prepared, seed=seed, started=started)


def fit(
    x: Tensor | np.ndarray,
    y: Tensor | np.ndarray,
    *,
    kernel: KernelLike = "thin_plate_spline",
    num_centers: int | None = None,
    test: float = 0.1,
    coords: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    seed: int = 0,
    smoothing: float | str | Tensor | np.ndarray = 0.0,
    **options: Any,
) -> Solution:
    """Fit values y at points x: standardise, build the network, solve for its weights, measure the error on rows held back.

    The default is that of SciPy's ``RBFInterpolator``, thin-plate interpolation, which needs no shape parameter and stays
    sensible on rough data; smooth data gain accuracy from smoother kernels, noisy data from fewer centres.

    Args:
        x: (N, D), or (N,) for one input.
        y: (N, O), or (N,) for one output.
        kernel: a Kernel, its name, or a plain function of s.
        num_centers: the number of centres; None takes every training point as one (interpolation).
        test: rows held back for the errors: a fraction below 1, or a number of rows; 0 trains on all of them.
        coords, outputs: names for the columns.
        seed: of the rows held back and of the centres.
        smoothing: how much the model may miss values at its centres: a number, one for each row of x, or ``"auto"``
            (:class:`rbfnet.solvers.LeastSquares`).
        options: further arguments of :func:`solve`.

    Raises:
        InputError: anything that does not fit, in one sentence.

    Example:
        ``rbfnet.fit(x, y, kernel="thin_plate_spline", num_centers=500).model(new_points)``
    """
    points, values = (_columns(name, array) for name, array in (("x", x), ("y", y)))
    names = tuple(coords) if coords is not None else default_coords(points.shape[1])
    called = (
        tuple(outputs)
        if outputs is not None
        else ("u",)
        if values.shape[1] == 1
        else tuple(f"u{o + 1}" for o in range(values.shape[1]))
    )
    with isolated():
        seed_everything(seed)
        problem = DataProblem(points, values, names, called, validation=0, test=test)
    options.setdefault("centers", "points" if num_centers is None else "farthest_point")
    if not isinstance(smoothing, (int, float)) or smoothing:
        if "solver" in options:
            raise InputError("smoothing is least_squares' own here; give it to the solver, as in LeastSquares(smoothing=...).")
        options["solver"] = LeastSquares(
            smoothing=_per_row(smoothing, points)[problem.train_rows]
            if isinstance(smoothing, (Tensor, np.ndarray))
            else smoothing
        )
    return solve(problem, kernel=kernel, num_centers=num_centers, seed=seed, **options)


def _made(problem: Problem | type[Problem]) -> Problem:
    """The problem, or the one of that class."""
    if isinstance(problem, type) and issubclass(problem, Problem):
        if abstract := getattr(problem, "__abstractmethods__", None):
            raise InputError(f"{problem.__name__} lacks {', '.join(sorted(abstract))}; write it as a method.")
        return call(problem, problem.__name__)
    if not isinstance(problem, Problem):
        raise InputError(f"solve takes a Problem, but got {problem!r}.")
    return problem


def _per_row(smoothing: Tensor | np.ndarray, points: Tensor) -> Tensor:
    tensor = torch.as_tensor(smoothing).to(torch.float64)
    if tensor.shape != (len(points),):
        raise InputError(
            f"smoothing must have one value for each of the {len(points)} rows, but has shape {tuple(tensor.shape)}."
        )
    return tensor


def _columns(name: str, array: Tensor | np.ndarray) -> Tensor:
    tensor = torch.as_tensor(array)
    tensor = tensor[:, None] if tensor.ndim == 1 else tensor
    if tensor.ndim != 2 or not len(tensor):
        raise InputError(f"{name} has one row a point, (N, columns) or (N,), but got {tuple(tensor.shape)}.")
    return tensor.to(torch.float64)
