"""``rbfnet train``: compose the config, build the run, execute it.

Hydra and Lightning's launcher of additional processes both read ``sys.argv``. The launcher runs this file again, so
``sys.argv`` names this file, without the subcommand.
"""

from __future__ import annotations

import datetime
import os
import shlex
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rbfnet.cli.arguments import config_dir, split
from rbfnet.cli.checks import check, targets
from rbfnet.cli.composing import help_page
from rbfnet.cli.counts import require_counts
from rbfnet.cli.interrupt import INTERRUPTED, leave, not_kept_waiting, raise_from_now_on, word
from rbfnet.cli.loudness import as_loud_as, hushed, level
from rbfnet.cli.overrides import chosen, readable
from rbfnet.cli.own_modules import find
from rbfnet.cli.process import spared_by_the_collector
from rbfnet.cli.report import report
from rbfnet.cli.sentences import as_input_error
from rbfnet.cli.sweep import Runs, sweep
from rbfnet.errors import InputError, WriteError
from rbfnet.shipped_configs import config_directory

if TYPE_CHECKING:
    from rbfnet.training import Run, Solution


DIVERGED, NOT_SOLVED = 3, 4
"""The exit codes for a non-finite loss and for an unsolved problem."""


def train(arguments: list[str]) -> int:
    """Train with command-line overrides; returns 0 for success, ``DIVERGED`` or ``NOT_SOLVED``.

    Raises:
        InputError: any mistake in the config, in one sentence.
    """
    given = split(arguments)
    # Threads that busy-wait become tens of times slower as soon as another process uses the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Otherwise Hydra would print the error itself and exit with code 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    overrides = [readable(override, given.multirun) for override in given.overrides]

    def run(flags: list[str], overrides: list[str]) -> int:
        return _accepted(once(flags, overrides), given.allowed)

    if "--help" in given.flags:
        print(help_page(given.flags, [text for o in overrides if not o.is_sweep_override() for text in chosen(o)]))
        return 0
    if given.multirun:
        return sweep(given.flags, overrides, Runs(run, partial(_run_accepted, allowed=given.allowed, level=level())))
    return run(given.flags, [text for override in overrides for text in chosen(override)])


def _accepted(code: int, allowed: bool) -> int:
    return 0 if allowed and code == NOT_SOLVED else code


def _run_accepted(config: DictConfig, allowed: bool, level: str) -> int:
    """In a process of a launcher's, which knows of no flags."""
    # The summary names the command.
    sys.argv = [__file__, *HydraConfig.get().overrides.task]
    with as_loud_as(level):
        return _accepted(_run(config), allowed)


def once(flags: list[str], overrides: list[str]) -> int:
    """Compose a config with Hydra, run it, and return the exit code.

    Raises:
        InputError: any mistake in the config, in one sentence.
    """
    before = sys.argv
    sys.argv = [__file__, *flags, *overrides]
    failed: list[Exception] = []
    composed, here = False, os.getpid()
    code = 0

    def job(config: DictConfig) -> None:
        nonlocal composed, code
        composed = True
        # Hydra would print any exception of a job on stderr. In a process of another launcher it has to be printed here.
        try:
            code = max(code, _run(config))
        except Exception as error:
            if os.getpid() != here:
                _tell(error)
                raise
            failed.append(error)

    try:
        hydra.main(version_base="1.3", config_path=str(config_directory()), config_name="train")(job)()
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        failed.append(error)
    finally:
        sys.argv = before
    if not failed:
        return code
    if isinstance(failed[0], InputError) or (composed and not isinstance(failed[0], HydraException | OmegaConfBaseException)):
        raise failed[0]
    raise as_input_error(failed[0], overrides, config_dir(flags)) from None


def _run(config: DictConfig) -> int:
    # Other launchers, and Lightning after launching processes, set LOCAL_RANK for the first process too.
    first_process = os.environ.get("LOCAL_RANK", "0") == "0"
    if config.run_dir is None:
        config.run_dir = str(_run_directory())
        # Additional processes of this run, started with the same arguments, must write to the same directory.
        sys.argv.append(f"run_dir={config.run_dir}")
    plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if _is_one_of_several() and plain["trainer"].get("devices") not in (1, "1"):
        raise InputError("--multirun cannot start runs with several processes; start them one by one, or use trainer.devices=1.")
    find(targets(plain))
    check(plain, fresh=first_process)
    require_counts(plain)

    with spared_by_the_collector():
        from rbfnet.training import build

    raise_from_now_on()
    return execute(build(plain, fresh=first_process), first_process)


def _is_one_of_several() -> bool:
    """Whether this run is part of a --multirun, numbered by ``sweep`` or, for another launcher, by Hydra."""
    return not OmegaConf.is_missing(HydraConfig.get().job, "num")


class _Ended(Exception):
    """One of several runs ended early, with this exit code."""


def _execute_growing(run: Run) -> int:
    """Train with more and more centres, print the results, and return the exit code."""
    from rbfnet.training.runs import grown

    def one(part: Run) -> Solution:
        solution, code = _executed(part, True)
        if solution is None or code == INTERRUPTED:
            raise _Ended(code)
        return solution

    try:
        solution = grown(run, one)
    except _Ended as ended:
        if (run.directory / "summary.json").is_file():
            print(f"rbfnet: the last finished run is in {run.directory}", file=sys.stderr, flush=True)
        return int(ended.args[0])
    report(solution, run.directory)
    return NOT_SOLVED if solution.verdict == "not solved" else 0


def execute(run: Run, first_process: bool = True) -> int:
    """Train, print the results, and return the exit code."""
    from rbfnet.training.runs import in_growing_runs

    if in_growing_runs(run):
        return _execute_growing(run)
    solution, code = _executed(run, first_process)
    if solution is not None and first_process:
        report(solution, run.directory)
    return code


def _executed(run: Run, first_process: bool) -> tuple[Solution | None, int]:
    """Train, and return the solution, if the run came to its end, and the exit code."""
    from rbfnet.training import Diverged, Interrupted, ProcessLost, Stop, Terminated

    def told(number: int) -> None:
        if number == signal.SIGINT and run.prepared.trainer.world_size == 1:
            print("rbfnet: interrupted; finishing the current step. Press Ctrl-C again to stop at once.", file=sys.stderr)

    def say(what: str) -> None:
        if first_process:
            print(f"rbfnet: {what}{way_on(run)}", file=sys.stderr, flush=True)

    def give_up(what: str, code: int) -> None:
        """Stop the process if the main thread does not respond."""
        stop.abandon()
        say(what)
        os._exit(code)

    stop = Stop(told, replaces=(leave,))
    run.on_loss(lambda error: give_up(str(error), error.code))
    try:
        with not_kept_waiting(stop, lambda number: give_up(word(number), 128 + number)):
            solution = hushed(run).execute(stop)
    except Diverged as error:
        if first_process:
            print(f"rbfnet: {error}", file=sys.stderr)
            print(run.directory)
        # A non-zero code of an additional process would be reported as its failure.
        return None, DIVERGED if first_process else 0
    except ProcessLost as error:
        say(str(error))
        return None, error.code
    except (Interrupted, Terminated) as error:
        number = signal.SIGINT if isinstance(error, Interrupted) else signal.SIGTERM
        say(word(number))
        return None, 128 + number if first_process or stop.broken is not None else 0
    except WriteError as error:
        if not run.last.is_file():
            raise
        again = f"`rbfnet resume {shlex.quote(str(run.directory))}`"
        raise WriteError(f"{str(error).removesuffix('.')}, then continue from the last checkpoint with {again}.") from error
    if stop.number == signal.SIGINT:
        return solution, INTERRUPTED
    return solution, NOT_SOLVED if first_process and solution.verdict == "not solved" else 0


def _tell(error: Exception) -> None:
    """Print the number and the error of a job in a process of another launcher."""
    job = HydraConfig.get()
    sentence = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    print(f"rbfnet: job {job.job.num} ({' '.join(job.overrides.task)}): {sentence}", file=sys.stderr, flush=True)


def way_on(run: Run) -> str:
    """How to resume a run that ended early."""
    if run.last.exists():
        return f"; continue from the last checkpoint with `rbfnet resume {shlex.quote(str(run.directory))}`."
    return " before the first checkpoint; no files are left behind."


def _run_directory() -> Path:
    hydra_config = HydraConfig.get()
    if _is_one_of_several():
        return Path(hydra_config.sweep.dir) / hydra_config.sweep.subdir
    now = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    wanted = Path("runs") / str(hydra_config.runtime.choices["problem"]) / now
    # Two runs may start within a second.
    numbered = (wanted.with_name(f"{wanted.name}_{n}") for n in range(2, 10_000))
    return wanted if not wanted.exists() else next(path for path in numbered if not path.exists())


if __name__ == "__main__":
    from rbfnet.cli.answer import answered
    from rbfnet.cli.interrupt import end, leave_at_once, left_to_the_first_process

    left_to_the_first_process()
    leave_at_once()
    end(answered(train, sys.argv[1:]))
