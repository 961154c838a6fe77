"""``rbfnet runs``: a table of run directories, read without PyTorch."""

from __future__ import annotations

import csv
import itertools
import json
import math
import reprlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rbfnet.cli.command import read
from rbfnet.cli.configs import choices
from rbfnet.cli.printed import console, print_table
from rbfnet.errors import InputError, unknown
from rbfnet.errors import path as named

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
PLACES = ("run_dir", "save_dir", "figures")
"""Keys that differ in every run and carry no information."""


LARGEST, KEYS = 16 * 2**20, 2000
"""The largest size of a run's file in bytes, and the largest number of keys in a config."""


@dataclass(frozen=True)
class Row:
    """One run: its directory, its config by dotted keys, and its summary (empty if there is none).

    For a ``failed`` job of a sweep the config holds only the overrides that were swept.
    """

    directory: Path
    config: dict[str, Any]
    summary: dict[str, Any]
    failed: bool = False

    @property
    def error(self) -> float:
        errors = self.summary.get("errors")
        found = errors.get("rel_l2") if isinstance(errors, dict) else None
        return float(found) if isinstance(found, (int, float)) else math.nan

    @property
    def seconds(self) -> float:
        found = self.summary.get("seconds")
        return float(found) if isinstance(found, (int, float)) else math.nan

    @property
    def verdict(self) -> str:
        return str(self.summary.get("verdict", "not finished"))


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
    if not directory.is_dir():
        raise InputError(f"There is no directory {str(directory)!r}.")
    found = list(rows(directory, told=not given.quiet))
    if not found:
        raise InputError(f"There are no runs in {str(directory)!r}; a run has a config.yaml and, once finished, a summary.json.")
    head, body = tabulated(found, directory, given.options.get("--sort", "error"), given.verbose)
    if "--csv" in given.flags:
        csv.writer(sys.stdout, lineterminator="\n").writerows([head, *body])
    elif "--markdown" in given.flags:
        print(markdown(head, body))
    else:
        show(head, body)
    return 0


def rows(directory: Path, told: bool = True) -> Iterator[Row]:
    """The runs in and below a directory; prints one line on standard error for each that cannot be read."""
    for file in sorted(directory.glob("**/config.yaml")):
        place = file.parent
        try:
            config = yaml.load(_text_of(file), Loader=_loader())
            summary_file = place / "summary.json"
            summary = json.loads(_text_of(summary_file)) if summary_file.is_file() else {}
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            if told:
                print(f"rbfnet: {str(place)!r} cannot be read: {str(error).splitlines()[0]}.", file=sys.stderr)
            continue
        if isinstance(config, dict) and "kernel" in config and isinstance(summary, dict):
            # With YAML aliases a few lines can expand to any number of keys.
            yield Row(place, dict(itertools.islice(_flat(config), KEYS)), summary)


def _text_of(file: Path) -> str:
    if (size := file.stat().st_size) > LARGEST:
        raise ValueError(f"{file.name} has {size:,} bytes, more than any run writes")
    return file.read_text(encoding="utf-8")


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
        cells += [_text(row.config.get(key)) for key in keys] + [_size(row.error)]
        cells += [_size(errors.get(key)) for key in extra]
        cells += [_size(row.summary.get("estimated_error"))] if verbose else []
        cells += [row.verdict, "" if math.isnan(row.seconds) else f"{row.seconds:.2f}"]
        if verbose:
            cells += [str(provenance.get("rbfnet", "")), str((provenance.get("git") or {}).get("commit", ""))[:8]]
        body.append(cells)
    return head, body


def differing(configs: list[dict[str, Any]]) -> list[str]:
    """The keys whose values differ between configs, except keys that differ only because the classes have other defaults."""
    every = dict.fromkeys(key for config in configs for key in config)
    differ = [key for key in every if len({_text(config.get(key)) for config in configs}) > 1]
    shown = [key for key in differ if key.rpartition(".")[2] not in PLACES]
    nodes = [key.removesuffix("_target_") for key in shown if key.endswith("_target_")]
    return [key for key in shown if _chosen(key, nodes, configs)]


def _chosen(key: str, nodes: list[str], configs: list[dict[str, Any]]) -> bool:
    """Whether the value differs from the default in at least one of the configs."""
    if key == "trainer.max_epochs":
        return any(config.get(key) not in (None, config.get("solver.max_epochs")) for config in configs)
    node = next((node for node in nodes if key.startswith(node)), None)
    if node is None or key.endswith("_target_"):
        return True
    defaults = [_defaults(node.partition(".")[0], str(config.get(f"{node}_target_"))) for config in configs]
    argument = key.removeprefix(node)
    return any(
        key in config and _text(config[key]) != _text(default.get(argument, config[key] if default else None))
        for config, default in zip(configs, defaults, strict=True)
    )


@cache
def _defaults(group: str, target: str) -> dict[str, Any]:
    """The default arguments of a shipped class from its config, by dotted keys; empty for any other class."""
    for file in choices(group).values():
        if f"_target_: {target}\n" in (text := file.read_text(encoding="utf-8")):
            loaded = yaml.load(text, Loader=_loader())
            node = loaded if "_target_" in loaded else loaded.get(group, {})
            if node.get("_target_") == target:
                return dict(_flat(node))
    return {}


def show(head: list[str], body: list[list[str]]) -> None:
    """Print the table."""
    print_table(console(), [name.removesuffix("._target_") for name in head], body)


def markdown(head: list[str], body: list[list[str]]) -> str:
    """The table in Markdown."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _flat(node: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    if isinstance(value, str) and value.startswith("rbfnet."):
        return value.rpartition(".")[2]
    if isinstance(value, (list, dict)):
        return reprlib.repr(value)
    return "" if value is None else str(value)


def _size(value: Any) -> str:
    return f"{value:.2e}" if isinstance(value, (int, float)) and not math.isnan(value) else ""


def _loader() -> Any:
    """The safe YAML loader, in C if available, which is ten times as fast."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
