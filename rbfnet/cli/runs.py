"""``rbfnet runs``: print a table of run directories."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from typing import Any

from rbfnet.cli.command import read
from rbfnet.cli.printed import console, print_table
from rbfnet.errors import InputError, unknown
from rbfnet.errors import path as named
from rbfnet.run_table import Row, differing, runs_below, text_of

HELP = """\
rbfnet runs [DIR]: a table of the runs below a directory: the config keys that differ, error, verdict, seconds

  --sort COLUMN    error (the default), seconds, verdict, run, or one of the keys that differ
  --csv            comma-separated values
  --markdown       a Markdown table
  -v               also print all error measures and the origin of each run
  -q               no messages about directories that cannot be read

Examples
  rbfnet runs runs/poisson
  rbfnet runs runs --sort seconds --markdown
"""

ORDER = {"solved": 0, "rough": 1, "not solved": 2}


def runs(arguments: list[str]) -> int:
    """``[DIR]``; returns 0 if there are runs.

    Raises:
        InputError: no such directory, no runs in it, or a column that they do not have.
    """
    given = read(arguments, {"--sort": "--sort seconds"}, ["--csv", "--markdown"])
    if "--help" in given.flags:
        print(HELP, end="")
        return 0
    if len(given.words) > 1 or {"--csv", "--markdown"} <= given.flags:
        raise InputError("`rbfnet runs` takes one directory and one output format, as in `rbfnet runs runs/poisson --csv`.")
    directory = named("The directory of runs", given.words[0] if given.words else "runs")
    found = runs_below(directory, told=not given.quiet)
    head, body = tabulated(found, directory, given.options.get("--sort", "error"), given.verbose)
    if "--csv" in given.flags:
        csv.writer(sys.stdout, lineterminator="\n").writerows([head, *body])
    elif "--markdown" in given.flags:
        print(markdown(head, body))
    else:
        show(head, body)
    return 0


def tabulated(found: list[Row], directory: Path, sort: str = "error", verbose: bool = False) -> tuple[list[str], list[list[str]]]:
    """The header and body of the table: run, differing keys, error, verdict, seconds."""
    keys = differing([row.config for row in found if not row.failed])
    keys += [key for row in found if row.failed for key in row.config if key not in keys]
    keys = list(dict.fromkeys(keys))
    labels = {"run": "run", **{key: key for key in keys}, "error": "error", "verdict": "verdict", "seconds": "seconds"}
    if sort not in labels:
        raise unknown("column called", sort, labels)

    def place(row: Row) -> tuple[Any, ...]:
        if sort == "run":
            return (0, str(row.directory))
        if sort == "verdict":
            return (ORDER.get(row.verdict, 3), row.error)
        value = {"error": row.error, "seconds": row.seconds}.get(sort, row.config.get(sort))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return (1, 0.0, "") if math.isnan(value) else (0, float(value), "")
        return (0, math.inf, str(value)) if value is not None else (1, 0.0, "")

    extra = ("max_abs", "rmse", "rel_std") if verbose else ()
    head = ["run", *keys, "error", *extra, *(["estimated error"] if verbose else []), "verdict", "seconds"]
    head += ["rbfnet", "commit"] if verbose else []
    body = []
    for row in sorted(found, key=place):
        errors, provenance = row.summary.get("errors") or {}, row.summary.get("provenance") or {}
        relative = row.directory if row.failed else row.directory.relative_to(directory)
        cells = [str(relative) if str(relative) != "." else str(directory)]
        cells += [text_of(row.config.get(key)) for key in keys] + [_size(row.error)]
        cells += [_size(errors.get(key)) for key in extra]
        cells += [_size(row.summary.get("estimated_error"))] if verbose else []
        cells += [row.verdict, "" if math.isnan(row.seconds) else f"{row.seconds:.2f}"]
        if verbose:
            cells += [str(provenance.get("rbfnet", "")), str((provenance.get("git") or {}).get("commit", ""))[:8]]
        body.append(cells)
    return head, body


def show(head: list[str], body: list[list[str]]) -> None:
    """Print the table."""
    print_table(console(), [name.removesuffix("._target_") for name in head], body)


def markdown(head: list[str], body: list[list[str]]) -> str:
    """The table in Markdown."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _size(value: Any) -> str:
    return f"{value:.2e}" if isinstance(value, (int, float)) and not math.isnan(value) else ""
