"""Flags among overrides, in any order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rbfnet.cli.arguments import Arguments, split

Command = Callable[..., tuple[int, str, str]]

SPLIT = {
    "a=1 --multirun b=2": Arguments([], ["a=1", "b=2"], True),
    "a=1 -m": Arguments([], ["a=1"], True),
    "--cfg job a=1 --resolve b=2": Arguments(["--cfg", "job", "--resolve"], ["a=1", "b=2"]),
    "a=1 -c=job -p solver": Arguments(["--cfg", "job", "--package", "solver"], ["a=1"]),
    "--info a=1": Arguments(["--info"], ["a=1"]),
    "a=1 --info defaults b=2": Arguments(["--info", "defaults"], ["a=1", "b=2"]),
    "a=-1 -h": Arguments(["--help"], ["a=-1"]),
}


@pytest.mark.parametrize("line", SPLIT)
def test_flags_stand_anywhere(line: str) -> None:
    assert split(line.split()) == SPLIT[line]


WRONG = {
    "--multrun": "There is no option '--multrun'; did you mean '--multirun'?",
    "a=1 --run": "There is no option '--run'; did you mean '--multirun'?",
    "a=1 --cfg": "--cfg takes one of job, hydra, all, as in --cfg job.",
    "--cfg a=1": "--cfg takes one of job, hydra, all, as in --cfg job, but got 'a=1'.",
    "--config-dir": "--config-dir takes a directory, as in --config-dir mine.",
    "--config-dir nowhere": "--config-dir takes a directory, but there is no directory 'nowhere'.",
    "--config-dir . --config-dir .": "--config-dir is given twice; give it once.",
    "--multirun=true": "--multirun takes no value, but got 'true'.",
    "--info=none": "--info takes one of all, config, defaults, defaults-tree, plugins, searchpath, or nothing, but got 'none'.",
    "--cfg job -m": "--cfg and --multirun cannot be combined; give one of them.",
    "--resolve": "--resolve changes what --cfg shows, as in --cfg job --resolve.",
    "hydra.run.dir=x": "hydra.run.dir has no effect; give run_dir=x to set the run directory.",
    "+hydra.run.dir=x": "hydra.run.dir has no effect; give run_dir=x to set the run directory.",
    "hydra.output_subdir=x": "hydra.output_subdir has no effect; give run_dir=... to set the run directory.",
    "hydra.sweep.dir=x": "hydra.sweep.dir has no effect without --multirun; give run_dir=... to set the run directory.",
    "hydra.mode=MULTIRUN": "hydra.mode has no effect; give --multirun for one run per combination of values.",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_is_wrong_is_one_sentence(command: Command, line: str) -> None:
    assert command("train", *line.split()) == (2, "", f"rbfnet: {WRONG[line]}\n")
    assert not list(Path.cwd().iterdir())


def test_the_config_is_shown_wherever_the_flag_stands(command: Command) -> None:
    first = command("train", "--cfg", "job", "kernel=matern", "seed=3")
    assert first[0] == 0 and "seed: 3" in first[1] and "rbfnet.kernels.Matern" in first[1]
    assert command("train", "kernel=matern", "--cfg", "job", "seed=3") == first
