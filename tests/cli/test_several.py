"""Several callbacks and loggers in one run, and what the Trainer takes."""

from __future__ import annotations

import inspect
import json
import socket
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
import yaml
from lightning.pytorch.loggers import CSVLogger

import rbfnet
from rbfnet.config import CLUSTER
from rbfnet.training._prepare import OPTIONS

Command = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parent.parent.parent
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=8", "figures=false"]
GROWS = ["solver=gauss_newton", "network.per_center=true", "callbacks.grow.num_centers=12", "callbacks.grow.period=1"]

COUNTING = """
import lightning.pytorch as pl


class Count(pl.Callback):
    def __init__(self, file="epochs"):
        self.file = file

    def on_train_epoch_end(self, trainer, module):
        with open(self.file, "a") as file:
            file.write(f"{trainer.current_epoch}\\n")
"""


def epochs(directory: str) -> int:
    return json.loads(Path(directory, "summary.json").read_text())["epochs"]


def test_one_of_ours_and_one_of_the_users_own(command: Command) -> None:
    Path("own_callbacks.py").write_text(COUNTING)
    own = ["callbacks=[grow,custom]", "callbacks.custom._target_=own_callbacks.Count", "+callbacks.custom.file=counted"]
    code, out, err = command("train", *QUICK, *GROWS, *own, "trainer.max_epochs=3", "run_dir=run")
    assert (code, err) == (0, "") and "12 centres" in out
    done = epochs("run")
    assert Path("counted").read_text().split() == [str(n) for n in range(done)]
    written = yaml.safe_load(Path("run/config.yaml").read_text())["callbacks"]
    assert written["custom"] == {"_target_": "own_callbacks.Count", "file": "counted"}
    assert written["grow"]["num_centers"] == 12
    # The run is loaded and resumed as any other, and the user's own class needs trust.
    assert rbfnet.load("run").num_centers == 12
    assert "own_callbacks.Count" in command("resume", "run", f"trainer.max_epochs={done + 1}")[2]
    assert command("resume", "run", f"trainer.max_epochs={done + 1}", "trust=[own_callbacks]")[0] == 0
    assert Path("counted").read_text().split() == [str(n) for n in range(done + 1)]


def test_one_alone_keeps_its_keys_where_they_were(command: Command) -> None:
    """As in the configs of runs that are there already."""
    one = [*GROWS[:2], "callbacks=grow", "callbacks.num_centers=12", "callbacks.period=1", "trainer.max_epochs=6"]
    assert command("train", *QUICK, *one, "run_dir=one")[0] == 0
    assert command("train", *QUICK, *GROWS, "callbacks=[grow]", "trainer.max_epochs=6", "run_dir=listed")[0] == 0
    first, second = (rbfnet.load(name).state_dict() for name in ("one", "listed"))
    assert all(torch.equal(value, second[key]) for key, value in first.items())
    assert yaml.safe_load(Path("one/config.yaml").read_text())["callbacks"]["num_centers"] == 12


def test_a_callback_of_lightnings(command: Command) -> None:
    stop = ["callbacks=custom", "callbacks._target_=lightning.pytorch.callbacks.EarlyStopping", "+callbacks.monitor=loss"]
    code, _, err = command(
        "train", *QUICK, "solver=adam", "solver.max_epochs=50", *stop, "+callbacks.check_on_train_epoch_end=true",
        "+callbacks.stopping_threshold=1e9", "run_dir=run",
    )  # fmt: skip
    assert code == 0, err
    assert epochs("run") == 1


class Recorded(CSVLogger):
    """Stands in for TensorBoard's, which is not installed with the tests."""


def test_two_loggers_write_side_by_side_and_go_on_together(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("own_loggers")
    module.Recorded = Recorded  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_loggers", module)
    both = ["logger=[csv,tensorboard]", "logger.tensorboard._target_=own_loggers.Recorded", "logger.tensorboard.save_dir=second"]
    assert command("train", *QUICK, *both, "solver=adam", "solver.max_epochs=4", "run_dir=run")[0] == 0
    assert Path("run/metrics.csv").read_text() == Path("second/metrics.csv").read_text() != ""


@pytest.mark.parametrize("none", ["logger=[]", "logger=null", "~logger"])
def test_no_logger_at_all(command: Command, none: str) -> None:
    assert command("train", *QUICK, none, "run_dir=run")[0] == 0
    assert not Path("run/metrics.csv").exists()


def test_loggers_go_on_in_a_directory_that_was_moved(command: Command) -> None:
    two = ["logger=[csv]", "solver=adam", "solver.max_epochs=4"]
    assert command("train", *QUICK, *two, "run_dir=before")[0] == 0
    Path("before").rename("after")
    assert command("resume", "after", "trainer.max_epochs=6")[0] == 0
    assert not Path("before").exists()
    assert Path("after/metrics.csv").read_text().count("\n") == 1 + 6


def test_what_the_trainer_takes_is_listed_with_its_defaults() -> None:
    listed: dict[str, Any] = yaml.safe_load((ROOT / "configs/trainer/default.yaml").read_text())
    assert set(listed) == OPTIONS
    defaults = {key: parameter.default for key, parameter in inspect.signature(pl.Trainer).parameters.items()}
    # What is chosen otherwise here, each for its reason.
    ours = {"accelerator", "devices", "deterministic", "max_epochs", "check_val_every_n_epoch", "log_every_n_steps"}
    for key in OPTIONS - ours:
        assert listed[key] == defaults[key], key


@pytest.mark.parametrize("prefix", ["", "+", "++"])
def test_gradients_are_clipped(command: Command, prefix: str) -> None:
    """So small that Adam, which divides by its size, is all but at rest: its epsilon is 1e-8."""
    adam = ["solver=adam", "solver.max_epochs=3"]
    assert command("train", *QUICK, *adam, f"{prefix}trainer.gradient_clip_val=1e-14", "run_dir=clipped")[0] == 0
    assert command("train", *QUICK, *adam, "trainer.max_epochs=1", "solver.lr=1e-30", "run_dir=start")[0] == 0
    clipped, start = (rbfnet.load(name).state_dict() for name in ("clipped", "start"))
    for key, value in clipped.items():
        torch.testing.assert_close(value, start[key], rtol=1e-6, atol=1e-6)


# -- open to other people's classes ---------------------------------------------------------------------------------------------


def test_callbacks_are_a_mapping_of_any_of_lightnings(command: Command) -> None:
    """Beside one of ours; a run that is resumed makes them only where they are trusted."""
    stop = "{_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: loss, patience: 1000, check_on_train_epoch_end: true}"
    best = "{_target_: lightning.pytorch.callbacks.ModelCheckpoint, dirpath: best, monitor: loss, save_on_train_epoch_end: true}"
    Path("mine/experiment").mkdir(parents=True)
    Path("mine/experiment/open.yaml").write_text(
        f"# @package _global_\ncallbacks:\n  stop: {stop}\n  best: {best}\n  ours: {{_target_: rbfnet.training.RAD, period: 2}}\n"
    )
    adam = ["solver=adam", "solver.max_epochs=4", "--config-dir", "mine", "experiment=open"]
    code, _, err = command("train", *QUICK, *adam, "run_dir=run")
    assert (code, err) == (0, "")
    assert [file.suffix for file in Path("best").iterdir()] == [".ckpt"]
    assert rbfnet.load("run").num_centers == 8
    code, _, err = command("resume", "run", "trainer.max_epochs=6")
    assert code == 2 and "'lightning.pytorch.callbacks.EarlyStopping', which is not part of rbfnet" in err
    assert command("resume", "run", "trainer.max_epochs=6", "trust=[lightning.pytorch.callbacks]")[0] == 0
    assert epochs("run") == 6
    text = Path("mine/experiment/open.yaml").read_text()
    Path("mine/experiment/open.yaml").write_text(text.replace("ours:", f"more: {stop}\n  ours:"))
    code, _, err = command("train", *QUICK, *adam, "run_dir=more")
    assert code == 2 and "Two EarlyStopping callbacks have the same settings; change those of one" in err


def test_early_stopping_is_a_choice_with_all_of_its_arguments(command: Command) -> None:
    node = yaml.safe_load((ROOT / "configs/callbacks/early_stopping.yaml").read_text())
    assert set(node) - {"_target_"} == set(inspect.signature(pl.callbacks.EarlyStopping).parameters)
    stop = ["callbacks=[early_stopping,r3]", "callbacks.early_stopping.patience=2", "callbacks.early_stopping.min_delta=1e9"]
    assert command("train", *QUICK, "solver=adam", "solver.max_epochs=50", *stop, "run_dir=run")[0] == 0
    assert epochs("run") == 3


def test_a_number_that_nobody_logs_is_not_waited_for(command: Command) -> None:
    stop = ["solver=adam", "callbacks=early_stopping", "callbacks.monitor=los/dirichlet"]
    code, out, err = command("train", *QUICK, *stop, "run_dir=run")
    assert (code, out) == (2, "")
    assert err == "rbfnet: There is no logged number for EarlyStopping called 'los/dirichlet'; did you mean 'loss/dirichlet'?\n"


SOLVER = """
from rbfnet.solvers import Adam


class Mine(Adam):
    def __init__(self, steps=3):
        super().__init__(max_epochs=steps)
"""


def test_a_solver_of_ones_own(command: Command) -> None:
    Path("own_solvers.py").write_text(SOLVER)
    own = ["solver=custom", "solver._target_=own_solvers.Mine", "+solver.steps=2", "trainer.max_epochs=null"]
    code, _, err = command("train", *QUICK, *own, "run_dir=run")
    assert (code, err) == (0, "")
    assert epochs("run") == 2


def test_a_run_tells_where_it_comes_from(command: Command) -> None:
    assert command("train", *QUICK, "run_dir=run", "seed=3")[0] == 0
    told = json.loads(Path("run/summary.json").read_text())["provenance"]
    assert told["torch"] == torch.__version__ and told["rbfnet"] == rbfnet.__version__
    assert told["command"].startswith("rbfnet train problem.num_interior=40") and told["command"].endswith("seed=3")
    assert told["git"] is None


def test_quiet_and_verbose(command: Command) -> None:
    code, out, err = command("train", "-q", *QUICK, "run_dir=a")
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == ["Verdict", "a"]
    out = command("train", *QUICK, "run_dir=b", "--verbose")[1]
    assert "dirichlet, equation 0: RMS residual" in out and f"torch {torch.__version__}" in out
    assert "cannot be combined" in command("train", "-q", "-v")[2]


REFUSED = {
    "trainer.devices=1000": "trainer.devices must be at most",
    "trainer.num_nodes=2": "trainer.num_nodes=2 needs a cluster",
    "trainer=ddp trainer.num_nodes=3": "trainer.num_nodes=3 needs a cluster",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_processes_that_nobody_could_start_are_refused(command: Command, monkeypatch: pytest.MonkeyPatch, arguments: str) -> None:
    for name in CLUSTER:
        monkeypatch.delenv(name, raising=False)
    code, _, err = command("train", *arguments.split())
    assert code == 2 and err.startswith(f"rbfnet: {REFUSED[arguments]}") and err.count("\n") == 1
    assert not list(Path.cwd().iterdir())


def test_a_port_that_is_taken_is_refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("MASTER_PORT", str(port))
        code, _, err = command("train", "trainer=ddp")
    assert (code, err.count("\n")) == (2, 1) and f"Port {port}" in err
    assert not list(Path.cwd().iterdir())
