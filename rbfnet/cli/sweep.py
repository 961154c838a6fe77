"""``--multirun``: one run per combination of values; a failing run does not stop the others.

Hydra's basic sweeper aborts at the first config that does not compose, before any run. So the jobs are numbered and run here, one
by one; any other sweeper or launcher that the user chooses is left to Hydra.
"""

from __future__ import annotations

import datetime
import itertools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from rbfnet.cli.configs import config_directory, groups
from rbfnet.cli.interrupt import INTERRUPTED, TERMINATED
from rbfnet.cli.overrides import chosen, readable
from rbfnet.cli.runs import Row, rows, show, tabulated
from rbfnet.cli.sentences import as_input_error
from rbfnet.errors import InputError, WriteError
from rbfnet.extras import require_installed

PLUGINS = ("hydra/launcher", "hydra/sweeper")

SUBMITIT = ("hydra_plugins.hydra_submitit_launcher", "slurm")
PACKAGES = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "sweeps"), "submitit_local": SUBMITIT, "submitit_slurm": SUBMITIT,
}  # fmt: skip
"""The package of each launcher, and the extra that installs it."""

FAILED = 1
"""The exit code of a job that raised an exception other than InputError."""


def sweep(flags: list[str], overrides: Sequence[Override], once: Callable[[list[str], list[str]], int]) -> int:
    """Run all jobs, report each failure with its swept values, and return the largest exit code.

    Args:
        flags, overrides: for all jobs; an override may have several values.
        once: a function that runs one job with flags and overrides.

    Raises:
        InputError: Hydra keys that do not compose.
    """
    if any(override.key_or_group in PLUGINS for override in overrides):
        return _by_a_launcher(flags, overrides, once)
    directory, lists = _directory_and_values(overrides)
    worst, failed = 0, []
    for number, job in enumerate(itertools.product(*lists.values())):
        # Hydra counts its jobs here.
        own = [f"hydra.sweep.dir={directory}", f"hydra.job.num={number}", f"hydra.job.id={number}"]
        varied = [text for text, values in zip(job, lists.values(), strict=True) if len(values) > 1]
        called = f"rbfnet: job {number}{' (' + ' '.join(varied) + ')' if varied else ''}"
        try:
            code = once(flags, [text for given in job for text in chosen(readable(given))] + own)
        except InputError as error:
            print(f"{called}: {error}", file=sys.stderr)
            code = 2
        except WriteError as error:
            print(f"{called}: {error}", file=sys.stderr)
            code = FAILED
        except Exception:
            print(f"{called}:\n{traceback.format_exc()}", file=sys.stderr, end="")
            code = FAILED
        worst = max(worst, code)
        if code in (INTERRUPTED, TERMINATED):
            break
        if code in (2, FAILED):
            failed.append(_failure(number, varied))
    _end_with_table(str(readable(f"run_dir={directory}").value()), failed, several=number > 0)
    return worst


def _by_a_launcher(flags: list[str], overrides: Sequence[Override], once: Callable[[list[str], list[str]], int]) -> int:
    """Run jobs with another launcher, in processes of its own, or with another sweeper."""
    for override in overrides:
        chosen_name = str(override.value()) if override.key_or_group in PLUGINS and not override.is_sweep_override() else ""
        if chosen_name in PACKAGES:
            require_installed(*PACKAGES[chosen_name], f"{override.key_or_group}={chosen_name}")
    directory = _directory(overrides)
    given = [
        str(o.input_line) for o in overrides if o.is_sweep_override() or o.key_or_group not in ("run_dir", "hydra.sweep.dir")
    ]
    try:
        return once([*flags, "--multirun"], [*given, f"hydra.sweep.dir={directory}"])
    finally:
        _end_with_table(str(readable(f"run_dir={directory}").value()), [], several=True)


def _end_with_table(directory: str, failed: Sequence[Row], several: bool) -> None:
    """Print the table of all jobs, unless there is only one."""
    found = [*rows(Path(directory), told=False), *failed] if Path(directory).is_dir() else list(failed)
    if several and len(found) > len(failed):
        show(*tabulated(found, Path(directory)))


def _failure(number: int, varied: Sequence[str]) -> Row:
    """The table row of a failed job, which has no run directory."""
    values = dict(text.split("=", 1) for text in varied)
    config = {f"{key}._target_" if key in groups() else key: value for key, value in values.items()}
    return Row(Path(str(number)), config, {"verdict": "failed"}, failed=True)


def _directory(overrides: Sequence[Override]) -> str:
    """The directory of the runs, as a quoted value."""
    given = [o for o in overrides if o.key_or_group in ("run_dir", "hydra.sweep.dir") and not o.is_sweep_override()]
    if given:
        directory = str(given[-1].value())
    else:
        directory = str(Path("runs", "multirun", datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")))
    return QuotedString(os.path.normpath(directory), Quote.double).with_quotes()


def _directory_and_values(overrides: Sequence[Override]) -> tuple[str, dict[str, list[str]]]:
    """The directory of the runs, as a quoted value, and the overrides of each key."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        try:
            hydras = [str(o.input_line) for o in overrides if o.is_hydra_override()]
            config: Any = compose("train", overrides=hydras, return_hydra_config=True)
            directory = str(config.hydra.sweep.dir)
        except (HydraException, OmegaConfBaseException) as error:
            raise as_input_error(error, []) from None
        lists = {}
        for override in overrides:
            override.config_loader = loader
            lists[override.get_key_element()] = _values(override)
    if len(lists.get("run_dir", ())) == 1:
        # The runs of a sweep are written below this directory.
        directory = str(readable(lists.pop("run_dir")[0]).value())
    return QuotedString(os.path.normpath(directory), Quote.double).with_quotes(), lists


def _values(override: Override) -> list[str]:
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if not override.is_discrete_sweep():
        raise InputError(f"{override.input_line} has no finite list of values; list them, as in seed=1,2,3, or take range(1,4).")
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
