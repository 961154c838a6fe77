"""The figure of an explorer: the fit with the data, and its error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rbfnet.interactive._choice import Subject
from rbfnet.interactive._png import new_figure
from rbfnet.interactive._section import Section
from rbfnet.plots import style
from rbfnet.problems import DataProblem
from rbfnet.training import Solution, errors_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = {1: 401, 2: 81}
"""Grid points along each axis, by the number of axes."""

DOTS: dict[str, Any] = {"edgecolors": "white", "linewidths": 0.4, "s": 16}


class Panels:
    """Two panels, drawn anew for each solution.

    Attributes:
        figure: the last figure.
        said: the size of the error in words, empty if it is not known.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.figure = new_figure(9.5, 3.8)
        self.said = ""

    def draw(self, solution: Solution) -> None:
        """Draw the fit and its error."""
        coords = solution.names.coords
        section = Section.of(solution, coords, STEPS[len(coords)])
        name = solution.names.outputs[self.subject.output]
        fit = section.values(name)
        exact = None
        if self.subject.exact is not None:
            exact = self.subject.exact(torch.from_numpy(section.points())).numpy().reshape(fit.shape)
        error = _left_out(solution) if exact is None else None
        self.said = self._size(fit, exact, error, solution)
        known = exact is not None or error is not None
        with style():
            self.figure = new_figure(9.5, 3.8)
            axes: Any = self.figure.subplots(1, 1 + known, squeeze=False)[0]
            if len(coords) == 1:
                _line(axes[0], section, fit, exact, name)
                if known:
                    _line_of_error(axes[1], section, None if exact is None else fit - exact, error)
            else:
                _map(axes[0], section, fit, name)
                if known:
                    _map_of_error(axes[1], section, None if exact is None else fit - exact, error)

    def _size(self, fit: np.ndarray, exact: np.ndarray | None, error: Any, solution: Solution) -> str:
        if exact is not None:
            found = errors_of(torch.from_numpy(fit - exact).reshape(-1, 1), torch.from_numpy(exact).reshape(-1, 1))
            return f"{found['rel_l2']:.2e} relative, {found['max_abs']:.2e} at most"
        if error is not None and solution.errors is not None:
            return f"{solution.errors['rmse']:.2e} by leave-one-out, {solution.errors['max_abs']:.2e} at most"
        return ""


def _left_out(solution: Solution) -> tuple[np.ndarray, np.ndarray] | None:
    """The rows that were left out, and their errors."""
    if solution.left_out is None:
        return None
    error = solution.left_out[:, 0].cpu().numpy()
    known = ~np.isnan(error)
    assert isinstance(solution.problem, DataProblem)
    return solution.problem.train_set.x.numpy()[known], error[known]


def _data(solution: Solution) -> tuple[np.ndarray, np.ndarray] | None:
    if not isinstance(solution.problem, DataProblem):
        return None
    rows = solution.problem.train_set
    return rows.x.numpy(), rows.y[:, 0].numpy()


def _line(ax: Axes, section: Section, fit: np.ndarray, exact: np.ndarray | None, name: str) -> None:
    """Fit, exact values, data, and below the centres."""
    ((coord, places),) = section.axes.items()
    if exact is not None:
        ax.plot(places, exact, "--", color="0.4", label="exact")
    ax.plot(places, fit, label="fit")
    if (data := _data(section.solution)) is not None:
        ax.plot(data[0][:, 0], data[1], "o", color="0.2", markersize=3, label="data")
    centers = section.solution.centers.detach().cpu().numpy()
    if centers.shape[1] == 1:
        ax.plot(centers[:, 0], np.full(len(centers), 0.02), "|", color="0.5", transform=ax.get_xaxis_transform(), label="centres")
    ax.set(xlim=_ends(places), xlabel=_plain(coord), ylabel=_plain(name), title="fit")
    # A fit that overshoots would flatten everything else.
    known = exact if exact is not None else None if data is None else data[1]
    if known is not None:
        room = 0.5 * (np.nanmax(known) - np.nanmin(known)) or 1.0
        ax.set_ylim(np.nanmin(known) - room, np.nanmax(known) + room)
    ax.legend(loc="upper center", ncols=4, fontsize="small")


def _line_of_error(ax: Axes, section: Section, error: np.ndarray | None, left_out: Any) -> None:
    ((coord, places),) = section.axes.items()
    if error is not None:
        ax.plot(places, error)
        ax.set_title("fit - exact")
    else:
        ax.vlines(left_out[0][:, 0], 0.0, left_out[1], color="0.6", linewidth=0.8)
        ax.plot(left_out[0][:, 0], left_out[1], "o", markersize=3)
        ax.set_title("leave-one-out error")
    ax.axhline(0.0, color="0.6", linewidth=0.8)
    ax.set(xlabel=_plain(coord), xlim=_ends(places))


def _map(ax: Axes, section: Section, fit: np.ndarray, name: str) -> None:
    """The fit, and the data in the same colours."""
    data = _data(section.solution)
    every = fit if data is None else data[1]
    colours: dict[str, Any] = {"vmin": np.nanmin(every), "vmax": np.nanmax(every)}
    mesh = ax.pcolormesh(*section.axes.values(), fit.T, shading="nearest", rasterized=True, **colours)
    if data is not None:
        ax.scatter(data[0][:, 0], data[0][:, 1], c=data[1], **DOTS, **colours)
    else:
        centers = section.solution.centers.detach().cpu().numpy()
        if centers.shape[1] == 2:
            ax.plot(*centers.T, ".", color="white", markersize=2)
    _finish(ax, section, mesh, "fit", name)


def _map_of_error(ax: Axes, section: Section, error: np.ndarray | None, left_out: Any) -> None:
    """Signed, in colours that are symmetric about zero and end at the 99 % quantile."""
    signed = left_out[1] if error is None else error
    bound = float(np.nanquantile(np.abs(signed), 0.99)) or 1.0
    colours: dict[str, Any] = {"vmin": -bound, "vmax": bound, "cmap": "RdBu_r"}
    if error is None:
        drawn: Any = ax.scatter(left_out[0][:, 0], left_out[0][:, 1], c=signed, s=24, edgecolors="0.4", linewidths=0.4, **colours)
    else:
        drawn = ax.pcolormesh(*section.axes.values(), error.T, shading="nearest", rasterized=True, **colours)
    _finish(ax, section, drawn, "leave-one-out error" if error is None else "fit - exact", "")


def _finish(ax: Axes, section: Section, drawn: Any, title: str, label: str) -> None:
    (first, across), (second, up) = section.axes.items()
    ax.set(xlabel=_plain(first), ylabel=_plain(second), title=title, xlim=_ends(across), ylim=_ends(up))
    # Lengths share a unit; columns of data may be anything.
    if set(section.axes) <= set(section.solution.names.space) and not isinstance(section.solution.problem, DataProblem):
        ax.set_aspect("equal")
    ax.figure.colorbar(drawn, ax=ax, label=_plain(label))


def _ends(places: np.ndarray) -> tuple[float, float]:
    room = 0.02 * float(np.ptp(places))
    return float(places[0]) - room, float(places[-1]) + room


def _plain(name: str) -> str:
    """Escape dollar signs, which Matplotlib would read as mathematics."""
    return name.replace("$", r"\$")
