"""``rbfnet train``: compose the config, build the run, execute it.

Hydra and Lightning's launcher of further processes both read ``sys.argv``. The launcher starts this file again, so
``sys.argv`` names this file, without the subcommand.
"""

from __future__ import annotations

import datetime
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rbfnet.cli.configs import config_directory
from rbfnet.cli.sentences import as_input_error
from rbfnet.errors import InputError, unknown

if TYPE_CHECKING:
    from rbfnet.training import Run, Solution


FLAGS = (
    "--help", "-h", "--hydra-help", "--cfg", "-c", "--resolve", "--package", "-p", "--multirun", "-m", "--config-dir", "-cd",
    "--info", "-i",
)  # fmt: skip
"""Options of Hydra's that make sense here."""

DIVERGED = 3
"""The exit code of a run that a loss which is not finite has stopped."""


def train(overrides: list[str]) -> int:
    """Run with command-line overrides; 0 where all went well, ``DIVERGED`` where a loss that was not finite stopped a run.

    Raises:
        InputError: anything in the config that does not fit, in one sentence.
    """
    for argument in overrides:
        if argument.startswith("-") and argument.partition("=")[0] not in FLAGS:
            raise unknown("option", argument, FLAGS)
    _require_names_of_their_own(overrides)
    # Threads that spin while they wait for each other lose tens of times their speed as soon as anything else wants the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # A console script does not see the user's own modules in the working directory.
    sys.path.insert(0, os.getcwd())
    # Hydra would print what goes wrong itself, and exit with code 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    before = sys.argv
    sys.argv = [__file__, *overrides]
    refused: list[Exception] = []
    composed = False
    code = 0

    def job(config: DictConfig) -> None:
        nonlocal composed, code
        composed = True
        # Hydra announces on stderr whatever a job raises; wrong input is announced by the dispatcher alone.
        try:
            code = max(code, _run(config))
        except (InputError, HydraException, OmegaConfBaseException) as error:
            refused.append(error)

    try:
        hydra.main(version_base="1.3", config_path=str(config_directory()), config_name="train")(job)()
    except (HydraException, OmegaConfBaseException) as error:
        refused.append(error)
    except (ValueError, TypeError, KeyError) as error:
        if composed:
            raise
        refused.append(error)
    finally:
        sys.argv = before
    if refused:
        first = refused[0]
        raise first if isinstance(first, InputError) else as_input_error(first, overrides) from None
    return code


def _require_names_of_their_own(overrides: list[str]) -> None:
    """Raise InputError where a file below --config-dir has the name of a shipped one: Hydra would take that one silently."""
    for at, argument in enumerate(overrides):
        flag, _, given = argument.partition("=")
        if flag not in ("--config-dir", "-cd"):
            continue
        directory = Path(given or "".join(overrides[at + 1 : at + 2]))
        for file in sorted(directory.glob("*/**/*.yaml")):
            name = file.relative_to(directory)
            if (config_directory() / name).is_file():
                raise InputError(
                    f"{str(file)!r} has the name of a config that rbfnet ships, which would be taken instead; give it another "
                    "name."
                )


def _run(config: DictConfig) -> int:
    # Other launchers, and Lightning once it has launched others, number the first process too.
    first_process = os.environ.get("LOCAL_RANK", "0") == "0"
    if config.run_dir is None:
        config.run_dir = str(_run_directory())
        # Further processes of this run, started with the same arguments, must write to the same directory.
        sys.argv.append(f"run_dir={config.run_dir}")
    plain: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    if HydraConfig.get().mode == RunMode.MULTIRUN and plain["trainer"].get("devices") not in (1, "1"):
        raise InputError("--multirun cannot start runs of several processes; start them one by one, or take trainer.devices=1.")

    from rbfnet.training import build

    return execute(build(plain, fresh=first_process), first_process)


def execute(run: Run, first_process: bool = True) -> int:
    """Train, and print what came of it; the exit code, or SystemExit where the process was told to stop."""
    from rbfnet.training import Diverged, Terminated

    try:
        solution = run.execute()
    except Diverged as error:
        if first_process:
            print(f"rbfnet: {error}", file=sys.stderr)
            print(run.directory)
        return DIVERGED
    except Terminated:
        print(f"rbfnet: told to stop; `rbfnet resume {run.directory}` goes on from what is in its checkpoints.", file=sys.stderr)
        sys.exit(128 + signal.SIGTERM)
    if first_process:
        report(solution, run.directory)
    return 0


def _run_directory() -> Path:
    hydra_config = HydraConfig.get()
    if hydra_config.mode == RunMode.MULTIRUN:
        return Path(hydra_config.runtime.output_dir)
    now = datetime.datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    wanted = Path("runs") / str(hydra_config.runtime.choices["problem"]) / now
    # Two runs may start within a second.
    numbered = (wanted.with_name(f"{wanted.name}_{n}") for n in range(2, 10_000))
    return wanted if not wanted.exists() else next(path for path in numbered if not path.exists())


def report(solution: Solution, directory: Path) -> None:
    """Print the errors as a table, and where the run is."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    summary = solution.summary
    who = f"{summary['problem']}: {summary['kernel']}, {summary['centers']} centres, {summary['solver']}"
    about = f"{who}, {summary['seconds']:.2f} s"
    if summary["errors"] is None:
        console.print(f"{about}; loss {summary['loss']:.3e}; no reference to measure errors against.", soft_wrap=True)
    else:
        console.print(about, soft_wrap=True)
        measured_by = summary.get("errors_by", "reference")
        title = None if measured_by == "reference" else f"errors: {measured_by}"
        table = Table("output", "relative L2", "maximum", "RMSE", title=title)
        by_output = summary.get("errors_by_output", {solution.problem.outputs[0]: summary["errors"]})
        for name, measured in by_output.items():
            table.add_row(name, *(f"{measured[key]:.3e}" for key in ("rel_l2", "max_abs", "rmse")))
        console.print(table)
    if "unknowns" in summary:
        table = Table("unknown", "value", "standard error", "exact", "relative error")
        for name, found in summary["unknowns"].items():
            value = f"{found['value']:.6g}" if "value" in found else f"{found['min']:.4g} to {found['max']:.4g}"
            error = f"{found['standard_error']:.2g}" if "standard_error" in found else ""
            exact = f"{found['exact']:.6g}" if "exact" in found else ""
            table.add_row(name, value, error, exact, f"{found['rel_error']:.3e}" if "rel_error" in found else "")
        console.print(table)
    for sentence in summary.get("words", []):
        console.print(sentence, soft_wrap=True)
    console.print(str(directory), soft_wrap=True)


if __name__ == "__main__":
    from rbfnet.cli.main import dispatch

    sys.exit(dispatch(["train", *sys.argv[1:]]))
