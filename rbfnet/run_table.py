"""The runs below a directory as a table, read without PyTorch: what ``rbfnet runs`` prints and ``rbfnet.plots.sweep`` draws."""

from __future__ import annotations

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

from rbfnet.errors import InputError, path
from rbfnet.shipped_configs import choices

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


def run_table(directory: str | Path) -> dict[str, list[Any]]:
    """The runs in and below a directory as columns: run, each key of the config that differs, error, verdict, seconds.

    The columns fit ``pandas.DataFrame`` and :func:`rbfnet.plots.sweep`. A key that a run does not have is None; the error is the
    relative L2 error, NaN where none is known. Directories that cannot be read are named on standard error and left out.

    Raises:
        InputError: no such directory, or no runs in it.

    Example:
        >>> import rbfnet
        >>> from rbfnet.run_table import run_table
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=50)
        >>> path = solution.save("runs/poisson/1")
        >>> table = run_table("runs")
        >>> table["run"], table["error"] == [solution.errors["rel_l2"]]
        (['poisson/1'], True)
    """
    place = path("The directory of runs", directory)
    found = runs_below(place)
    keys = differing([row.config for row in found])
    return {
        "run": [row.directory.relative_to(place).as_posix() for row in found],
        **{key: [row.config.get(key) for row in found] for key in keys},
        "error": [row.error for row in found],
        "verdict": [row.verdict for row in found],
        "seconds": [row.seconds for row in found],
    }


def runs_below(directory: Path, told: bool = True) -> list[Row]:
    """The runs in and below a directory, as of :func:`rows`.

    Raises:
        InputError: no such directory, or no runs in it.
    """
    if not directory.is_dir():
        raise InputError(f"There is no directory {str(directory)!r}.")
    found = list(rows(directory, told))
    if not found:
        raise InputError(f"There are no runs in {str(directory)!r}; a run has a config.yaml and, once finished, a summary.json.")
    return found


def rows(directory: Path, told: bool = True) -> Iterator[Row]:
    """The runs in and below a directory; prints one line on standard error for each that cannot be read."""
    for file in sorted(directory.glob("**/config.yaml")):
        place = file.parent
        try:
            config = yaml.load(_content(file), Loader=_loader())
            summary_file = place / "summary.json"
            summary = json.loads(_content(summary_file)) if summary_file.is_file() else {}
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            if told:
                print(f"rbfnet: {str(place)!r} cannot be read: {str(error).splitlines()[0]}.", file=sys.stderr)
            continue
        if isinstance(config, dict) and "kernel" in config and isinstance(summary, dict):
            # With YAML aliases a few lines can expand to any number of keys.
            yield Row(place, dict(itertools.islice(_flat(config), KEYS)), summary)


def _content(file: Path) -> str:
    if (size := file.stat().st_size) > LARGEST:
        raise ValueError(f"{file.name} has {size:,} bytes, more than any run writes")
    return file.read_text(encoding="utf-8")


def differing(configs: list[dict[str, Any]]) -> list[str]:
    """The keys whose values differ between configs, except keys that differ only because the classes have other defaults."""
    every = dict.fromkeys(key for config in configs for key in config)
    differ = [key for key in every if len({text_of(config.get(key)) for config in configs}) > 1]
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
        key in config and text_of(config[key]) != text_of(default.get(argument, config[key] if default else None))
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


def _flat(node: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def text_of(value: Any) -> str:
    """The value of a key as the table shows it: a class by its name."""
    if isinstance(value, str) and value.startswith("rbfnet."):
        return value.rpartition(".")[2]
    if isinstance(value, (list, dict)):
        return reprlib.repr(value)
    return "" if value is None else str(value)


def _loader() -> Any:
    """The safe YAML loader, in C if available, which is ten times as fast."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
