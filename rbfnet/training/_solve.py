"""``solve`` and ``fit``: a whole run in one call."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.errors import InputError, NotSolvedWarning, flag, number
from rbfnet.given import call
from rbfnet.kernels import KernelLike
from rbfnet.problems import DataProblem, Problem
from rbfnet.solvers import Auto, LeastSquares, Solver, as_solver
from rbfnet.training._arrays import as_columns
from rbfnet.training._choose_kernel import choose_kernel
from rbfnet.training._choose_solver import choose_solver
from rbfnet.training._given_data import data_problem, default_kernel, per_row
from rbfnet.training._isolated import ProcessState, isolated, seed_everything
from rbfnet.training._local_model import locally, without_defaults
from rbfnet.training._local_solve import LocalRun
from rbfnet.training._model import DTYPES, build_model
from rbfnet.training._prepare import prepare
from rbfnet.training._solution import Solution
from rbfnet.training._train import train
from rbfnet.training._until_accurate import grows, until_accurate
from rbfnet.training.verdict import accuracy_for


@held
def solve(
    problem: Problem | type[Problem],
    *,
    kernel: KernelLike | None = None,
    num_centers: int | str | None = "auto",
    solver: Solver | str = "auto",
    seed: int = 0,
    dtype: torch.dtype | str = torch.float64,
    callbacks: Sequence[pl.Callback] = (),
    accuracy: float | None = None,
    allow_unsolved: bool = False,
    accelerator: str = "cpu",
    devices: int | str = 1,
    **network: Any,
) -> Solution:
    """Solve a problem: build the network, fit it, measure its errors, and judge whether the problem is solved.

    The random state, the default dtype and other global state are restored afterwards. Runs in several threads are executed
    one after the other.

    Args:
        problem: a :class:`rbfnet.Problem`, or a class whose constructor needs no arguments.
        kernel: a Kernel, its name, or a plain function of s; None is a Gaussian, or r^5 with ``network="local"``.
        num_centers: the number of centres or nodes; ``"auto"`` is 400 or, with an accuracy, as many centres as it takes; None for
            data with ``centers="points"``, where every point is a centre.
        solver: a Solver, or the name of a solver with default arguments; ``"auto"`` chooses one for the problem
            (:class:`rbfnet.solvers.Auto`).
        seed: the random seed for points and centres.
        dtype: the dtype of all computations.
        callbacks: Lightning callbacks, such as :class:`rbfnet.training.RAD` and :class:`rbfnet.training.R3`, which move points.
        accuracy: the relative accuracy for the verdict; None is 1e-3, or 2e-2 for data (:func:`rbfnet.training.judge`). If it is
            given and ``num_centers`` is not, equations are solved with 100, 200, 400, ... centres until the estimated error is
            at most ``accuracy``; the summary lists these runs and, if the accuracy is not reached, says what limits it.
        allow_unsolved: do not warn if the verdict is ``"not solved"``.
        accelerator, devices: options of Lightning's Trainer: ``accelerator="gpu"``; ``devices=2`` for solvers that support it.
        network: further arguments of :class:`rbfnet.nn.RBFNetwork` (``epsilon``, ``degree``, ...), ``vector="divergence_free"``
            (:class:`rbfnet.nn.DivergenceFree`); or ``network="local"``, those of :class:`rbfnet.nn.LocalNetwork` and ``spacing``
            (:func:`rbfnet.domains.place_nodes`), for problems with many nodes: sparse systems.

    Raises:
        InputError: any invalid argument, or a combination that does not work; the message is one sentence.

    Warns:
        NotSolvedWarning: the verdict is ``"not solved"``.

    Example:
        ``rbfnet.solve(Poisson(), kernel="gaussian", num_centers=400).errors["rel_l2"]``
    """
    started = time.perf_counter()
    chosen, wanted = as_solver(solver), flag("allow_unsolved", allow_unsolved)
    if not isinstance(dtype, torch.dtype) or dtype not in DTYPES.values():
        raise InputError(f"dtype must be torch.float64 or torch.float32, but got {dtype!r}.")
    with isolated(dtype):
        seed_everything(seed)
        trainer, arguments = {"accelerator": accelerator, "devices": devices}, {"num_centers": num_centers, **network}
        settings = {"seed": seed, "started": started}
        solution = _solved(made("solve", problem), kernel, arguments, chosen, dtype, trainer, callbacks, accuracy, settings)
    if solution.verdict == "not solved" and not wanted:
        warnings.warn("Not solved. " + " ".join(solution.summary["reasons"]), NotSolvedWarning, stacklevel=3)
    return solution


@held
def fit(
    x: Any,
    y: Any,
    *,
    kernel: KernelLike | None = None,
    num_centers: int | None = None,
    gradients: Any = None,
    test: float = 0.0,
    coords: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    seed: int = 0,
    smoothing: float | str | Tensor | np.ndarray = "auto",
    network: str = "auto",
    weights: Sequence[float] | Tensor | np.ndarray | None = None,
    **options: Any,
) -> Solution:
    """Fit values y at points x: standardise, build the network, solve for the weights, and measure the error by leaving rows out.

    The default is a thin-plate spline with a centre at every point, as in SciPy's ``RBFInterpolator``. It needs no shape
    parameter and is robust for rough data; for smooth data a smoother kernel is more accurate. Cross-validation decides whether
    the model interpolates or smooths. The summary states what was chosen, and why. Repeated points are merged into one, with the
    mean value and a weight equal to their number. Gradients and other measurements are fitted together with the values.

    Args:
        x: (N, D), or (N,) for one input: an array, list, tensor or data frame, without masked rows; or domains, with means y.
        y: (N, O), or (N,) for one output, likewise; real and imaginary parts of complex values become separate outputs, which
            :meth:`Solution.predict` recombines.
        kernel: a Kernel, its name, or a plain function of s; None is a thin-plate spline, quintic with other data or bounds,
            cubic with ``network="local"``, Gaussian with an equation, multiquadric with ``vector``; ``"auto"`` compares errors.
        num_centers: the number of centres; None places one at every distinct point.
        gradients: the gradient of each output at each row of x, (N, O, D), or (N, D) for one output.
        test: rows held out to measure the errors, a fraction below 1 or a number of rows; with 0 the model is fitted to all rows.
        coords, outputs: names of the columns; None uses those of a data frame.
        seed: the random seed for the held-out rows and the centres.
        smoothing: ``"auto"`` for cross-validation; 0 interpolates, or with fewer centres fits; a number, or one per row of x.
        network: ``"default"`` for one system of all points; ``"local"`` for a blend of interpolants of 50 points each
            (:class:`rbfnet.nn.LocalNetwork`); ``"auto"`` is local beyond 20,000 points or half of this machine's memory.
        weights: one positive number per row of x: the inverse variance of its error, up to a factor; None if all are equal.
        options: further arguments of :func:`solve`, and of :class:`rbfnet.problems.DataProblem`: ``also`` (other derivatives,
            means over cells), ``noise`` and ``gradient_noise``; ``bounds`` (``["u >= 0", "u_x >= 0", "convex"]``);
            ``equation="u_t = u_xx"``, a linear equation known to hold, ``equation_noise`` and ``domain``; ``scale`` of the inputs
            (``"common"``, one length for all), ``periodic={"theta": 360.0}``, ``sphere=("lon", "lat")``.

    Raises:
        InputError: any invalid argument, or a combination that does not work; the message is one sentence.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.random.default_rng(0).random((100, 2))
        >>> solution = rbfnet.fit(x, np.sin(x[:, 0]) + x[:, 1])
        >>> solution.summary["errors_by"], bool(solution.errors["rel_std"] < 0.01)
        ('leave-one-out', True)
    """
    problem, masked = data_problem(x, y, gradients, coords, outputs, seed, test, weights, options)
    fitted_by = _smoothing_solver(smoothing, masked, problem, options)
    options = {"num_centers": num_centers, "seed": seed, **_as_tensors(options), "solver": fitted_by}
    if locally(network, kernel, options, problem):
        return solve(problem, kernel="cubic" if kernel is None else kernel, network="local", **without_defaults(options))
    options = {"centers": "points" if num_centers is None else "farthest_point", **options}
    return solve(problem, kernel=_kernel(problem, kernel, options), **options)


def _kernel(problem: DataProblem, kernel: KernelLike | None, options: Mapping[str, Any]) -> KernelLike:
    """The kernel itself, the default for the data, or the one that is chosen, of which the notes then tell."""
    if kernel is None:
        return default_kernel(problem, options.get("vector"))
    if not isinstance(kernel, str) or kernel != "auto":
        return kernel
    rest = {key: value for key, value in options.items() if key != "num_centers"}
    chosen, why = choose_kernel(problem, solve, options["num_centers"], rest)
    problem.notes.append(why)
    return chosen


def _as_tensors(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options, centres and widths that are arrays as tensors."""
    arrays = {name: options[name] for name in ("centers", "epsilon") if isinstance(options.get(name), np.ndarray)}
    return {**options, **{name: as_columns(name, given).values.reshape(given.shape) for name, given in arrays.items()}}


def _smoothing_solver(smoothing: Any, masked: Tensor, problem: DataProblem, options: Mapping[str, Any]) -> Solver | str:
    """The solver with the requested smoothing, or the one that was given."""
    if isinstance(smoothing, str) and smoothing == "auto":
        given: Solver | str = options.get("solver", "least_squares")
        if problem.restricted and not isinstance(as_solver(given), (LeastSquares, Auto)):
            raise InputError("Fits with an equation or bounds are computed by least_squares; remove solver.")
        return given
    if "solver" in options:
        raise InputError("smoothing cannot be combined with solver; pass it to the solver, as in LeastSquares(smoothing=...).")
    if not isinstance(smoothing, str) and number(smoothing) is None:
        smoothing = per_row("smoothing", smoothing, masked)[problem.train_rows]
    return LeastSquares(smoothing=cast(float | str | Tensor, smoothing))


def _solved(
    problem: Problem,
    kernel: KernelLike | None,
    arguments: Mapping[str, Any],
    solver: Solver,
    dtype: torch.dtype,
    trainer: Mapping[str, Any],
    callbacks: Sequence[pl.Callback],
    accuracy: float | None,
    settings: Mapping[str, Any],
) -> Solution:
    """The solution of one run, or of the best of several with more and more centres."""
    asked = accuracy_for(problem, accuracy)
    if arguments.get("network") == "local" and not isinstance(problem, DataProblem):
        return (
            LocalRun(problem, kernel, arguments).checked(solver, dtype, trainer, callbacks).solution(accuracy=asked, **settings)
        )
    kernel = "gaussian" if kernel is None else kernel
    more = grows(problem, accuracy, arguments, trainer, callbacks)
    solver = choose_solver(solver, problem, kernel, arguments, dtype, trainer, callbacks)

    def run(**given: Any) -> Solution:
        model = build_model(problem, kernel, {**arguments, **given}, solver, dtype)
        prepared = prepare(problem, model, solver, trainer, callbacks=callbacks)
        return train(prepared, accuracy=asked, **settings)

    return _grown(run, problem, asked) if more else run()


def _grown(run: Callable[..., Solution], problem: Problem, accuracy: float) -> Solution:
    """The solution of runs with more and more centres, each from the same random state and the same unknowns of the problem."""
    state, before = ProcessState.now(), copy.deepcopy(problem.state_dict())
    after: dict[int, dict[str, Any]] = {}

    def attempt(centers: int) -> Solution:
        state.restore()
        problem.load_state_dict(before)
        solution = run(num_centers=centers)
        after[centers] = copy.deepcopy(problem.state_dict())
        return solution

    centers, solution = until_accurate(attempt, accuracy, len(problem.outputs))
    if centers != max(after):
        # The last run was not the best.
        problem.load_state_dict(after[centers])
        problem.follow(solution.model.num_centers, in_space=problem.in_space)
    return solution


def made(caller: str, problem: Problem | type[Problem]) -> Problem:
    """The problem itself, or an instance of a problem class; ``caller`` is the function that takes it."""
    if isinstance(problem, type) and issubclass(problem, Problem):
        if abstract := getattr(problem, "__abstractmethods__", None):
            raise InputError(f"{problem.__name__} lacks {', '.join(sorted(abstract))}; write it as a method.")
        return call(problem, problem.__name__)
    if not isinstance(problem, Problem):
        raise InputError(f"{caller} takes a Problem, but got {problem!r}.")
    return problem
