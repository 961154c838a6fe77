"""Step sizes that change over a run, and solvers one after the other."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import rbfnet
from rbfnet.problems import Poisson
from rbfnet.solvers import LBFGS, Adam, LeastSquares, Sequence

Command = Callable[..., tuple[int, str, str]]
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16", "figures=false"]
TORCHS = {
    "constant": lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=8),
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=1e-3 ** (1 / 8)),
}


def step_sizes(optimizer: torch.optim.Optimizer, scheduler: Any, epochs: int) -> list[float]:
    found = []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("schedule", TORCHS)
def test_each_schedule_is_pytorchs(schedule: str) -> None:
    parameter = torch.nn.Parameter(torch.ones(1))
    model = torch.nn.ParameterList([parameter])
    solver = Adam(lr=0.2, max_epochs=8, schedule=schedule)
    ours = solver.optimizer(model, Poisson())
    theirs = torch.optim.Adam([parameter], lr=0.2)
    expected = step_sizes(theirs, TORCHS[schedule](theirs), 8)
    assert step_sizes(ours, solver.scheduler(ours), 8) == pytest.approx(expected, rel=1e-12)


def test_warm_up_is_a_line_to_where_the_schedule_begins_and_a_longer_run_stays_at_its_end() -> None:
    parameter = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(1))])
    solver = Adam(lr=1.0, max_epochs=7, schedule="cosine", warmup=3)
    optimizer = solver.optimizer(parameter, Poisson())
    cosine = [(1 + math.cos(math.pi * t / 4)) / 2 for t in (0, 1, 2, 3, 3, 3)]
    assert step_sizes(optimizer, solver.scheduler(optimizer), 9) == pytest.approx([0.25, 0.5, 0.75, *cosine])


def test_the_step_size_is_in_the_metrics(command: Command) -> None:
    code, _, err = command("train", *QUICK, "solver=adam", "solver.max_epochs=4", "solver.schedule=cosine", "run_dir=run")
    assert (code, err) == (0, "")
    with Path("run/metrics.csv").open() as file:
        found = [float(row["lr"]) for row in csv.DictReader(file) if row["lr"]]
    assert found == pytest.approx([0.005 * (1 + math.cos(math.pi * t / 4)) for t in range(4)])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Adam(schedule="cosin"), "There is no schedule 'cosin'; did you mean 'cosine'"),
        (lambda: Adam(max_epochs=5, warmup=5), "warmup must be below max_epochs, here 5, but got 5"),
        (lambda: Adam(warmup=-1), "warmup must be a whole number of at least 0"),
        (lambda: Sequence([]), "stages must hold at least one solver"),
        (lambda: Sequence("adam"), "stages must be a list of solvers"),
        (lambda: Sequence(["adam", "lbgfs"]), "There is no solver 'lbgfs'; did you mean 'lbfgs'"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        make()


class Watch(rbfnet.training.FitProgress):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int, int, int]] = []

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        name = type(trainer.optimizers[0]).__name__
        self.seen.append((name, trainer.global_step, trainer.num_training_batches, len(trainer.lr_scheduler_configs)))


def test_stages_have_their_own_optimizers_batches_and_epochs() -> None:
    watch = Watch()
    inner = Sequence([Adam(max_epochs=2, batch_size=10), LBFGS(max_epochs=1)])
    solver = Sequence([inner, LeastSquares(), Adam(max_epochs=1)])
    solution = rbfnet.solve(Poisson(num_interior=40), num_centers=9, solver=solver, callbacks=[watch])
    batches = 4  # of the 40 points inside, and as many on the boundary
    assert watch.seen == [
        ("Adam", 0, batches, 1),
        ("Adam", batches, batches, 1),
        ("LBFGS", 2 * batches, 1, 0),
        ("_Solve", 2 * batches + 1, 1, 0),
        ("Adam", 2 * batches + 2, 1, 1),
    ]
    assert (solution.summary["solver"], solution.summary["epochs"]) == ("sequence", 5)


def test_a_sequence_is_its_stages_by_hand() -> None:
    """Adam, and then L-BFGS on the model it leaves, with PyTorch's own optimizers on the same loss."""
    problem, adam, lbfgs = Poisson(num_interior=40), Adam(max_epochs=5), LBFGS(max_epochs=2, max_iter=5)
    found = rbfnet.solve(problem, num_centers=9, solver=Sequence([adam, lbfgs])).model

    class Last(rbfnet.training.FitProgress):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            model, samples = pl_module.model, trainer.datamodule.samples

            def closure() -> torch.Tensor:
                model.zero_grad()
                loss = torch.stack(list(pl_module.losses(samples).values())).sum()
                loss.backward()
                return loss

            with torch.enable_grad():
                for solver in (adam, lbfgs):
                    optimizer = solver.optimizer(model, problem)
                    for _ in range(solver.max_epochs):
                        optimizer.step(closure)  # type: ignore[arg-type]
            self.weight = model.weight.detach().clone()

    last = Last()
    rbfnet.solve(problem, num_centers=9, solver=Adam(max_epochs=1), callbacks=[last])
    assert torch.equal(found.weight, last.weight)


def test_a_stage_that_cannot_treat_the_problem_is_refused_before_the_first_one_starts() -> None:
    from rbfnet.problems import Burgers

    with pytest.raises(rbfnet.InputError, match="least_squares cannot solve it"):
        rbfnet.solve(Burgers(), num_centers=9, solver=Sequence([Adam(), LeastSquares()]))


def test_adam_then_lbfgs_is_an_experiment_for_any_problem(command: Command) -> None:
    node = "solver.stages=[{_target_: rbfnet.solvers.Adam, max_epochs: 3}, {_target_: rbfnet.solvers.LBFGS, max_epochs: 1}]"
    code, out, err = command("train", "experiment=adam_then_lbfgs", node, *QUICK, "run_dir=run")
    assert (code, err) == (0, "")
    assert "sequence" in out and "epoch 4/4" in out
    assert rbfnet.load("run").num_centers == 16
