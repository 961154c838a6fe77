"""``rbfnet evaluate``: the errors of a run against its reference or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rbfnet.cli.command import columns_of, loaded, one_run, read
from rbfnet.cli.printed import console, print_table
from rbfnet.errors import InputError
from rbfnet.tables import Form, columns_in, require_columns

HELP = """\
rbfnet evaluate RUN [REFERENCE]: recompute the errors of a run

  REFERENCE        a table (CSV, NPZ, Parquet) with the coordinates and the true values, in columns named as in the run;
                   default: the reference of the problem
  --decimal ,      numbers in REFERENCE have a decimal comma
  --units-row      the row below the header of REFERENCE holds units
  --json           print the errors as JSON
  -q, -v           print only the errors; also print the residuals and the origin of the run
  trust=[MODULE]   allow classes of your own, here from ./MODULE.py

Examples
  rbfnet evaluate runs/mine
  rbfnet evaluate runs/mine measured.csv
"""

KEYS = ("rel_l2", "max_abs", "rmse", "rel_std")


def evaluate(arguments: list[str]) -> int:
    """``RUN [REFERENCE]``; returns 0 if the errors could be computed.

    Raises:
        InputError: no such run, a table without the required columns, or no reference.
    """
    given = read(arguments, {"--decimal": "--decimal ,"}, ["--json", "--units-row"], trust=True)
    if "--help" in given.flags:
        print(HELP, end="")
        return 0
    directory = one_run(given, "evaluate", more=1)
    table = given.words[1] if len(given.words) > 1 else None
    form = Form(given.options.get("--decimal", "."), "--units-row" in given.flags)
    if table is not None:
        require_columns(table, columns_of(directory)["coords"], form)
    solution = loaded(directory, given.trust)
    by_output = _measured(solution, table, form)
    if "--json" in given.flags:
        import json

        print(json.dumps(by_output, indent=2))
        return 0
    out = console(given.quiet)
    if not given.quiet:
        out.print(repr(solution).splitlines()[0])
    out.quiet = False
    rows = [[name, *(f"{found[key]:.3e}" for key in KEYS)] for name, found in by_output.items()]
    print_table(out, ["output", "relative L2", "maximum", "RMSE", "of the spread"], rows, f"errors: {table or 'reference'}")
    if given.quiet:
        return 0
    out.print(repr(solution).splitlines()[2])
    if given.verbose:
        for row in solution.residuals:
            out.print(
                f"{row['condition']}, equation {row['equation']}: RMS residual {row['rms']:.1e}, maximum {row['largest']:.1e}"
            )
        out.print(str(solution.summary.get("provenance", "")))
    return 0


def _measured(solution: Any, table: str | None, form: Form) -> dict[str, dict[str, float]]:
    """The errors of each output."""
    import torch

    from rbfnet.domains import read_columns
    from rbfnet.training import errors_of

    names = solution.names
    if table is None:
        test = solution.problem.test_set()
        if test is None:
            raise InputError(
                "The problem has no reference; give a table with true values, as in `rbfnet evaluate RUN measured.csv`."
            )
        x, y, outputs = test.x, test.y, list(names.outputs)
    else:
        known = columns_in(Path(table), form)
        outputs = [name for name in names.outputs if name in known]
        if not outputs:
            raise InputError(f"{table!r} has none of the outputs {', '.join(names.outputs)}; its columns are {', '.join(known)}.")
        columns = read_columns(table, [*names.coords, *outputs], form)
        x, y = columns[:, : len(names.coords)], columns[:, len(names.coords) :]
    found = solution.predict(x, outputs, progress=False).cpu()
    return {
        name: errors_of(found[:, o : o + 1] - y[:, o : o + 1].to(found), y[:, o : o + 1].to(found))
        for o, name in enumerate(outputs)
        if not torch.isnan(y[:, o]).all()
    }
