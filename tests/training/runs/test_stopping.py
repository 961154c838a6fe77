"""Runs that are stopped at random moments, several times, and end as if they had never been."""

from __future__ import annotations

import csv
import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

import rbfnet
from rbfnet.problems import Kovasznay, Poisson
from rbfnet.solvers import Adam, GaussNewton, LeastSquares, Solver
from rbfnet.training import Terminated

Command = Callable[..., tuple[int, str, str]]

PRESSING = """
import json, os, pathlib, random, signal, threading, time
import lightning.pytorch as pl


class Press(pl.Callback):
    '''SIGINT, once or twice, or SIGTERM, a random while after training has begun; nothing where there is no file to say so.'''

    def on_train_start(self, trainer, *rest):
        self.timer, self.began = None, time.perf_counter()
        if os.path.exists("press"):
            seed, longest = json.loads(pathlib.Path("press").read_text())
            draw = random.Random(seed)
            number, times = draw.choice([(signal.SIGINT, 1), (signal.SIGINT, 2), (signal.SIGTERM, 1)])
            self.timer = threading.Timer(draw.uniform(0, longest / 2), self.press, [number, times])
            self.timer.start()

    def press(self, number, times):
        for _ in range(times):
            os.kill(os.getpid(), number)

    def off(self, trainer, *rest):
        if not os.path.exists("took"):
            pathlib.Path("took").write_text(str(time.perf_counter() - self.began))
        if self.timer is not None:
            self.timer.cancel()
            self.timer.join()

    on_train_end = on_exception = off
"""

SMALL = ["problem.num_interior=60", "problem.num_boundary=24", "network.num_centers=20", "figures=false"]
SOLVERS = {
    "least_squares": [],
    "gauss_newton": ["problem=kovasznay", "solver.max_epochs=8"],
    "gauss_newton with widths": ["problem=poisson", "solver=gauss_newton", "network.epsilon=4", "solver.shapes=true"],
    "evolve": ["problem=heat"],
    "adam": ["solver.max_epochs=40", "solver.batch_size=20"],
    "adam with fresh points": ["solver=adam", "solver.max_epochs=40", "solver.resample=true"],
    "lbfgs": ["solver.max_epochs=20"],
    "sequence": [
        "solver.stages=[{_target_: rbfnet.solvers.Adam, max_epochs: 20}, {_target_: rbfnet.solvers.LBFGS, max_epochs: 6}]"
    ],
    "gauss_newton for unknowns": ["problem=inverse_diffusivity", "solver.max_epochs=10"],
}


def seen(directory: str) -> tuple[dict[str, torch.Tensor], list[dict[str, str]], dict[str, object]]:
    """The model, the rows of the log, and the summary but for its seconds and provenance."""
    summary = json.loads(Path(directory, "summary.json").read_text())
    # Another command line has resumed it.
    del summary["seconds"], summary["provenance"]
    with Path(directory, "metrics.csv").open() as file:
        rows = [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
    return rbfnet.load(directory).state_dict(), rows, summary


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVERS)
def test_stops_at_random_moments_change_nothing(command: Command, solver: str) -> None:
    Path("pressing.py").write_text(PRESSING)
    custom = ["callbacks=custom", "callbacks._target_=pressing.Press"]
    given = [*SMALL, f"solver={solver.split()[0]}", *SOLVERS[solver], *custom, "trainer.check_val_every_n_epoch=7"]
    assert command("train", *given, "run_dir=whole")[0] == 0
    whole = seen("whole")
    longest = float(Path("took").read_text())
    stops: list[list[int]] = []
    for attempt in range(3):
        directory, codes = f"part{attempt}", []
        for stop in range(9):
            Path("press").write_text(json.dumps([100 * attempt + stop, longest]))
            if stop == 8:
                Path("press").unlink()
            again = Path(directory, "checkpoints/last.ckpt").exists()
            arguments = ["resume", directory, "trust=[pressing]"] if again else ["train", *given, f"run_dir={directory}"]
            code, _, err = command(*arguments)
            codes.append(code)
            assert code in (0, 130, 143), err
            if Path(directory, "summary.json").exists():
                break
        assert Path(directory, "summary.json").exists(), codes
        stops.append(codes)
        model, rows, summary = seen(directory)
        for name, value in whole[0].items():
            assert torch.equal(value, model[name]), (codes, name)
        assert rows == whole[1], codes
        assert summary == whole[2], codes
    assert any(code in (130, 143) for codes in stops for code in codes)


class At(pl.Callback):
    """A signal, several times, at the start of a step or at the end of training."""

    def __init__(self, epoch: int, number: int = signal.SIGINT, times: int = 1) -> None:
        self.epoch, self.number, self.times = epoch, number, times
        self.weights: list[torch.Tensor] = []

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *rest: object) -> None:
        self.weights.append(next(module.parameters()).detach().clone())
        if trainer.current_epoch == self.epoch:
            for _ in range(self.times):
                signal.raise_signal(self.number)


@pytest.fixture
def handlers() -> object:
    """Those that are there must be there again."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


SMALL_POISSON: dict[str, Any] = {"num_interior": 30, "num_boundary": 12}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_from_python_the_model_after_the_last_whole_step_is_had(handlers: None, number: int, times: int) -> None:
    press = At(5, number, times)
    expected = rbfnet.Interrupted if number == signal.SIGINT else Terminated
    caught: Any
    with pytest.raises(expected) as caught:
        rbfnet.solve(Poisson(**SMALL_POISSON), num_centers=9, solver=Adam(max_epochs=9), callbacks=[press])
    solution = caught.value.solution
    assert solution is not None and solution.verdict == "not judged" and "9 epochs" in repr(solution)
    # The step is finished, unless it is asked for twice; two SIGTERM at once count as one, as `timeout` sends them.
    done = 5 if (number, times) == (signal.SIGINT, 2) else 6
    whole = rbfnet.solve(
        Poisson(**SMALL_POISSON), num_centers=9, solver=Adam(max_epochs=9), callbacks=[after := At(-1)], allow_unsolved=True
    )
    assert torch.equal(next(p for p in solution.model.parameters()), after.weights[done])
    assert not torch.equal(solution.model.weight, whole.model.weight)
    assert solution.predict([[0.5, 0.5]]).shape == (1,)


@pytest.mark.parametrize("solver", [LeastSquares(), GaussNewton()], ids=["least_squares", "gauss_newton"])
def test_before_the_first_whole_step_there_is_no_solution(handlers: None, solver: Solver) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        rbfnet.solve(Poisson(**SMALL_POISSON), num_centers=9, solver=solver, callbacks=[At(0, times=2)])
    assert isinstance(caught.value, rbfnet.Interrupted) and caught.value.solution is None


def test_a_step_that_takes_long_is_undone(handlers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """One signal, in a step of a minute."""
    monkeypatch.setattr("rbfnet.training.stopping._signals.GRACE", 0.2)

    class Slow(At):
        def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, *rest: object) -> None:
            super().on_train_batch_start(trainer, module)
            if trainer.current_epoch == self.epoch:
                threading.Event().wait(60)

    with pytest.raises(rbfnet.Interrupted) as caught:
        rbfnet.solve(
            Kovasznay(num_interior=60, num_boundary=24),
            num_centers=20,
            epsilon=2.0,
            solver=GaussNewton(),
            callbacks=[slow := Slow(2)],
        )
    assert caught.value.solution is not None
    assert torch.equal(next(caught.value.solution.model.parameters()), slow.weights[2])


def test_a_handler_of_the_users_own_stays(handlers: None) -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda *rest: heard.append(1))
    try:
        rbfnet.solve(Poisson(**SMALL_POISSON), num_centers=9, solver=Adam(max_epochs=9), callbacks=[At(5)], allow_unsolved=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]


def test_in_another_thread_it_solves(handlers: None) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(rbfnet.solve(Poisson(), num_centers=40, allow_unsolved=True)))
    thread.start()
    thread.join()
    assert found[0].errors["rel_l2"] < 0.1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["_run.measured", "_run_directory.write_figures"])
def test_after_the_last_update_the_model_is_written(
    command: Command, monkeypatch: pytest.MonkeyPatch, handlers: None, number: int, where: str
) -> None:
    monkeypatch.setattr(f"rbfnet.training.runs.{where}", lambda *rest, **more: signal.raise_signal(number))
    code, _, err = command("train", *SMALL, "figures=true", "run_dir=run")
    assert code == 128 + number
    assert err.splitlines()[-1].endswith("; continue from the last checkpoint with `rbfnet resume run`.")
    assert rbfnet.load("run").weight.any()
