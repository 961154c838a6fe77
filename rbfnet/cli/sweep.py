"""``--multirun``: one run per combination of values; a failing run does not stop the others.

Hydra's basic sweeper aborts at the first config that does not compose, before any run. So the jobs are numbered and run here, one
by one, or handed to the launcher that the user chooses; any other sweeper is left to Hydra.
"""

from __future__ import annotations

import datetime
import itertools
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rbfnet.cli.composing import hydra_with
from rbfnet.cli.interrupt import INTERRUPTED, TERMINATED
from rbfnet.cli.launched import FAILED, launch
from rbfnet.cli.overrides import chosen, readable
from rbfnet.cli.runs import show, tabulated
from rbfnet.cli.sentences import as_input_error
from rbfnet.errors import InputError, WriteError, unknown
from rbfnet.extras import require_installed
from rbfnet.run_table import Row, rows
from rbfnet.shipped_configs import config_directory, groups

PLUGINS = ("hydra/launcher", "hydra/sweeper")

SUBMITIT = ("hydra_plugins.hydra_submitit_launcher", "slurm")
PACKAGES = {
    "joblib": ("hydra_plugins.hydra_joblib_launcher", "sweeps"), "submitit_local": SUBMITIT, "submitit_slurm": SUBMITIT,
}  # fmt: skip
"""The package of each launcher, and the extra that installs it."""

Job = tuple[str, ...]
"""The overrides of one job, as typed."""


@dataclass(frozen=True)
class Runs:
    """How a job is run; both functions return an exit code.

    Attributes:
        once: runs a job with flags and overrides, in this process.
        config: runs a composed config, in a process of a launcher.
    """

    once: Callable[[list[str], list[str]], int]
    config: Callable[[DictConfig], int]


def sweep(flags: list[str], overrides: Sequence[Override], runs: Runs) -> int:
    """Run all jobs, report each failure with its swept values, and return the largest exit code.

    Args:
        flags, overrides: for all jobs; an override may have several values.
        runs: the functions that run a job.

    Raises:
        InputError: Hydra keys that do not compose.
    """
    plugins = {o.key_or_group: o for o in overrides if o.key_or_group in PLUGINS}
    _require_plugins(plugins.values())
    if "hydra/sweeper" in plugins:
        return _by_a_sweeper(flags, overrides, runs.once)
    directory, lists = _directory_and_values(overrides)
    jobs = list(itertools.product(*lists.values()))
    varied = [[text for text, values in zip(job, lists.values(), strict=True) if len(values) > 1] for job in jobs]
    if "hydra/launcher" in plugins:
        codes = _by_a_launcher(flags, directory, jobs, varied, runs.config)
    else:
        codes = _one_after_the_other(flags, directory, jobs, varied, runs.once)
    failed = [_failure(number, varied[number]) for number, code in enumerate(codes) if code in (2, FAILED)]
    _end_with_table(str(readable(f"run_dir={directory}").value()), failed, several=len(jobs) > 1)
    return max(codes)


def _one_after_the_other(
    flags: list[str],
    directory: str,
    jobs: Sequence[Job],
    varied: Sequence[list[str]],
    once: Callable[[list[str], list[str]], int],
) -> list[int]:
    """The exit codes of all jobs, or up to one that was interrupted."""
    codes: list[int] = []
    for number, job in enumerate(jobs):
        # Hydra counts its jobs here.
        own = [f"hydra.sweep.dir={directory}", f"hydra.job.num={number}", f"hydra.job.id={number}"]
        try:
            code = once(flags, [text for given in job for text in chosen(readable(given))] + own)
        except InputError as error:
            _tell(number, varied[number], str(error))
            code = 2
        except WriteError as error:
            _tell(number, varied[number], str(error))
            code = FAILED
        except Exception:
            _tell(number, varied[number], f"\n{traceback.format_exc()}".rstrip())
            code = FAILED
        codes.append(code)
        if code in (INTERRUPTED, TERMINATED):
            break
    return codes


def _by_a_launcher(
    flags: list[str], directory: str, jobs: Sequence[Job], varied: Sequence[list[str]], run: Callable[[DictConfig], int]
) -> list[int]:
    """The exit codes of all jobs, which the launcher may run in parallel."""
    hydras = [f"hydra.sweep.dir={directory}"]
    answers, composing = {}, {}
    for number, job in enumerate(jobs):
        given = [readable(text) for text in job]
        hydras += [str(o.input_line) for o in given if o.is_hydra_override() and str(o.input_line) not in hydras]
        try:
            composing[number] = [text for o in given if not o.is_hydra_override() for text in chosen(o)]
        except InputError as error:
            answers[number] = 2, str(error)
    answers |= launch(flags, hydras, composing, run)
    for number, (_, sentence) in sorted(answers.items()):
        if sentence:
            _tell(number, varied[number], sentence)
    return [answers[number][0] for number in range(len(jobs))]


def _tell(number: int, varied: Sequence[str], sentence: str) -> None:
    called = f"rbfnet: job {number}{' (' + ' '.join(varied) + ')' if varied else ''}"
    print(f"{called}:{'' if sentence.startswith(chr(10)) else ' '}{sentence}", file=sys.stderr)


def _by_a_sweeper(flags: list[str], overrides: Sequence[Override], once: Callable[[list[str], list[str]], int]) -> int:
    """Run jobs that another sweeper chooses."""
    directory = _directory(overrides)
    given = [
        str(o.input_line) for o in overrides if o.is_sweep_override() or o.key_or_group not in ("run_dir", "hydra.sweep.dir")
    ]
    try:
        return once([*flags, "--multirun"], [*given, f"hydra.sweep.dir={directory}"])
    finally:
        _end_with_table(str(readable(f"run_dir={directory}").value()), [], several=True)


def _require_plugins(plugins: Iterable[Override]) -> None:
    for override in plugins:
        name = "" if override.is_sweep_override() else str(override.value())
        if name in PACKAGES:
            require_installed(*PACKAGES[name], f"{override.key_or_group}={name}")
        with hydra_with([]) as hydra:
            known = hydra.config_loader.get_group_options(override.key_or_group)
        if name not in known:
            raise unknown(override.key_or_group, name or str(override.input_line).partition("=")[2], [*known, *PACKAGES])


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
