"""``rbfnet predict``: values and derivatives at the points in a file."""

from __future__ import annotations

import gzip
import sys
import time
import zlib
from contextlib import ExitStack
from pathlib import Path

from rbfnet.arrays import length
from rbfnet.cli.command import columns_of, elements, loaded, new_file, one_run, read
from rbfnet.cli.printed import console
from rbfnet.errors import InputError
from rbfnet.tables import FILES, Form, kind_of, parquet, require_columns, require_file

HELP = """\
rbfnet predict RUN POINTS --out FILE: compute values and derivatives at the points in a file

  POINTS             CSV (.csv, .tsv, .txt, .gz), NPZ or Parquet with a column for each coordinate, named as in the run; or a mesh
  --out, -o FILE     .csv, .npz or .parquet; .vtu or .vtk for ParaView
  --derivatives, --what u,u_x,...
                     the columns after the coordinates, written as in equations; default: the outputs of the run
  --decimal ,        numbers in POINTS have a decimal comma
  --units-row        the row below the header of POINTS holds units
  --force, -f        replace an existing file
  -q, -v             show no progress; also print the time taken
  trust=[MODULE]     allow classes of your own, here from ./MODULE.py

Examples
  rbfnet predict runs/mine points.csv --out out.csv
  rbfnet predict runs/mine points.csv --out out.csv --derivatives 'u,u_x,laplacian(u)'
  rbfnet predict runs/mine plate.msh --out plate.vtu
"""

TAKES = {
    "--out": "--out out.csv", "--derivatives": "--derivatives 'u,u_x,laplacian(u)'", "--what": "--what 'u,u_x'",
    "--decimal": "--decimal ,",
}  # fmt: skip
TABLES, MESHES = (".csv", ".npz", ".parquet"), (".vtu", ".vtk")
MANY = 2**14
"""With more points there is a bar."""


def predict(arguments: list[str]) -> int:
    """``RUN POINTS --out FILE``.

    Raises:
        InputError: no such run or file, missing columns, or a file that would be overwritten.
    """
    given = read(arguments, TAKES, ["--force", "--units-row"], trust=True)
    if "--help" in given.flags:
        print(HELP, end="")
        return 0
    if len(given.words) != 2 or "--out" not in given.options:
        raise InputError(
            "`rbfnet predict` takes a run, a file of points and a file to write, as in "
            "`rbfnet predict runs/mine points.csv --out out.csv`."
        )
    directory = one_run(given, "predict", more=1)
    out = new_file(given.options["--out"], (*TABLES, *MESHES), "--force" in given.flags)
    form = Form(given.options.get("--decimal", "."), "--units-row" in given.flags)
    points = require_file(given.words[1])
    if out.exists() and out.samefile(points):
        raise InputError(f"{str(out)!r} is the file of points itself; write to another file.")
    if _is_table(points):
        require_columns(points, columns_of(directory)["coords"], form)
    if {"--derivatives", "--what"} <= given.options.keys():
        raise InputError("--derivatives and --what mean the same; give one of them.")
    asked = given.options.get("--derivatives", given.options.get("--what"))
    what = None if asked is None else elements(asked)
    solution = loaded(directory, given.trust)
    from rbfnet.progress import Steps
    from rbfnet.training import predict_file

    started, expected = time.perf_counter(), _count(points)
    with ExitStack() as stack:
        shown: list[Steps] = []

        def told(done: int, of: int | None) -> None:
            total = expected if of is None else of
            if not shown and total > MANY:
                shown.append(stack.enter_context(Steps("points", total, console(given.quiet, stderr=True))))
            for steps in shown:
                steps.at(done)

        count = predict_file(solution, points, out, what, form, told)
    if not given.quiet:
        took = f" in {time.perf_counter() - started:.1f} s" if given.verbose else ""
        print(f"rbfnet: {count:,} point{'s' * (count != 1)}{took}.", file=sys.stderr)
        print(out)
    return 0


def _is_table(points: Path) -> bool:
    return points.name.lower().endswith(FILES)


def _count(points: Path) -> int:
    """The approximate number of rows, for the progress bar: the lines of a text file; 0 for a mesh, until it is read."""
    if not _is_table(points):
        return 0
    kind = kind_of(points)
    if kind == "parquet":
        return int(parquet(points).metadata.num_rows)
    if kind == "npz":
        return length(points)
    try:
        with gzip.open(points) if points.suffix.lower() == ".gz" else points.open("rb") as file:
            return max(0, sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b"")) - 1)
    except (OSError, EOFError, zlib.error):
        # Whoever reads it says what is wrong with it.
        return 0
