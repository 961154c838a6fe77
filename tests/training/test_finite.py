"""A loss that is not finite stops a run, and the last finite model is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch

import rbfnet
from rbfnet.domains import Interval
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Interior, Poisson
from rbfnet.solvers import LBFGS, Adam
from rbfnet.training import Diverged
from rbfnet.training._finite import LastFinite

Command = Callable[..., tuple[int, str, str]]


class Walled(rbfnet.Problem):
    """u'' = 0 with u(1) = 4: on the way there log(wall - u) stops being defined."""

    domain = Interval(x=(0, 1))

    def __init__(self, wall: float = 1.0) -> None:
        super().__init__(num_interior=20, num_boundary=2)
        self.wall = wall

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("xx"))
        yield Interior(lambda u: 1e-6 * torch.log(self.wall - u.value), name="wall")
        yield Dirichlet(lambda x: 4 * x)


def diverged(solver: rbfnet.solvers.Solver, problem: rbfnet.Problem | None = None) -> Diverged:
    with pytest.raises(Diverged) as caught:
        rbfnet.solve(problem or Walled(), num_centers=8, solver=solver, margin=0.1)
    return caught.value


def test_adam_stops_with_the_name_of_the_condition_and_the_last_finite_model() -> None:
    error = diverged(Adam(lr=0.05, max_epochs=500))
    sentence = str(error)
    assert sentence.startswith("The loss of condition 'wall' is nan in epoch ") and sentence.count(". ") == 0
    model, problem = error.solution.model, error.solution.problem
    sample = problem.sample()["wall"].sites[0].to(torch.float64)
    with torch.no_grad():
        values = model(sample)
    # Finite there, and one step from the wall.
    assert 0.7 < float(values.max()) < 1.0
    assert error.solution.summary["stopped"] == sentence
    assert 1 < error.solution.summary["epochs"] < 500


def test_batches_stop_too() -> None:
    assert "condition 'wall' is nan" in str(diverged(Adam(lr=0.05, max_epochs=500, batch_size=6)))


def test_a_gradient_that_is_not_finite_stops_before_it_is_followed() -> None:
    class Root(rbfnet.Problem):
        """Values above 1/2 give sqrt(0), which is finite and has no slope."""

        domain = Interval(x=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Dirichlet(1.0)
            yield Interior(lambda u: 1e-9 * torch.sqrt((0.5 - u.value) * (u.value < 0.5)), name="root")

    error = diverged(Adam(lr=0.05, max_epochs=500), Root(num_interior=20))
    assert "The gradient of the loss of condition 'root' is not finite in epoch" in str(error)
    assert all(p.isfinite().all() for p in error.solution.model.parameters())


def test_the_last_update_is_looked_at_too() -> None:
    error = diverged(Adam(lr=1e200, max_epochs=1))
    assert "in epoch 1 (step 1)" in str(error)
    assert not error.solution.model.weight.any()


def test_the_line_search_of_lbfgs_steps_back_where_it_reaches_too_far() -> None:
    """-log(1 - u) is a barrier: its first steps, along a steep slope, end behind it."""

    class Barrier(rbfnet.Problem):
        domain = Interval(x=(0, 1))
        met = 0

        def conditions(self) -> Iterable[Condition]:
            yield Interior(self.barrier)

        def barrier(self, u: Field) -> torch.Tensor:
            value = torch.log(1 - u.value) + 5.0
            self.met += int(not torch.isfinite(value).all())
            return value

    problem = Barrier(num_interior=20)
    solution = rbfnet.solve(problem, num_centers=8, solver=LBFGS(max_epochs=30), epsilon=8.0, margin=0.1)
    x = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)[:, None]
    with torch.no_grad():
        assert torch.allclose(solution.model(x), torch.tensor(1 - math.exp(-5.0), dtype=torch.float64), atol=3e-3)
    assert problem.met > 0


def test_a_trial_that_is_not_finite_is_answered_with_a_loss_above_the_first() -> None:
    p = torch.nn.Parameter(torch.tensor(2.0))
    guarded = LastFinite([p], lambda flag: flag).guard(lambda: _backward(torch.log(p) + 1), lambda: ValueError("stop"))
    first = guarded()
    p.data.fill_(-1.0)
    assert first < guarded() < math.inf and p.grad == 0
    p.data.fill_(3.0)
    assert guarded() == torch.log(torch.tensor(3.0)) + 1 and p.grad == pytest.approx(1 / 3)


def _backward(loss: torch.Tensor) -> torch.Tensor:
    for leaf in [loss.grad_fn.next_functions[0][0].next_functions[0][0].variable]:  # type: ignore[union-attr]
        leaf.grad = None
    loss.backward()
    return loss


@pytest.mark.parametrize("solver", [Adam(max_epochs=3), LBFGS(max_epochs=3)])
def test_the_logged_loss_is_that_of_the_model_a_step_starts_from(solver: rbfnet.solvers.Solver) -> None:
    """And so the first is that of a model that is zero everywhere."""
    logged: list[float] = []
    found: list[float] = []

    class Watch(rbfnet.training.FitProgress):
        def on_train_start(self, trainer, pl_module) -> None:
            losses = pl_module.losses(trainer.datamodule.samples)
            found.append(sum(float(value.detach()) for value in losses.values()))

        def on_train_epoch_end(self, trainer, pl_module) -> None:
            logged.append(float(trainer.callback_metrics["loss"]))

    rbfnet.solve(Poisson(num_interior=50), num_centers=9, solver=solver, callbacks=[Watch()])
    assert logged[0] == pytest.approx(found[0], rel=1e-12)
    assert logged[1] < logged[0]


def test_the_command_line_says_so_and_leaves_a_run_that_can_be_loaded(command: Command) -> None:
    Path("walled.py").write_text(
        "import torch, rbfnet\nfrom rbfnet.domains import Interval\nfrom rbfnet.problems import Dirichlet, Interior\n\n\n"
        "class Walled(rbfnet.Problem):\n    domain = Interval(x=(0, 1))\n\n    def conditions(self):\n"
        "        yield Interior(lambda u: 1e-6 * torch.log(1 - u.value), name='wall')\n"
        "        yield Dirichlet(lambda x: 2 * x)\n"
    )
    arguments = ["problem=custom", "problem._target_=walled.Walled", "solver=adam", "solver.lr=0.05", "network.num_centers=8"]
    code, out, err = command("train", *arguments, "figures=false", "run_dir=run")
    assert code == 3
    assert err.count("\n") == 1 and err.startswith("rbfnet: The loss of condition 'wall' is nan in epoch ")
    assert out.strip().splitlines()[-1] == "run"
    model = rbfnet.load("run")
    assert 0.7 < float(model(torch.ones(1, 1, dtype=torch.float64)).detach()) < 1.2
    checkpoint = torch.load("run/checkpoints/last.ckpt", weights_only=True)
    assert torch.equal(checkpoint["state_dict"]["model.weight"], model.weight)
    assert json.loads(Path("run/summary.json").read_text())["stopped"] in err
