"""What follows ``rbfnet train``: flags and overrides, in any order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rbfnet.cli.configs import config_directory
from rbfnet.errors import InputError, unknown

SHORT = {"-h": "--help", "-m": "--multirun", "-c": "--cfg", "-p": "--package", "-cd": "--config-dir", "-i": "--info"}

SHOWS = ("job", "hydra", "all")
TELLS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

ALLOW = "--allow-unsolved"
"""The one flag that is not Hydra's: a run that has not solved its problem ends with exit code 0 too."""

FLAGS = ("--help", "--hydra-help", "--cfg", "--resolve", "--package", "--multirun", "--config-dir", "--info", ALLOW)
"""That one, and the options of Hydra's that make sense here."""

TAKES = {
    "--cfg": f"one of {', '.join(SHOWS)}, as in --cfg job",
    "--package": "a part of the config, as in --cfg job --package solver",
    "--config-dir": "a directory, as in --config-dir mine",
}

NO_EFFECT = ("hydra.run", "hydra.output_subdir", "hydra.job", "hydra.mode", "hydra.sweep")
"""Of Hydra's own keys, those that change nothing: the first four never, the last without --multirun."""


@dataclass
class Arguments:
    """Flags as Hydra reads them, without ``--multirun``, overrides as they were typed, and whether unsolved is allowed."""

    flags: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    multirun: bool = False
    allowed: bool = False


def split(arguments: Sequence[str]) -> Arguments:
    """Tell flags from overrides.

    Raises:
        InputError: an unknown flag, one without its value, flags that exclude each other, a key of Hydra's without effect.
    """
    found, rest = Arguments(), list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-"):
            found.overrides.append(argument)
            continue
        name, equals, value = argument.partition("=")
        name = SHORT.get(name, name)
        if name not in FLAGS:
            raise unknown("option", argument, FLAGS)
        if equals and name not in (*TAKES, "--info"):
            raise InputError(f"{name} takes no value, but got {value!r}.")
        if name == ALLOW:
            found.allowed = True
        elif name == "--multirun":
            found.multirun = True
        elif name in TAKES:
            if not equals:
                value = rest.pop(0) if rest else ""
            if not value or (name == "--cfg" and value not in SHOWS):
                raise InputError(f"{name} takes {TAKES[name]}, but got {value!r}." if value else f"{name} takes {TAKES[name]}.")
            if name in found.flags:
                raise InputError(f"{name} is given twice; give it once.")
            found.flags += [name, value]
        elif name == "--info":
            follows = [value] if equals else [rest.pop(0)] if rest and rest[0] in TELLS else []
            if not set(follows) <= set(TELLS):
                raise InputError(f"--info takes one of {', '.join(TELLS)}, or nothing, but got {value!r}.")
            found.flags += [name, *follows]
        else:
            found.flags.append(name)
    _require_one_task(found)
    _require_names_of_their_own(config_dir(found.flags))
    _require_effect(found)
    return found


def _require_one_task(given: Arguments) -> None:
    if len(tasks := [flag for flag in ("--cfg", "--info") if flag in given.flags] + ["--multirun"] * given.multirun) > 1:
        raise InputError(f"Give one of {' and '.join(tasks)}: each is a task of its own.")
    for flag in ("--resolve", "--package"):
        if flag in given.flags and "--cfg" not in given.flags:
            raise InputError(f"{flag} changes what --cfg shows, as in --cfg job {flag}{' solver' * (flag == '--package')}.")


def config_dir(flags: list[str]) -> Path | None:
    """The directory of the user's own configs."""
    return Path(flags[flags.index("--config-dir") + 1]) if "--config-dir" in flags else None


def _require_names_of_their_own(directory: Path | None) -> None:
    """Raise InputError where a file below --config-dir has the name of a shipped one: Hydra would take that one silently."""
    if directory is None:
        return
    if not os.path.isdir(directory):
        raise InputError(f"--config-dir takes a directory, but there is none called {str(directory)!r}.")
    for file in sorted(directory.glob("*/**/*.yaml")):
        name = file.relative_to(directory)
        if (config_directory() / name).is_file():
            raise InputError(
                f"{str(file)!r} has the name of a config that rbfnet ships, which would be taken instead; give it another name."
            )


def _require_effect(given: Arguments) -> None:
    # Lightning starts further processes of a run with keys of Hydra's own.
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return
    for override in given.overrides:
        key, _, value = override.lstrip("+").partition("=")
        if not any(key == name or key.startswith(f"{name}.") for name in NO_EFFECT):
            continue
        if key == "hydra.mode":
            raise InputError("hydra.mode has no effect; give --multirun for one run of each combination of values.")
        if key.startswith("hydra.sweep"):
            if given.multirun:
                continue
            raise InputError(f"{key} has no effect without --multirun; give run_dir=... for the directory of one run.")
        shown = value if key == "hydra.run.dir" and value else "..."
        raise InputError(f"{key} has no effect; give run_dir={shown} for the directory that a run is written to.")
