"""What the figures of a solution have in common: the quantity, the coordinates along the axes, and words for both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, number, unknown
from rbfnet.plots._outline import outline
from rbfnet.plots._style import text
from rbfnet.problems import DataProblem, Problem, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = {1: 501, 2: 121}
"""Points along each axis, by the number of axes."""

TIMES = ("t", "time")
"""Coordinates of data that are no lengths, whatever stands beside them."""

SLIVER = 4.0
"""The largest ratio of two sides that are drawn on one scale."""


DRAWN = 20_000
"""More data or centres than this are thinned: they hide each other, and to evaluate and draw a million takes minutes."""


class Drawable(Protocol):
    """A solution, as far as figures look at it: what :class:`rbfnet.training.Solution` is."""

    @property
    def model(self) -> Any: ...
    @property
    def problem(self) -> Problem: ...
    @property
    def summary(self) -> dict[str, Any]: ...
    @property
    def history(self) -> list[dict[str, float]]: ...
    @property
    def posterior(self) -> Any: ...
    def predict(self, points: Any, what: Any = None, *, progress: bool = True) -> Any: ...
    def std(self, points: Any, what: Any = None) -> Any: ...
    def residual(self, points: Any) -> dict[str, Any]: ...


@dataclass(frozen=True)
class View:
    """One or two coordinates along the axes, horizontal first, and the values that the others are held at."""

    problem: Problem
    axes: tuple[str, ...]
    held: dict[str, float]

    @classmethod
    def of(cls, problem: Problem, at: Mapping[str, float] | None = None) -> View:
        """The first two coordinates that ``at`` does not hold, time being horizontal; others are at the middle of the domain.

        Raises:
            InputError: an unknown coordinate, a value that is no number, or no coordinate left.
        """
        coords = problem.domain.coords
        held = {}
        for name, value in (at or {}).items():
            if name not in coords:
                raise unknown("coordinate", name, coords)
            if (given := number(value)) is None:
                raise InputError(f"A coordinate is held at a number, as in at={{'{name}': 0.5}}, but got {value!r}.")
            held[name] = float(given)
        free = [name for name in coords if name not in held]
        if not free:
            raise InputError(f"All coordinates are held ({', '.join(held)}); leave one or two for the axes.")
        # In space and time, time is held before a third coordinate of space is.
        axes = sorted(sorted(free, key=lambda name: len(free) > 2 and is_time(problem, name))[:2], key=coords.index)
        axes.sort(key=lambda name: not is_time(problem, name))
        low, high = problem.domain.box
        middle = dict(zip(coords, ((low + high) / 2).tolist(), strict=True))
        held |= {name: middle[name] for name in free if name not in axes}
        return cls(problem, tuple(axes), held)

    def grid(self, steps: int | None = None) -> Float[Tensor, "N D"]:
        """A grid along the axes, as far as it lies in the domain."""
        steps = steps or STEPS[len(self.axes)]
        domain = self.problem.domain
        ends = dict(zip(domain.coords, domain.box.double().T.tolist(), strict=True))
        lines = [torch.linspace(ends[name][0], ends[name][1], steps, dtype=torch.float64) for name in self.axes]
        along = dict(zip(self.axes, torch.cartesian_prod(*lines).reshape(-1, len(lines)).unbind(dim=1), strict=True))
        size = len(along[self.axes[0]])
        held = {name: torch.full((size,), value, dtype=torch.float64) for name, value in self.held.items()}
        x = torch.stack([(held | along)[name] for name in domain.coords], dim=1)
        inside = domain.contains(x)
        if not inside.any():
            reach = ", ".join(f"{name} from {ends[name][0]:g} to {ends[name][1]:g}" for name in self.held)
            raise InputError(f"The domain has no points at {self.place}; it has {reach}.")
        return x[inside]

    def seen(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N A"]:
        """The coordinates along the axes."""
        return x[:, [self.problem.domain.coords.index(name) for name in self.axes]]

    def outlined(self, ax: Axes) -> None:
        """Draw the boundary of a plane domain, which pixels follow in steps."""
        domain = self.problem.domain
        if domain.space_coords == domain.coords:
            outline(ax, domain)

    @property
    def place(self) -> str:
        """Where the other coordinates are held: ``z = 0.5``."""
        return ", ".join(f"{text(name)} = {value:.3g}" for name, value in self.held.items())

    @property
    def labels(self) -> tuple[str, ...]:
        """The names along the axes, with units."""
        return tuple(label(self.problem, name) for name in self.axes)

    @property
    def share_a_unit(self) -> bool:
        """Whether both axes can have one scale: lengths in the same unit, and neither would become a sliver."""
        if len(self.axes) < 2 or any(is_time(self.problem, name) for name in self.axes):
            return False
        first, second = (unit_of(self.problem, name) for name in self.axes)
        low, high = self.seen(self.problem.domain.box).tolist()
        width, height = high[0] - low[0], high[1] - low[1]
        return first == second and height > 0 and 1 / SLIVER <= width / height <= SLIVER


def is_time(problem: Problem, name: str) -> bool:
    """Whether a coordinate is the time."""
    return name not in problem.domain.space_coords or name.lower() in TIMES


def unit_of(problem: Problem, name: str) -> str:
    """The unit of a coordinate or output: given by the problem, or in brackets at the end of its name; empty if unknown."""
    found = re.search(r"[\[(]([^\])]*)[\])]\s*$", name)
    return problem.measured_in.get(name) or (found[1].strip() if found else "")


def label(problem: Problem, name: str) -> str:
    """A name with its unit, for an axis."""
    given = problem.measured_in.get(name)
    return text(f"{name} [{given}]" if given else name)


def output_name(problem: Problem, output: int | str) -> str:
    """The name of an output given by number, or a quantity as it is written.

    Raises:
        InputError: there is no output of that number.
    """
    if isinstance(output, str):
        return output
    known = list(range(len(problem.outputs)))
    if isinstance(output, bool) or output not in known:
        raise unknown("output of number", output, known)
    return problem.outputs[output]


def output_number(problem: Problem, output: int | str) -> int:
    """The number of an output given by name or number.

    Raises:
        InputError: there is no such output.
    """
    name = output_name(problem, output)
    if name not in problem.outputs:
        raise unknown("output", name, problem.outputs)
    return problem.outputs.index(name)


def known_values(problem: Problem, view: View) -> Reference | None:
    """What the fit can be compared with: the exact solution in the view, a reference, or data; None if there is none.

    Of data, at most about ``DRAWN`` rows, evenly spread.
    """
    if problem.exact is not None:
        return problem.exact_at(view.grid())
    if not isinstance(problem, DataProblem):
        return problem.test_set()
    known = problem.test_set() or problem.train_set
    return Reference(*(part[thinned(len(known.x))] for part in (known.x, known.y)))


def thinned(count: int) -> slice:
    """Which of so many points are drawn."""
    return slice(None, None, -(-count // DRAWN) or 1)


def title(solution: Drawable, name: str, view: View | None = None) -> str:
    """Problem, output and where it is drawn; below, the relative error and the verdict."""
    place = f" at {view.place}" if view is not None and view.held else ""
    return f"{text(str(solution.summary['problem']))}: {text(name)}{place}\n{came_out(solution, name)}"


def headline(solution: Drawable) -> str:
    """One line on a solution: the problem, the relative error where it is known, and the verdict.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> rbfnet.plots.headline(solution).split(":")[0]
        'poisson'
    """
    return f"{text(str(solution.summary['problem']))}: {came_out(solution)}"


def came_out(solution: Drawable, name: str | None = None) -> str:
    """The relative error, of one output or of all, and the verdict."""
    summary = solution.summary
    errors = summary.get("errors_by_output", {}).get(name) or summary.get("errors")
    words = []
    if errors:
        by = str(summary.get("errors_by", "reference"))
        words.append(f"relative L2 error {errors['rel_l2']:.1e}" + (f" ({by})" if by != "reference" else ""))
    elif summary.get("estimated_error") is not None:
        words.append(f"estimated error {summary['estimated_error']:.1e}")
    return ", ".join([*words, str(summary["verdict"])])


def compared(solution: Drawable, output: int | str, at: Mapping[str, float] | None) -> tuple[View, Reference, str]:
    """The view, points with the true values of one output (N, 1) there, and what these are called.

    Raises:
        InputError: there is nothing to compare the fit with, or no such output.
    """
    problem = solution.problem
    view, column = View.of(problem, at), output_number(problem, output)
    known = known_values(problem, view)
    if known is None or bool(torch.isnan(known.y[:, column]).all()):
        raise InputError(
            f"{type(problem).__name__} has neither an exact solution nor a reference to compare with; use fit or residual."
        )
    called = "reference" if not isinstance(problem, DataProblem) else "data" if problem.test_set() is None else "held-out rows"
    return view, Reference(known.x, known.y[:, column : column + 1]), called


def reference_in(problem: Problem, name: str, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
    """The exact solution at points.

    Raises:
        InputError: it is not known, or there is no such output.
    """
    column = output_number(problem, name)
    known = problem.exact_at(x)
    if known is None:
        raise InputError(f"{type(problem).__name__} has no exact solution to draw; show the fit.")
    return known.y[:, column]


def is_sparse(problem: Problem, view: View) -> bool:
    """Whether what the fit is compared with does not lie in the view: at points in three coordinates and more."""
    return problem.exact is None and len(view.axes) < len(problem.domain.coords)
