"""Run the jobs of ``--multirun`` in the processes of a launcher such as joblib or submitit."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rbfnet.cli.arguments import config_dir
from rbfnet.cli.composing import composed, hydra_with
from rbfnet.cli.sentences import as_input_error
from rbfnet.errors import InputError, WriteError

FAILED = 1
"""The exit code of a job that raised an exception other than InputError."""

Answer = tuple[int, str]
"""An exit code and its message."""


class Answering:
    """Run a config in a process of a launcher, and return an answer whatever happens.

    What is raised there would otherwise be told by Hydra, without its traceback, and end the other jobs.
    """

    def __init__(self, run: Callable[[DictConfig], int]) -> None:
        self.run = run

    def __call__(self, config: DictConfig) -> Answer:
        code, sentence = self._answer(config)
        if sentence:
            # Hydra created the directory; its other files stay.
            with suppress(OSError):
                os.rmdir(HydraConfig.get().runtime.output_dir)
        return code, sentence

    def _answer(self, config: DictConfig) -> Answer:
        try:
            return self.run(config), ""
        except InputError as error:
            return 2, str(error)
        except WriteError as error:
            return FAILED, str(error)
        except Exception:
            return FAILED, f"\n{traceback.format_exc()}".rstrip()


def launch(
    flags: list[str], hydras: Sequence[str], jobs: Mapping[int, Sequence[str]], run: Callable[[DictConfig], int]
) -> dict[int, Answer]:
    """Run the jobs with the chosen launcher, and return the answer of each.

    Args:
        flags: ``--config-dir`` is heeded.
        hydras: overrides of Hydra's own keys, the launcher among them.
        jobs: by number the overrides of each.
        run: runs a config, and gives an exit code; it is pickled.

    Raises:
        InputError: Hydra's own keys do not compose.
    """
    with hydra_with(flags) as hydra:
        loader = hydra.config_loader
        config = composed(hydra, flags, hydras, RunMode.MULTIRUN)
        named = any(text.lstrip("+").startswith("hydra.sweep.subdir=") for text in hydras)
        answers, runnable = {}, {}
        for number, overrides in jobs.items():
            # A launcher numbers the jobs it is given; job directories use our numbers.
            numbered = [*overrides, *([] if named else [f"hydra.sweep.subdir={number}"])]
            try:
                loader.load_sweep_config(config, numbered)
            except (HydraException, OmegaConfBaseException) as error:
                answers[number] = 2, str(as_input_error(error, list(overrides), config_dir(flags)))
            else:
                runnable[number] = numbered
        if runnable:
            context = HydraContext(config_loader=loader, callbacks=Callbacks(config))
            launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=Answering(run), config=config)
            answers |= zip(runnable, _returned(launcher, list(runnable.values())), strict=True)
    return dict(sorted(answers.items()))


def _returned(launcher: Any, overrides: list[list[str]]) -> list[Answer]:
    try:
        returned = launcher.launch(overrides, initial_job_idx=0)
    except Exception as error:
        # A process was killed or could not be started; the launcher then reports no result for any job.
        return [(FAILED, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")] * len(overrides)
    answers = []
    for job in returned:
        try:
            answers.append(job.return_value)
        except Exception as error:
            answers.append((FAILED, f"{type(error).__name__}: {error}"))
    return answers
