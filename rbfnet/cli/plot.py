"""``rbfnet plot``: figures of a run."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rbfnet.cli.command import columns_of, elements, loaded, new_file, one_run, read
from rbfnet.cli.printed import console
from rbfnet.errors import InputError, unknown

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from rbfnet.training import Solution

HELP = """\
rbfnet plot RUN: draw the overview of a run again (fit, reference, error, convergence, centres); or slices, or an animation

  --slice NAME=A,B,...   the solution at these values of a coordinate, side by side
  --animate NAME         an animation along a coordinate, as GIF
  --what u_x             the quantity in slices and animations, written as in equations; default: the first output
  --out, -o FILE         .png, .pdf or .svg; .gif or .mp4 for an animation; default: a file in RUN/figures, replaced if it exists
  --frames N             the number of frames of an animation; default: 40
  --force, -f            replace an existing file given by --out
  -q, -v                 print only the path; also print the range of values
  trust=[MODULE]         allow classes of your own, here from ./MODULE.py

Examples
  rbfnet plot runs/mine
  rbfnet plot runs/mine --slice t=0,.5,1 --out slices.png
  rbfnet plot runs/mine --animate t
"""

TAKES = {
    "--slice": "--slice t=0,.5,1", "--animate": "--animate t", "--what": "--what u_x", "--out": "--out picture.png",
    "--frames": "--frames 40",
}  # fmt: skip

COLUMNS, WIDTH, HEIGHT = 3, 4.2, 3.4
"""Maps in a row, and the size of one in inches."""


def plot(arguments: list[str]) -> int:
    """``RUN [--slice NAME=A,B] [--animate NAME]``.

    Raises:
        InputError: no such run or coordinate, an unsupported extension, or a file that would be overwritten.
    """
    given = read(arguments, TAKES, ["--force"], trust=True)
    if "--help" in given.flags:
        print(HELP, end="")
        return 0
    directory = one_run(given, "plot")
    slices, film = given.options.get("--slice"), given.options.get("--animate")
    if slices and film:
        raise InputError("--slice and --animate cannot be combined; give one of them.")
    if not (slices or film) and {"--what", "--frames"} & given.options.keys():
        raise InputError("--what and --frames belong to --slice or --animate, as in --animate t --what u_x.")
    name, values = _slice(slices) if slices else (film, [])
    known = columns_of(directory)["coords"]
    if name is not None and known and name not in known:
        raise unknown("coordinate", name, known)
    frames = _frames(given.options.get("--frames", "40"))
    default = "overview.png" if name is None else f"slice_{name}.png" if slices else f"film_{name}.gif"
    endings = (".gif", ".mp4") if film else (".png", ".pdf", ".svg")
    if "--out" in given.options:
        out = new_file(given.options["--out"], endings, "--force" in given.flags)
    else:
        out = directory / "figures" / "".join(c if c.isalnum() or c in "._-" else "_" for c in default)
    solution = loaded(directory, given.trust)
    out.parent.mkdir(exist_ok=True)
    what = given.options.get("--what", 0)
    if film:
        shown = _film(solution, out, film, frames, what, progress=not given.quiet)
    elif name is not None:
        shown = _slices(solution, out, name, values, what)
    else:
        shown = _overview(solution, out)
    if given.verbose:
        import numpy as np

        console(given.quiet).print(f"from {np.nanmin(shown):.4g} to {np.nanmax(shown):.4g}")
    print(out)
    return 0


def _overview(solution: Solution, out: Path) -> np.ndarray:
    """Draw all pictures; returns values of all outputs."""
    import numpy as np

    from rbfnet.training import overview

    _save(overview(solution, _figure()), out)
    return np.asarray(solution.predict(solution.problem.domain.grid(2_000), progress=False).real)


def _slices(solution: Solution, out: Path, name: str, values: list[float], what: int | str) -> np.ndarray:
    """Draw lines in one panel, or maps in rows of three; returns the values shown."""
    import numpy as np

    from rbfnet import plots

    count = 1 if len(solution.problem.domain.coords) == 2 else len(values)
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = _figure()
    if count > 1:
        figure.set_size_inches(WIDTH * columns, HEIGHT * rows)
    with plots.style():
        panels: Any = figure.subplots(rows, columns, squeeze=False).ravel()
        plots.slices(solution, what, along=name, values=values, ax=panels[:count])
    for ax in panels[count:]:
        ax.set_axis_off()
    _save(figure, out)
    found = [np.asarray(line.get_ydata(), dtype=float) for ax in panels for line in ax.lines]
    return np.concatenate(found + [np.ma.filled(drawn.get_array(), np.nan).ravel() for ax in panels for drawn in ax.collections])


def _film(solution: Solution, out: Path, name: str, frames: int, what: int | str, progress: bool) -> np.ndarray:
    """Draw an animation; returns the values shown."""
    import numpy as np

    from rbfnet import plots

    film: Any = plots.animate(solution, out, name, output=what, frames=frames, progress=progress)
    return np.concatenate([frame.values for frame in film.new_frame_seq()])


def _figure() -> Figure:
    """A figure in rbfnet's style, which needs no display."""
    from matplotlib.figure import Figure

    from rbfnet import plots

    with plots.style():
        return Figure()


def _save(figure: Figure, out: Path) -> None:
    """Write a figure; the file appears once it is complete."""
    from rbfnet import plots
    from rbfnet.training.storage import write_whole

    content = io.BytesIO()
    with plots.style():
        figure.savefig(content, format=out.suffix[1:].lower())
    write_whole(out, content.getbuffer())


def _slice(text: str) -> tuple[str, list[float]]:
    name, equals, listed = text.rpartition("=")
    try:
        values = [float(part) for part in elements(listed)]
    except ValueError:
        values = []
    if not equals or not name or not values:
        raise InputError(f"--slice takes a coordinate and its values, as in --slice t=0,.5,1, but got {text!r}.")
    return name, values


def _frames(text: str) -> int:
    if not text.isdigit() or not 2 <= int(text) <= 1000:
        raise InputError(f"--frames must be a whole number from 2 to 1000, but got {text!r}.")
    return int(text)
