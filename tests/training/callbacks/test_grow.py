"""Networks that grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

import rbfnet
from rbfnet.domains import Interval
from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Data, Dirichlet, Interior
from rbfnet.solvers import Adam, GaussNewton, LeastSquares, Posed
from rbfnet.solvers.selection._add_centers import greedy
from rbfnet.training import Grow
from rbfnet.training._isolated import default_dtype
from rbfnet.training._model import build_model
from rbfnet.training._prepare import prepare
from rbfnet.training._quiet import quiet

DOUBLE = torch.float64


class Front(rbfnet.Problem):
    """u'' = f on [0, 1] with u = tanh(40 (x - .7)): all that happens does so near .7."""

    domain = Interval(x=(0, 1))

    def conditions(self):
        def equation(u):
            t = torch.tanh(40 * (u.x - 0.7))
            return u.d("xx") + 2 * 1600 * t * (1 - t**2)

        yield Interior(equation)
        yield Dirichlet(self.exact)

    def exact(self, x):
        return torch.tanh(40 * (x - 0.7))


class Values(rbfnet.Problem):
    """Data at 60 points, for two outputs."""

    domain = Interval(x=(0, 1))
    outputs = ("u", "v")

    def conditions(self):
        x = torch.linspace(0, 1, 60, dtype=DOUBLE)
        yield Data(x[:, None], torch.stack([torch.sin(7 * x), torch.exp(-30 * (x - 0.3) ** 2)], dim=1))


def columns(x: torch.Tensor, centers: torch.Tensor, raw: torch.Tensor) -> torch.Tensor:
    return torch.exp(-(((x[:, None] - centers[:, 0]) * raw.exp()) ** 2))


def test_greedy_chooses_what_lowers_the_loss_most() -> None:
    """Against a new least-squares solve for every candidate and step."""
    torch.manual_seed(0)
    problem, x = Values(), torch.linspace(0, 1, 60, dtype=DOUBLE)
    target = torch.stack([torch.sin(7 * x), torch.exp(-30 * (x - 0.3) ** 2)], dim=1)
    start = torch.tensor([[0.5]], dtype=DOUBLE)
    model = RBFNetwork(1, 2, 1, centers=start, epsilon=2.0, per_center=True, dtype=DOUBLE)
    samples = problem.sample()
    posed = Posed(model, problem, samples, {name: [1.0] * 2 for name in samples})
    # From the least-squares solution, as a growing run has it.
    model.set_coefficients(torch.linalg.lstsq(columns(x, start, model.metric.raw.detach()), target).solution)
    centers, raw = torch.rand(12, 1, dtype=DOUBLE), 1 + 2 * torch.rand(12, dtype=DOUBLE)
    chosen, _ = greedy(posed, centers, raw, 3)
    expected: list[int] = []
    for _ in range(3):
        losses = []
        for k in range(12):
            at = [*expected, k]
            a = columns(x, torch.cat([start, centers[at]]), torch.cat([model.metric.raw.detach(), raw[at]]))
            losses.append(float((a @ torch.linalg.lstsq(a, target, driver="gelsd").solution - target).square().sum()))
        expected.append(min(range(12), key=losses.__getitem__))
    assert torch.equal(chosen, centers[expected])


@pytest.mark.parametrize("solver", [LeastSquares(), GaussNewton(max_epochs=15, shapes=True)])
def test_centres_gather_at_a_front_and_beat_even_ones(solver: Any) -> None:
    problem = Front(num_interior=200)
    even = rbfnet.solve(problem, num_centers=40, solver="least_squares")
    callback = Grow(num_centers=40, add=6, period=3)
    # Where it grows is drawn: least squares come to 2e-4 to 2e-2, by the seed.
    grown = rbfnet.solve(problem, num_centers=4, per_center=True, solver=solver, callbacks=[callback], seed=4)
    assert even.errors is not None and grown.errors is not None
    assert grown.model.num_centers == 40 == grown.model.epsilon.shape[0]
    assert float(((grown.model.centers[:, 0] - 0.7).abs() < 0.15).double().mean()) > 0.5
    assert grown.errors["rel_l2"] < 1e-3 and grown.errors["rel_l2"] < even.errors["rel_l2"] / 10


def test_a_tolerance_stops_the_growth_where_the_error_is_about_as_small() -> None:
    problem = Front(num_interior=400)
    found = []
    for tolerance in (1e-1, 1e-3):
        grow = Grow(num_centers=200, add=6, tolerance=tolerance)
        solution = rbfnet.solve(problem, num_centers=4, per_center=True, callbacks=[grow])
        assert solution.errors is not None and solution.errors["rel_l2"] < 10 * tolerance
        found.append(solution.model.num_centers)
    assert found[0] < found[1] < 200


def test_a_grown_run_is_loaded_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    def prepared() -> Any:
        torch.manual_seed(0)
        problem, solver = Front(num_interior=100), GaussNewton(max_epochs=4, shapes=True)
        network = {"num_centers": 4, "per_center": True}
        model = build_model(problem, "gaussian", network, solver, DOUBLE)
        callbacks: list[pl.Callback] = [Grow(num_centers=12, add=4, period=2)]
        return prepare(problem, model, solver, {"accelerator": "cpu", "devices": 1}, callbacks=callbacks)

    with default_dtype(DOUBLE), quiet():
        first, second = prepared(), prepared()
        first.trainer.fit(first.module, datamodule=first.data)
        assert first.module.model.num_centers == 12
        first.trainer.save_checkpoint(tmp_path / "grown.ckpt")
        second.trainer.fit(second.module, datamodule=second.data, ckpt_path=tmp_path / "grown.ckpt", weights_only=True)
    assert second.module.model.num_centers == 12
    assert torch.isfinite(second.module.model.weight).all()


def test_points_stay_where_they_are_not_to_follow() -> None:
    seen = []

    class Watch(rbfnet.training.FitProgress):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            seen.append(batch["interior"].sites[0])

    for follow in (False, True):
        seen.clear()
        grow = Grow(num_centers=24, add=6, follow=follow)
        rbfnet.solve(Front(num_interior=100), num_centers=4, per_center=True, callbacks=[Watch(), grow])
        assert len(seen) > 3 and all(len(x) == 100 for x in seen)
        assert torch.equal(seen[0], seen[-1]) is not follow


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"solver": Adam(max_epochs=1), "per_center": True}, "needs a solver such as gauss_newton"),
        ({"solver": LeastSquares()}, "per_center=True"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        rbfnet.solve(Front(num_interior=20), num_centers=4, callbacks=[Grow()], **options)


def test_replacing_centres_takes_all_their_shapes() -> None:
    network = RBFNetwork(2, 1, 3, metric="diagonal", per_center=True, dtype=DOUBLE)
    network.replace_centers(torch.zeros(5, 2), torch.zeros(5, 2))
    assert network.num_centers == 5 and network.weight.shape == (5, 1) and network.centers.dtype == DOUBLE
    with pytest.raises(InputError, match="raw of 5 centres"):
        network.replace_centers(torch.zeros(5, 2), torch.zeros(4, 2))
    shared = RBFNetwork(2, 1, 3, epsilon=2.0)
    shared.replace_centers(torch.zeros(5, 2), shared.metric.raw)
    assert shared.num_centers == 5 and shared.epsilon.item() == pytest.approx(2.0)
    with pytest.raises(InputError, match="raw of 5 centres"):
        shared.replace_centers(torch.zeros(5, 2), torch.zeros(5))
