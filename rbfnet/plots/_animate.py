"""Films of a solution along a coordinate."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rbfnet.errors import InputError, positive, unknown
from rbfnet.errors import path as as_path
from rbfnet.plots._drawable import Drawable, View, label, output_name
from rbfnet.plots._late_progress import late_steps
from rbfnet.plots._maps import as_array, values
from rbfnet.plots._style import axes_or_new, style, text
from rbfnet.problems import Problem

if TYPE_CHECKING:
    from matplotlib.animation import AbstractMovieWriter, FuncAnimation
    from matplotlib.axes import Axes

SECONDS = 6
"""Duration of a film."""

ENDINGS = (".gif", ".mp4")


class Frame(NamedTuple):
    """The values at one place: at points along the axes (N, 1 or 2)."""

    place: float
    x: np.ndarray
    values: np.ndarray


def animate(
    solution: Drawable,
    path: str | Path | None = None,
    coordinate: str = "t",
    *,
    output: int | str = 0,
    at: Mapping[str, float] | None = None,
    frames: int = 40,
    progress: bool = True,
    ax: Axes | None = None,
) -> FuncAnimation:
    """A film of the solution along a coordinate, six seconds long: a line over one other coordinate, a map over two.

    Axes and colours are the same in all frames, and the coordinate is in the title. Of further coordinates two are drawn, the
    others being held at the middle of the domain or at ``at``. In a notebook, give
    ``film.to_jshtml()`` to ``IPython.display.HTML``.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        path: a file to write: ``.gif``, or ``.mp4`` if ffmpeg is installed. None writes nothing.
        coordinate: its name.
        output: an output by number or name, or any quantity that ``predict`` knows: ``"u_x"``.
        at: values to hold other coordinates at: ``{"z": 0.5}``.
        frames: how many, from one end of the domain to the other.
        progress: whether to show progress on standard error if it takes longer than three seconds.
        ax: where to draw; a new figure if None.

    Returns:
        Matplotlib's animation. Its frames have the values ``[frame.values for frame in film.new_frame_seq()]``.

    Raises:
        InputError: an unknown coordinate, output or quantity, fewer than two frames, no other coordinate, another kind of file,
            or ffmpeg is not installed.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Heat(), num_centers=30)
        >>> film = rbfnet.plots.animate(solution, "heat.gif", frames=3)
        >>> [frame.place for frame in film.new_frame_seq()]
        [0.0, 0.5, 1.0]
    """
    from matplotlib.animation import FuncAnimation

    problem = solution.problem
    if coordinate not in problem.domain.coords:
        raise unknown("coordinate", coordinate, problem.domain.coords)
    if positive("frames", frames, whole=True) < 2:
        raise InputError(f"frames must be at least 2, but got {frames}.")
    file = None if path is None else as_path("The path of a film", path)
    writer = None if file is None else _writer(file, frames)
    name = output_name(problem, output)
    view = View.of(problem, {**(at or {}), coordinate: float(problem.domain.box[0, problem.domain.coords.index(coordinate)])})
    shown = _frames(solution, name, coordinate, at, frames, progress)
    ax = _axes_of_a_file() if ax is None and file is not None else axes_or_new(ax)
    draw = _Drawing(problem, name, view, coordinate, _range(shown), ax)
    figure: Any = ax.get_figure(root=True)
    film = FuncAnimation(figure, draw, frames=shown, interval=1000 * SECONDS / frames, blit=False)
    if file is not None and writer is not None:
        _write(film, file, writer, frames, progress)
    return film


@dataclass(frozen=True)
class _Drawing:
    """Draws one frame after the other on the same axes and scale."""

    problem: Problem
    name: str
    view: View
    coordinate: str
    ends: tuple[float, float]
    ax: Axes

    def __call__(self, frame: Frame) -> list[Axes]:
        (low, high), flat = self.ends, frame.x.shape[1] == 1
        look: dict[str, Any] = {} if flat else {"vmin": low, "vmax": high, "equal": self.view.share_a_unit}
        self.ax.clear()
        with style():
            values(frame.x, frame.values, self.view.labels, label(self.problem, self.name), ax=self.ax, **look)
        sides = self.view.seen(self.problem.domain.box).T.tolist()
        room = 0.05 * (high - low) or 1.0
        self.ax.set_xlim(*sides[0])
        self.ax.set_ylim(*([low - room, high + room] if flat else sides[1]))
        self.ax.set_title(f"{text(self.coordinate)} = {frame.place:.4g}")
        return [self.ax]


def _axes_of_a_file() -> Axes:
    """What is only written is no figure of pyplot, whose state belongs to the user."""
    from matplotlib.figure import Figure

    with style():
        return Figure().subplots()


def _frames(
    solution: Drawable, name: str, coordinate: str, at: Mapping[str, float] | None, frames: int, progress: bool
) -> list[Frame]:
    problem = solution.problem
    low, high = problem.domain.box[:, problem.domain.coords.index(coordinate)].tolist()
    found = []
    with late_steps("frame", frames, progress) as step:
        for number, place in enumerate(np.linspace(low, high, frames).tolist(), start=1):
            view = View.of(problem, {**(at or {}), coordinate: place})
            try:
                x = view.grid()
            except InputError:
                # A disc ends in points that no grid meets.
                continue
            found.append(Frame(place, as_array(view.seen(x)), as_array(solution.predict(x, name, progress=False))))
            step(number)
    if not found:
        raise InputError(
            f"The domain has no points at any of {frames} values of {coordinate}; give more frames, or another `at`."
        )
    return found


def _range(shown: Sequence[Frame]) -> tuple[float, float]:
    known = np.concatenate([frame.values[np.isfinite(frame.values)] for frame in shown])
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _writer(file: Path, frames: int) -> AbstractMovieWriter:
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if file.suffix.lower() not in ENDINGS:
        raise InputError(f"A film is a .gif or an .mp4 file, but got {str(file)!r}.")
    fps = max(1, round(frames / SECONDS))
    if file.suffix.lower() == ".gif":
        return PillowWriter(fps=fps)
    if not FFMpegWriter.isAvailable():
        raise InputError(f"Writing {str(file)!r} needs ffmpeg, which is not installed; install it, or write a .gif file.")
    return FFMpegWriter(fps=fps)


def _write(film: FuncAnimation, file: Path, writer: AbstractMovieWriter, frames: int, progress: bool) -> None:
    """Write the film; the file appears once it is complete."""
    part = file.with_name(f".part{file.suffix}")
    try:
        with late_steps("frame drawn", frames, progress) as step:
            film.save(part, writer=writer, dpi=80, progress_callback=lambda done, _: step(done + 1))
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
