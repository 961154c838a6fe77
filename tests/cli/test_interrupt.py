"""Ctrl-C, and output that nobody reads any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

import rbfnet
from rbfnet.problems import Poisson
from rbfnet.solvers import Adam, LeastSquares
from rbfnet.training.callbacks import _checkpoints

Command = Callable[..., tuple[int, str, str]]
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16", "figures=false"]
DESCENT = ["solver=adam", "solver.max_epochs=60", "trainer.check_val_every_n_epoch=1000"]

PRESSING = """
import os
import lightning.pytorch as pl


class Press(pl.Callback):
    def __init__(self, epoch, where="start", times=1, number=2):
        self.epoch, self.where, self.times, self.number = epoch, where, times, number

    def press(self, trainer, where):
        if (where, trainer.current_epoch) == (self.where, self.epoch) and not os.path.exists("pressed"):
            open("pressed", "w").close()
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)

    def on_train_batch_start(self, trainer, *rest):
        self.press(trainer, "start")

    def on_before_optimizer_step(self, trainer, *rest):
        self.press(trainer, "step")

    def on_train_end(self, trainer, module):
        self.press(trainer, "end")
"""


@pytest.fixture
def press(command: Command) -> Command:
    """A run of sixty epochs in which Ctrl-C is pressed at a place of an epoch."""
    Path("pressing.py").write_text(PRESSING)

    def run(*arguments: str, **keys: object) -> tuple[int, str, str]:
        custom = ["callbacks=custom", "callbacks._target_=pressing.Press", *(f"+callbacks.{k}={v}" for k, v in keys.items())]
        before = signal.getsignal(signal.SIGINT)
        answer = command("train", *QUICK, *DESCENT, *custom, *arguments)
        assert signal.getsignal(signal.SIGINT) is before
        return answer

    return run


def done(directory: str) -> int:
    progress = torch.load(f"{directory}/checkpoints/last.ckpt", weights_only=True)["loops"]["fit_loop"]["epoch_progress"]
    return progress["current"]["processed"]


def same(a: str, b: str) -> bool:
    second = rbfnet.load(b, trust=["pressing"]).state_dict()
    return all(torch.equal(value, second[key]) for key, value in rbfnet.load(a, trust=["pressing"]).state_dict().items())


@pytest.mark.parametrize("where", ["start", "step"])
def test_the_step_is_finished_saved_and_gone_on_from_bit_for_bit(press: Command, command: Command, where: str) -> None:
    code, _, err = press("run_dir=part", epoch=7, where=where)
    assert code == 130
    assert err.splitlines() == [
        "rbfnet: interrupted; finishing the current step. Press Ctrl-C again to stop at once.",
        "rbfnet: interrupted; continue from the last checkpoint with `rbfnet resume part`.",
    ]
    assert done("part") == 8 and not Path("part/model.safetensors").exists()
    assert command("resume", "part", "trust=[pressing]")[0] == 0
    assert press("run_dir=whole", epoch=-1)[0] == 0
    assert same("part", "whole")


def test_a_step_that_is_broken_into_is_given_up(press: Command, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the gradient and before the update; what is gone on from is the last checkpoint, here that of the epoch before."""
    monkeypatch.setattr(_checkpoints, "OFTEN", 0.0)
    monkeypatch.setattr(_checkpoints, "SELDOM", 0.0)
    code, _, err = press("run_dir=a b", epoch=7, where="step", times=2)
    assert code == 130
    assert err.splitlines()[-1] == "rbfnet: interrupted; continue from the last checkpoint with `rbfnet resume 'a b'`."
    assert done("a b") == 7
    assert command("resume", "a b", "trust=[pressing]")[0] == 0
    assert press("run_dir=whole", epoch=-1)[0] == 0
    assert same("a b", "whole")


@pytest.fixture
def _no_checkpoint_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_checkpoints, "OFTEN", 1e9)


NOTHING_YET = {
    "before the first checkpoint": [*DESCENT, "+callbacks.epoch=1", "+callbacks.times=2"],
    "the only step": ["+callbacks.epoch=0"],
}


@pytest.mark.usefixtures("_no_checkpoint_in_between")
@pytest.mark.parametrize("name", NOTHING_YET)
def test_nothing_is_left_where_there_is_nothing_to_go_on_from(command: Command, name: str) -> None:
    Path("pressing.py").write_text(PRESSING)
    custom = ["callbacks=custom", "callbacks._target_=pressing.Press"]
    code, out, err = command("train", *QUICK, *custom, *NOTHING_YET[name])
    assert code == 130 and "relative L2" not in out
    assert err.splitlines()[-1] == "rbfnet: interrupted before the first checkpoint; no files are left behind."
    assert {p.name for p in Path.cwd().iterdir()} <= {"pressing.py", "pressed", "__pycache__"}


@pytest.mark.parametrize(
    ("epoch", "where", "number", "code"),
    # Lightning's handler of SIGTERM is there up to the end of training.
    [(59, "start", signal.SIGINT, 130), (60, "end", signal.SIGINT, 130), (59, "start", signal.SIGTERM, 0)],
)
def test_a_run_that_is_done_by_then_is_written(press: Command, epoch: int, where: str, number: int, code: int) -> None:
    """There would be nothing left to go on with."""
    got, out, _ = press("run_dir=run", epoch=epoch, where=where, number=int(number))
    assert got == code and "relative L2" in out
    assert Path("run/model.safetensors").exists() and done("run") == 60


def test_a_sweep_stops(press: Command) -> None:
    code, _, err = press("-m", "seed=1,2,3", "run_dir=all", epoch=7)
    assert code == 130
    assert [p.name for p in Path("all").iterdir()] == ["0"]
    assert "`rbfnet resume all/0`" in err


class Press(pl.Callback):
    def on_train_batch_start(self, *rest: object) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("solver", [LeastSquares(), Adam(max_epochs=9)], ids=["least_squares", "adam"])
def test_from_python_it_is_a_keyboard_interrupt(solver: LeastSquares | Adam) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        rbfnet.solve(Poisson(num_interior=30, num_boundary=12), num_centers=9, solver=solver, callbacks=[Press()])
    assert signal.getsignal(signal.SIGINT) is before


def test_one_word_while_libraries_are_imported(tmp_path: Path) -> None:
    program = "from rbfnet.cli.main import main; print('here', flush=True); main()"
    command = [sys.executable, "-c", program, "train", "-m", "seed=1,2"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "here\n"
    # Among the imports, whichever: they take seconds.
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "rbfnet: interrupted.\n")
    assert not list(tmp_path.iterdir())


def test_output_without_a_reader_is_dropped_and_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from rbfnet.cli.pipes import dropped_if_unread

    reads, writes = os.pipe()
    with os.fdopen(writes, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with dropped_if_unread():
            print("first")
            assert os.read(reads, 100) == b"first\n"
            os.close(reads)
            for _ in range(3):
                print("x" * 100_000)
        assert sys.stdout is stream


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is full")
def test_a_full_disk_is_one_sentence_at_the_end_of_the_work(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from rbfnet.cli.pipes import dropped_if_unread

    done = False
    with open("/dev/full", "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as ended, dropped_if_unread():
            print("lost")
            done = True
    assert done and ended.value.code == 1
    assert capfd.readouterr().err == "rbfnet: Standard output cannot be written: No space left on device.\n"


def test_output_that_was_closed_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    from rbfnet.cli.pipes import dropped_if_unread

    monkeypatch.setattr(sys, "stdout", None)
    with dropped_if_unread():
        sys.stdout.write("lost\n")
    assert sys.stdout is None


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["--help"], ["train", "--cfg", "job"], ["train", "--help"], ["resume", "-h"], ["completion", "zsh"]],
    ids=str,
)
def test_no_command_minds_a_reader_that_leaves(arguments: list[str]) -> None:
    command = [sys.executable, "-c", "from rbfnet.cli.main import main; main()", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 0)
    process.stderr.close()
