"""The figures of a run: one overview, and each of its pictures in a file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rbfnet import plots
from rbfnet.errors import InputError
from rbfnet.operators import Operator
from rbfnet.problems import DataProblem, UnknownField
from rbfnet.training.storage import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rbfnet.training._solution import Solution

WIDTH, HEIGHT = 4.2, 3.4
"""Of one panel, in inches."""

WIDEST = 4
"""Panels in a row; of more, no word can be read on a page."""

SLICES = 3
"""Maps in a row through three coordinates and more."""

BARS = 2000
"""Maximum number of centres of a fit whose error bars are drawn in a map."""


@dataclass(frozen=True)
class Picture:
    """A picture of a run: what its file is called, how it is drawn on one Axes or on a row of them, and its title there.

    ``panels`` is 1, or the number of Axes of a row of slices.
    """

    file: str
    draw: Callable[[Any], object]
    title: str
    panels: int = 1


def overview(solution: Solution, figure: Figure | None = None) -> Figure:
    """All pictures in one figure: a row per output (fit, reference, error) and per unknown function, and the single ones.

    Args:
        solution: the solution to draw.
        figure: an empty figure to draw in; by default a new one of pyplot.

    Example:
        >>> import rbfnet
        >>> figure = rbfnet.training.overview(rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100))
        >>> [ax.get_title() for ax in figure.axes[:3]]
        ['u: fit', 'u: reference', 'u: error']
    """
    if figure is None:
        import matplotlib.pyplot as plt

        with plots.style():
            figure = plt.figure()
    rows, single = _rows(solution), _single(solution)
    wide = max(sum(picture.panels for picture in row) for row in rows)
    if max(picture.panels for row in rows for picture in row) > 1:
        # Slices fill a row each.
        rows = [[picture] for row in rows for picture in row]
        wide = SLICES
        rows += [single[start : start + wide] for start in range(0, len(single), wide)]
    else:
        # What there is one of fills the rows, to the right of their own pictures, and further rows where these would be long.
        holes = sum(wide - len(row) for row in rows)
        needed = wide + max(0, -(-(len(single) - holes) // len(rows)))
        wide = needed if needed <= WIDEST else wide
        left = iter(single)
        rows = [[*row, *islice(left, wide - len(row))] for row in rows]
        rows += iter(lambda: list(islice(left, wide)), [])
    with plots.style():
        figure.set_size_inches(WIDTH * wide, HEIGHT * len(rows) + 0.4)
        places: Any = figure.add_gridspec(len(rows), wide)
        for n, row in enumerate(rows):
            column = 0
            for picture in row:
                _drawn(picture, [figure.add_subplot(places[n, column + k]) for k in range(picture.panels)])
                column += picture.panels
        figure.suptitle(plots.headline(solution))
    return figure


def write_figures(solution: Solution, directory: Path) -> list[Path]:
    """Write ``overview.png`` and every picture as a PNG file."""
    # Not a pyplot figure: pyplot's state belongs to the user and to one thread.
    from matplotlib.figure import Figure

    written = []
    with plots.style():
        for picture in [picture for row in _rows(solution) for picture in row] + _single(solution):
            figure = Figure(figsize=(WIDTH * picture.panels, HEIGHT)) if picture.panels > 1 else Figure()
            axes = np.atleast_1d(figure.subplots(1, picture.panels))
            picture.draw(axes if picture.panels > 1 else axes[0])
            if picture.panels > 1:
                figure.suptitle(f"{picture.title}. {plots.headline(solution)}")
            written.append(_saved(figure, directory / picture.file))
        written.append(_saved(overview(solution, Figure()), directory / "overview.png"))
    return written


def draw_fit(solution: Solution, ax: Axes) -> None:
    """The fit of the first output alone, for a small picture."""
    plots.fit(solution, ax=ax)


def _unknown(solution: Solution, name: str, ax: Axes) -> None:
    plots.unknown(solution, name, ax=ax)


def _drawn(picture: Picture, axes: list[Axes]) -> None:
    if picture.panels == 1:
        picture.draw(axes[0])
        axes[0].set_title(picture.title or axes[0].get_title())
        return
    picture.draw(axes)
    axes[0].set_title(f"{picture.title}, {axes[0].get_title()}")


def _saved(figure: Figure, path: Path) -> Path:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    write_whole(path, file.getbuffer())
    return path


def _rows(solution: Solution) -> list[list[Picture]]:
    """A row of pictures for each output, and for each unknown function of two coordinates."""
    outputs = solution.problem.outputs
    suffixes = ["_" + re.sub(r"[^\w.-]", "_", name) if len(outputs) > 1 else "" for name in outputs]
    rows = [_of_output(solution, n, suffix) for n, suffix in enumerate(suffixes)]
    return rows + [_of_function(solution, name) for name, part in _functions(solution).items() if len(part.coords) > 1]


def _of_output(solution: Solution, output: int, suffix: str) -> list[Picture]:
    problem = solution.problem
    name = problem.outputs[output].replace("$", r"\$")
    deep = len(problem.domain.coords) > 2

    def picture(kind: str, title: str) -> Picture:
        if deep and (kind == "fit" or problem.exact is not None):
            return Picture(f"{kind}{suffix}.png", lambda axes: plots.slices(solution, output, show=kind, ax=axes), title, SLICES)
        draw: Any = plots.parity if deep and kind == "reference" else getattr(plots, kind)
        return Picture(f"{kind}{suffix}.png", lambda ax: draw(solution, output, ax=ax), title)

    test = problem.test_set()
    known = test is not None and not bool(test.y[:, output].isnan().all())
    if problem.exact is None and not isinstance(problem, DataProblem) and not known:
        return [picture("fit", f"{name}: fit")]
    called = "reference" if not isinstance(problem, DataProblem) else "data" if test is None else "held-out rows"
    found = solution.summary.get("errors_by_output", {}).get(problem.outputs[output])
    error = f", relative L2 {found['rel_l2']:.1e}" if found else ""
    cells = problem.cells if isinstance(problem, DataProblem) else None
    bars = [Picture(f"deviation{suffix}.png", partial(_deviation, solution, output), f"{name}: standard deviation")]
    return [
        picture("fit", f"{name}: fit"),
        picture("reference", f"{name}: {'means of cells' if cells else called}"),
        *([picture("error", f"{name}: error{error}")] if cells is None else []),
        *(bars if _has_bars(solution) else []),
    ]


def _has_bars(solution: Solution) -> bool:
    """Whether a map of error bars can be drawn; on a line they are a band around the fit."""
    posterior, problem = solution.posterior, solution.problem
    if posterior is None or len(problem.domain.coords) != 2 or solution.model.num_centers > BARS:
        return False
    try:
        posterior.std(posterior.data.x[:1], Operator.identity())
    except InputError:
        return False
    return True


def _deviation(solution: Solution, output: int, ax: Axes) -> None:
    plots.deviation(solution, output, ax=ax)


def _of_function(solution: Solution, name: str) -> list[Picture]:
    part = _functions(solution)[name]
    shown = ["value", *(["exact", "error"] if part.exact is not None else [])]
    if bool(part.covariance.isfinite().all()):
        shown.append("deviation")

    def picture(show: str) -> Picture:
        file = f"unknown_{name}{'' if show == 'value' else f'_{show}'}.png"
        return Picture(file, lambda ax: plots.unknown(solution, name, show=show, ax=ax), "")

    return [picture(show) for show in shown]


def _functions(solution: Solution) -> dict[str, UnknownField]:
    return {name: part for name, part in solution.problem.unknowns().items() if isinstance(part, UnknownField)}


def _flow(solution: Solution) -> tuple[str, str] | None:
    """The components of a vector field in the plane: a velocity u, v, or outputs that are one by construction."""
    problem, coupled = solution.problem, solution.model.coupled
    if len(problem.domain.space_coords) != 2 or len(problem.domain.coords) != 2:
        return None
    if len(coupled) == 2:
        return problem.outputs[coupled[0]], problem.outputs[coupled[1]]
    return ("u", "v") if {"u", "v"} <= set(problem.outputs) else None


def _single(solution: Solution) -> list[Picture]:
    """What a run has one picture of: streamlines, unknowns, convergence, centres."""
    pictures = []
    if (flow := _flow(solution)) is not None:
        pictures.append(Picture("stream.png", lambda ax: plots.stream(solution, flow, ax=ax), "streamlines over speed"))
    for name, part in solution.problem.unknowns().items():
        if not isinstance(part, UnknownField) or len(part.coords) == 1:
            pictures.append(Picture(f"unknown_{name}.png", partial(_unknown, solution, name), ""))
    if solution.summary["residuals"] or len(solution.history) > 1:
        pictures.append(Picture("convergence.png", lambda ax: plots.convergence(solution, ax=ax), ""))
    if solution.model.num_centers > 1:
        # Ordinary differential equations that are stepped in time have no centres to show.
        pictures.append(Picture("centers.png", lambda ax: plots.centers(solution, ax=ax), ""))
    return pictures
