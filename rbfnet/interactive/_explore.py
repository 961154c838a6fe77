"""``explore``: a fit whose kernel, width, centres and smoothing follow sliders."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.errors import InputError, one_of
from rbfnet.extras import require
from rbfnet.given import call, one_each
from rbfnet.interactive._choice import Choice, Subject, kernels
from rbfnet.interactive._explorer import Explorer
from rbfnet.problems import DataProblem, Problem
from rbfnet.training import fit, solve

MOST_CENTERS = 1000
"""The largest number of centres on the slider: beyond, a fit takes too long to follow a hand."""

FEWEST = 3
"""The smallest number."""

PROBLEM_CENTERS = 100
"""The number of centres that an equation starts with."""


@held
def explore(
    x: Any,
    y: Any = None,
    *,
    kernel: str = "gaussian",
    output: str | None = None,
    exact: Callable[..., Any] | None = None,
    coords: Sequence[str] | None = None,
) -> Explorer:
    """A widget to choose kernel, shape parameter, number of centres and smoothing by hand, for one or two coordinates.

    It fits again whenever a slider moves, and shows the fit with the data, its error, the condition number, and the line of code
    that gives the same solution. The error is that against the exact values if they are known, and otherwise, for data, that of
    leaving each row out. The condition number is that of the interpolation matrix; for a problem, the sentences of the solver
    name it. A cell that ends
    with the widget shows it.

    Args:
        x: points (N, D), as in :func:`rbfnet.fit`; or a :class:`rbfnet.Problem`, without ``y``.
        y: values of one output, (N,) or (N, 1).
        kernel: the name of the kernel to begin with.
        output: which output of a problem is shown; None is the first.
        exact: for data, a function of the coordinates, arrays (N,), that returns the true values (N,), if they are known. A
            problem has its own.
        coords: the names of the coordinates of data.

    Returns:
        An object that a notebook shows; its ``box`` is an ``ipywidgets.VBox``. Its controls ``kernel``, ``epsilon``,
        ``epsilon_by``, ``num_centers``, ``smoothing`` and ``smoothing_by`` are widgets whose ``value`` can be read and set,
        ``code`` is the line of code, and ``solution`` the :class:`rbfnet.Solution` shown.

    Raises:
        InputError: more than two coordinates, several outputs of data, or what :func:`rbfnet.fit` or :func:`rbfnet.solve`
            reject; ipywidgets is not installed.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.linspace(0, 1, 30)
        >>> widget = rbfnet.interactive.explore(x, np.sin(9 * x))
        >>> widget.epsilon.value = 2.0
        >>> widget.code
        "rbfnet.fit(x, y, kernel='gaussian', epsilon=2.0)"
    """
    require("ipywidgets", "interactive", "explore")
    one_of("kernel", kernel, kernels())
    if isinstance(x, type) and issubclass(x, Problem):
        x = call(x, x.__name__)
    if isinstance(x, Problem):
        if y is not None or exact is not None or coords is not None:
            raise InputError("explore takes a Problem without y, exact and coords; remove them.")
        subject, start, most = _of_problem(x, kernel, output)
    else:
        if output is not None:
            raise InputError("output is for a Problem; give explore the values of one output as y.")
        subject, start, most = _of_data(x, y, kernel, exact, coords)
    return Explorer(subject, start, (FEWEST, most), subject.solution(start))


def _of_data(x: Any, y: Any, kernel: str, exact: Callable[..., Any] | None, coords: Any) -> tuple[Subject, Choice, int]:
    """Data, with a centre at every point if these are few enough."""
    if y is None:
        raise InputError("explore takes points x and values y, or a Problem, but got x alone.")
    # The cheapest fit checks the data, and says how they are arranged.
    problem = fit(x, y, num_centers=1, kernel="gaussian", epsilon=1.0, coords=coords, allow_unsolved=True).problem
    if len(problem.outputs) > 1:
        raise InputError(f"explore shows one output, but y has {len(problem.outputs)} columns; give one of them.")
    _require_few(len(problem.domain.coords))
    sites = len(problem.support())
    run = functools.partial(fit, x, y, **({} if coords is None else {"coords": coords}))
    most = min(sites, MOST_CENTERS)
    start = Choice(kernel, "auto", None if most == sites else most, "auto")
    names = "" if coords is None else f", coords={list(coords)!r}"
    return Subject(run, f"rbfnet.fit(x, y{names}", 0, None if exact is None else _values_of(exact)), start, most


def _of_problem(problem: Problem, kernel: str, output: str | None) -> tuple[Subject, Choice, int]:
    """A problem, which has no smoothing."""
    if isinstance(problem, DataProblem):
        raise InputError("explore takes data as points x and values y, not as a DataProblem.")
    problem.require_domain()
    _require_few(len(problem.domain.coords))
    number = 0 if output is None else problem.outputs.index(one_of("output", output, problem.outputs))
    exact = None if problem.exact is None else _values_of(problem.exact, number)
    run = functools.partial(solve, problem)
    return Subject(run, "rbfnet.solve(problem", number, exact), Choice(kernel, "auto", PROBLEM_CENTERS, None), MOST_CENTERS


def _require_few(coords: int) -> None:
    if coords > 2:
        raise InputError(f"explore shows one or two coordinates, but got {coords}; see rbfnet.interactive.slide and view.")


def _values_of(exact: Callable[..., Any], output: int | None = None) -> Callable[[Tensor], Tensor]:
    """The exact values at points (N, D): of one output of a problem, from tensors; or of data (``None``), from arrays."""

    def at(x: Tensor) -> Tensor:
        columns = [column.clone() if output is not None else column.numpy().copy() for column in x.unbind(dim=1)]
        found = call(exact, "`exact`", *columns)
        column = found[output] if output is not None and isinstance(found, tuple) else found
        return torch.as_tensor(one_each(column, x[:, 0], "`exact` must return one value for each point")).to(x).expand(len(x))

    return at
