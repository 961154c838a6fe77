"""A run that was stopped goes on from the command line."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import rbfnet

Command = Callable[..., tuple[int, str, str]]
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16", "figures=false"]
SHORT_LBFGS = ["solver=lbfgs", "solver.max_iter=4", "solver.max_epochs=10"]
SOLVERS = {
    "adam": ["solver=adam", "solver.max_epochs=10", "solver.schedule=cosine"],
    "batches": ["solver=adam", "solver.max_epochs=10", "solver.batch_size=10", "callbacks=rad", "callbacks.period=3"],
    "lbfgs": SHORT_LBFGS,
    "stages": [
        "solver=sequence",
        "solver.stages=[{_target_:rbfnet.solvers.Adam,max_epochs:4},{_target_:rbfnet.solvers.LBFGS,max_epochs:6,max_iter:4}]",
    ],
}


def rows(directory: str | Path) -> list[dict[str, str]]:
    with Path(directory, "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def same(a: str | Path, b: str | Path) -> None:
    """The same model and the same metrics, to the last bit."""
    first, second = rbfnet.load(a).state_dict(), rbfnet.load(b).state_dict()
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert rows(a) == rows(b)


@pytest.mark.parametrize("name", SOLVERS)
def test_ten_epochs_are_four_and_six(command: Command, name: str) -> None:
    assert command("train", *QUICK, *SOLVERS[name], "run_dir=whole")[0] == 0
    assert command("train", *QUICK, *SOLVERS[name], "trainer.max_epochs=4", "run_dir=part")[0] == 0
    assert {row["epoch"] for row in rows("part")} == {"0", "1", "2", "3"}
    code, out, err = command("resume", "part", "trainer.max_epochs=10")
    assert (code, err) == (0, "")
    assert "epoch 10/10" in out and out.strip().splitlines()[-1] == "part"
    same("whole", "part")
    assert yaml.safe_load(Path("part/config.yaml").read_text())["trainer"]["max_epochs"] == 10


def test_what_was_logged_after_the_checkpoint_is_logged_again_and_not_twice(command: Command) -> None:
    """As after a crash: the checkpoint is of the fourth epoch, the metrics go further."""
    command("train", *QUICK, *SOLVERS["adam"], "run_dir=whole")
    command("train", *QUICK, *SOLVERS["adam"], "trainer.max_epochs=4", "run_dir=part")
    shutil.copy("whole/metrics.csv", "part/metrics.csv")
    assert command("resume", "part", "trainer.max_epochs=10")[0] == 0
    same("whole", "part")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number", "code"), [("batches", signal.SIGTERM, 143), ("lbfgs", signal.SIGTERM, 143), ("adam", signal.SIGINT, 130)]
)
def test_a_run_told_to_stop_goes_on_bit_for_bit(tmp_path: Path, name: str, number: signal.Signals, code: int) -> None:
    script = str(Path(sys.executable).with_name("rbfnet"))
    longer = {"max_epochs=10": "max_epochs=150", "max_epochs:4": "max_epochs:75", "max_epochs:6": "max_epochs:75"}
    many = SOLVERS[name]
    for short, long in longer.items():
        many = [override.replace(short, long) for override in many]

    def run(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([script, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    process = run("train", *QUICK, *many, "run_dir=part")
    deadline = time.time() + 120
    while not (tmp_path / "part/checkpoints/last.ckpt").exists() and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert "rbfnet resume part" in err
    done = torch.load(tmp_path / "part/checkpoints/last.ckpt", weights_only=True)["loops"]["fit_loop"]["epoch_progress"]
    assert 0 < done["current"]["processed"] < 150
    for arguments in (["resume", "part"], ["train", *QUICK, *many, "run_dir=whole"]):
        process = run(*arguments)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    same(tmp_path / "whole", tmp_path / "part")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from rbfnet.cli.main import dispatch

    directory = tmp_path_factory.mktemp("runs") / "part"
    assert dispatch(["train", *QUICK, *SOLVERS["adam"], "trainer.max_epochs=4", f"run_dir={directory}", "--allow-unsolved"]) == 0
    return directory


def change(directory: Path, **keys: object) -> None:
    config = yaml.safe_load((directory / "config.yaml").read_text())
    (directory / "config.yaml").write_text(yaml.safe_dump({**config, **keys}))


WRONG: dict[str, tuple[Callable[[Path], object], list[str], str]] = {
    "no run": (shutil.rmtree, [], "There is no run to resume in 'part': config.yaml is missing."),
    "no checkpoint": (lambda d: shutil.rmtree(d / "checkpoints"), [], "checkpoints/last.ckpt is missing."),
    "finished": (lambda d: None, [], "The run in 'part' is finished: 4 of 4 epochs are done; continue with trainer.max_epochs="),
    "fewer": (lambda d: None, ["trainer.max_epochs=2"], "is finished: 4 of 2 epochs are done"),
    "epochs": (lambda d: None, ["trainer.max_epochs=-2"], "trainer.max_epochs must be a whole number of at least 1"),
    "changed": (lambda d: change(d, seed=5), [], "seed in 'part/config.yaml' is not what the run was started with"),
    "other solver": (lambda d: change(d, solver={"_target_": "rbfnet.solvers.LBFGS"}), [], "solver in 'part/config.yaml' is not"),
    "key": (lambda d: None, ["solver.lr=1"], "There is no option of resume called 'solver.lr'"),
    "two": (lambda d: None, ["other"], "`rbfnet resume` takes the directory of one run"),
    "unreadable": (lambda d: (d / "checkpoints/last.ckpt").write_bytes(b"no"), [], "cannot be read"),
    "pickle": (lambda d: _pickled(d), [], "cannot be read"),
    "logger": (
        lambda d: change(d, logger={"_target_": "os.system", "command": "touch owned"}),
        [],
        "The config names the logger",
    ),
}


def _pickled(directory: Path) -> None:
    class Owned:
        def __reduce__(self):
            return os.system, ("touch owned",)

    torch.save({"hyper_parameters": Owned()}, directory / "checkpoints/last.ckpt")


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_sentence_and_changes_nothing(command: Command, stopped: Path, name: str) -> None:
    damage, arguments, sentence = WRONG[name]
    shutil.copytree(stopped, "part")
    damage(Path("part"))
    before = {p: p.read_bytes() for p in Path("part").glob("**/*") if p.is_file()}
    code, out, err = command("resume", "part", *arguments)
    assert code == 2 and out == ""
    assert sentence in err and err.count("\n") == 1
    assert {p: p.read_bytes() for p in Path("part").glob("**/*") if p.is_file()} == before
    assert not Path("owned").exists()


def test_a_class_that_is_not_trusted_is_not_made(command: Command) -> None:
    Path("own_kernels_here.py").write_text(
        "import math\nfrom rbfnet import Kernel\n\n\nclass Mine(Kernel):\n    smoothness = math.inf\n\n"
        "    def phi(self, s):\n        return 1 / (1 + s)\n"
    )
    own = ["kernel=custom", "kernel._target_=own_kernels_here.Mine"]
    assert command("train", *QUICK, *own, *SOLVERS["adam"], "trainer.max_epochs=2", "run_dir=part")[0] == 0
    code, _, err = command("resume", "part", "trainer.max_epochs=3")
    assert code == 2 and "'own_kernels_here.Mine', which is not part of rbfnet" in err
    assert command("resume", "part", "trainer.max_epochs=3", "trust=[own_kernels_here]")[0] == 0


def test_a_run_that_diverged_is_not_gone_on_with(command: Command) -> None:
    code, _, _ = command("train", *QUICK, "solver=adam", "solver.lr=1e200", "solver.max_epochs=5", "run_dir=part")
    assert code == 3
    code, _, err = command("resume", "part")
    assert code == 2 and "was stopped by a non-finite loss" in err
