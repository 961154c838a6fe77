"""``slide``: a solution along one of its coordinates, such as time."""

from __future__ import annotations

from collections.abc import Mapping

from rbfnet.annotations import held
from rbfnet.errors import InputError, one_of, positive
from rbfnet.extras import require
from rbfnet.interactive._section import Section
from rbfnet.interactive._slider import Slider
from rbfnet.training import Solution

STEPS = {1: 401, 2: 101}
"""Grid points along each axis, by the number of axes."""


@held
def slide(
    solution: Solution,
    coord: str | None = None,
    what: str | None = None,
    *,
    frames: int = 41,
    at: Mapping[str, float] | None = None,
) -> Slider:
    """A slider along one coordinate, with a button that plays it: a profile, or a map of the first two other coordinates.

    Colours and axes are those of all frames together, so that frames can be compared. All frames are evaluated at once. A cell
    that ends with the widget shows it.

    Args:
        solution: of two coordinates or more.
        coord: the coordinate to slide along; None is the time, or the last one if there is no time.
        what: what is shown: an output or an expression, as in :meth:`rbfnet.Solution.predict`; None is the first output.
        frames: the number of places along the coordinate.
        at: the values of the remaining coordinates if there are more than three; by default in the middle of the domain.

    Returns:
        An object that a notebook shows; its ``box`` is an ``ipywidgets.VBox``. ``slider`` has the number of the frame as its
        ``index`` and the coordinate as its ``value``; ``play`` is the button.

    Raises:
        InputError: one coordinate alone, an unknown coordinate or expression, or fewer than two frames; ipywidgets is not
            installed.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> widget = rbfnet.interactive.slide(solution, "y", frames=5)
        >>> widget.slider.index = 2
        >>> widget.slider.value
        0.5
    """
    require("ipywidgets", "interactive", "slide")
    names = solution.names
    if len(names.coords) == 1:
        raise InputError(
            f"slide needs two coordinates or more, but the solution has only {names.coords[0]}; use solution.plot()."
        )
    if positive("frames", frames, whole=True, most=1000) < 2:
        raise InputError("frames must be at least 2, but got 1.")
    times = [name for name in names.coords if name not in names.space]
    along = one_of("coordinate", (times or names.coords)[-1] if coord is None else coord, names.coords)
    axes = [name for name in names.coords if name != along][:2]
    section = Section.of(solution, axes, STEPS[len(axes)], {along: 0.0, **(at or {})})
    low, high = (float(end[names.coords.index(along)]) for end in solution.problem.domain.box)
    places = [low + (high - low) * k / (frames - 1) for k in range(frames)]
    return Slider(section, along, places, names.outputs[0] if what is None else what)
