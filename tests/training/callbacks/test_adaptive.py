"""Points that follow the residual."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.domains import Box
from rbfnet.problems import Dirichlet, Interior, Sample
from rbfnet.shipped_configs import config_directory
from rbfnet.solvers import Adam
from rbfnet.training import R3, RAD, Adaptive, build

DOUBLE = torch.float64


class Known:
    """A residual that is x itself on [0, 1], from outside of any run."""

    def draw(self, n: int) -> Sample:
        return Sample((torch.rand(n, 1, dtype=DOUBLE),))

    def __call__(self, points: Sample) -> torch.Tensor:
        return points.sites[0][:, 0]


def test_rad_draws_with_the_density_of_its_paper() -> None:
    x = torch.rand(4000, 1, dtype=DOUBLE)
    for c, k in ((0.0, 1.0), (1.0, 1.0), (1.0, 2.0)):
        chosen = RAD(k=k, c=c, pool=50).choose(Known(), Sample((x,))).sites[0]  # type: ignore[arg-type]
        assert chosen.shape == x.shape
        # The mean of a density proportional to x^k (k + 1) + c on [0, 1].
        mean = ((k + 1) / (k + 2) + c / 2) / (1 + c)
        assert float(chosen.mean()) == pytest.approx(mean, abs=0.02)


def test_r3_keeps_the_points_above_the_mean_and_no_others() -> None:
    x = torch.rand(500, 1, dtype=DOUBLE)
    chosen = R3().choose(Known(), Sample((x,))).sites[0]  # type: ignore[arg-type]
    above = x[x[:, 0] > x.mean()]
    assert chosen.shape == x.shape
    assert torch.equal(chosen[: len(above)], above)
    assert not torch.isin(chosen, x[x[:, 0] <= x.mean()]).any()


class Peaked(rbfnet.Problem):
    """The residual is large near x = 0.8 for a model that has hardly moved."""

    domain = Box(x=(0, 1))

    def conditions(self):
        yield Interior(lambda u: u.d("xx") - torch.exp(-((40 * (u.x - 0.8)) ** 2)))
        yield Dirichlet(0.0)


@pytest.mark.parametrize("callback", [RAD(period=5, c=0.1), R3(period=1)])
def test_points_gather_where_the_residual_is_and_the_others_stay(callback: Adaptive) -> None:
    seen: list[dict[str, Sample]] = []

    class Watch(rbfnet.training.FitProgress):
        def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
            seen.append(batch)

    solver = Adam(lr=1e-9, max_epochs=20)
    rbfnet.solve(Peaked(num_interior=300), num_centers=10, solver=solver, callbacks=[callback, Watch()])

    def near(sample: Sample) -> float:
        return float(((sample.sites[0] - 0.8).abs() < 0.08).double().mean())

    assert len(seen) == 20
    assert near(seen[0]["interior"]) < 0.25 and near(seen[-1]["interior"]) > 0.6
    assert torch.equal(seen[0]["interior"].sites[0], seen[callback.period - 1]["interior"].sites[0])
    assert torch.equal(seen[0]["dirichlet"].sites[0], seen[-1]["dirichlet"].sites[0])
    assert seen[-1]["interior"].num_points == 300


@pytest.mark.parametrize("solver", ["least_squares", Adam(resample=True)])
def test_a_solver_that_does_not_keep_its_points_is_refused(solver: Any) -> None:
    with pytest.raises(ValueError, match="Adaptive points need a descent solver with fixed points"):
        rbfnet.solve(Peaked(), num_centers=10, solver=solver, callbacks=[RAD()])


@pytest.mark.parametrize(("name", "cls"), [("rad", RAD), ("r3", R3)])
def test_each_has_its_yaml_and_trains_from_it(tmp_path: Path, name: str, cls: type[Adaptive]) -> None:
    overrides = [f"run_dir={tmp_path / 'run'}", f"callbacks={name}", "callbacks.period=2", "solver=adam", "solver.max_epochs=4"]
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config: Any = compose("train", overrides=[*overrides, "network.num_centers=9", "figures=false"])
    plain: Any = OmegaConf.to_container(config, resolve=True)
    node: Any = OmegaConf.to_container(OmegaConf.load(config_directory() / "callbacks" / f"{name}.yaml"))
    assert {k: v for k, v in node.items() if k != "_target_"} == {
        k: p.default for k, p in inspect.signature(cls).parameters.items()
    }
    assert build(plain).execute().summary["epochs"] == 4
    with pytest.raises(ValueError, match="FitProgress is not a usable Adaptive"):
        build({**plain, "run_dir": str(tmp_path / "b"), "callbacks": {"_target_": "rbfnet.training.FitProgress"}})


@pytest.mark.parametrize("make", [lambda: RAD(period=0), lambda: RAD(k=0.0), lambda: RAD(c=-1.0), lambda: R3(period=1.5)])  # type: ignore[arg-type]
def test_settings_are_positive(make: Any) -> None:
    with pytest.raises(rbfnet.InputError, match="must be"):
        make()
