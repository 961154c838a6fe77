"""The arguments of ``rbfnet train``: flags and overrides, in any order."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rbfnet.errors import InputError, unknown
from rbfnet.shipped_configs import config_directory

SHORT = {"-h": "--help", "-m": "--multirun", "-c": "--cfg", "-p": "--package", "-cd": "--config-dir", "-i": "--info"}

SHOWS = ("job", "hydra", "all")
TELLS = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

ALLOW = "--allow-unsolved"
"""The only flag that is not from Hydra: exit with code 0 even if the problem is not solved."""

FLAGS = ("--help", "--hydra-help", "--cfg", "--resolve", "--package", "--multirun", "--config-dir", "--info", ALLOW)
"""The flag above, and the Hydra options that apply here."""

TAKES = {
    "--cfg": f"one of {', '.join(SHOWS)}, as in --cfg job",
    "--package": "a part of the config, as in --cfg job --package solver",
    "--config-dir": "a directory, as in --config-dir mine",
}

NO_EFFECT = ("hydra.run", "hydra.output_subdir", "hydra.job", "hydra.mode", "hydra.sweep")
"""Hydra keys without effect: the first four always, the last one unless --multirun is given."""


@dataclass
class Arguments:
    """Hydra flags without ``--multirun``, overrides as typed, and whether an unsolved run is allowed."""

    flags: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    multirun: bool = False
    allowed: bool = False


def split(arguments: Sequence[str]) -> Arguments:
    """Separate flags from overrides.

    Raises:
        InputError: an unknown flag, a flag without its value, mutually exclusive flags, or a Hydra key without effect.
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
        raise InputError(f"{' and '.join(tasks)} cannot be combined; give one of them.")
    for flag in ("--resolve", "--package"):
        if flag in given.flags and "--cfg" not in given.flags:
            raise InputError(f"{flag} changes what --cfg shows, as in --cfg job {flag}{' solver' * (flag == '--package')}.")


def config_dir(flags: list[str]) -> Path | None:
    """The directory of the user's own configs."""
    return Path(flags[flags.index("--config-dir") + 1]) if "--config-dir" in flags else None


def _require_names_of_their_own(directory: Path | None) -> None:
    """Raise InputError if a file below --config-dir has the name of a shipped config, which Hydra would silently use."""
    if directory is None:
        return
    if not os.path.isdir(directory):
        raise InputError(f"--config-dir takes a directory, but there is no directory {str(directory)!r}.")
    for file in sorted(directory.glob("*/**/*.yaml")):
        name = file.relative_to(directory)
        if (config_directory() / name).is_file():
            raise InputError(
                f"{str(file)!r} has the same name as a config shipped with rbfnet, which would be used instead; rename the file."
            )


def _require_effect(given: Arguments) -> None:
    # Lightning passes Hydra keys to the additional processes of a run.
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return
    for override in given.overrides:
        key, _, value = override.lstrip("+").partition("=")
        if not any(key == name or key.startswith(f"{name}.") for name in NO_EFFECT):
            continue
        if key == "hydra.mode":
            raise InputError("hydra.mode has no effect; give --multirun for one run per combination of values.")
        if key.startswith("hydra.sweep"):
            if given.multirun:
                continue
            raise InputError(f"{key} has no effect without --multirun; give run_dir=... to set the run directory.")
        shown = value if key == "hydra.run.dir" and value else "..."
        raise InputError(f"{key} has no effect; give run_dir={shown} to set the run directory.")
