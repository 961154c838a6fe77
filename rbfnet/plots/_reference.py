from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rbfnet.errors import InputError
from rbfnet.plots._drawable import Drawable, compared, is_sparse, label, output_name
from rbfnet.plots._fit import span
from rbfnet.plots._maps import as_array, values
from rbfnet.plots._style import axes_or_new, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reference(
    solution: Drawable, output: int | str = 0, *, at: Mapping[str, float] | None = None, ax: Axes | None = None, **artist: Any
) -> Axes:
    """What the fit is compared with: the exact solution, a reference, held-out rows or data. Colours are those of :func:`fit`.

    The exact solution is drawn as a line or an image. Values at scattered points are dots.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        output: an output by number or name.
        at, ax, artist: as in :func:`fit`.

    Returns:
        The axes.

    Raises:
        InputError: there is no reference, or it has values at scattered points in three coordinates or more, as data do.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> ax = rbfnet.plots.reference(solution)
    """
    view, known, called = compared(solution, output, at)
    problem, name = solution.problem, output_name(solution.problem, output)
    if is_sparse(problem, view):
        raise InputError(
            f"The {called} of {type(problem).__name__} are at scattered points in {len(problem.domain.coords)} coordinates; "
            "use parity or error."
        )
    ax = axes_or_new(ax)
    if len(view.axes) == 2:
        colours = span(known.y) | artist
        values(view.seen(known.x), known.y[:, 0], view.labels, label(problem, name), ax=ax, equal=view.share_a_unit, **colours)
        view.outlined(ax)
    else:
        drawn = {"linestyle": "-"} if problem.exact is not None else {"linestyle": "none", "marker": ".", "markersize": 4}
        x = view.seen(known.x)
        values(as_array(x), known.y[:, 0], view.labels, label(problem, name), ax=ax, **drawn | {"color": "0.45"} | artist)
    ax.set_title(f"{text(str(solution.summary['problem']))}: {text(name)}, {called}")
    return ax
