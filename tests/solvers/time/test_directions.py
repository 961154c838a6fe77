"""Widths that differ by direction, found by ``evolve`` from what a problem is given; every solution is against a closed form."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

import rbfnet
from rbfnet.domains import Disc, Domain, Rectangle, SpaceTime
from rbfnet.nn import Diagonal, Full, Isotropic
from rbfnet.nn.initializers import spacing
from rbfnet.problems import Equations
from rbfnet.shipped_configs import config_directory
from rbfnet.solvers import Evolve
from rbfnet.solvers.time._directions import wave_numbers
from rbfnet.training import build, resume

SQUARE = Rectangle(x=(0, 1), y=(0, 1))
STRIPES: dict[str, Any] = {
    "equations": ["u_t = u_xx/(100*pi)**2 + u_yy/pi**2"],
    "conditions": [{"dirichlet": 0}, {"initial": "sin(6*pi*x)*sin(pi*y)"}],
    "exact": "exp(-(0.06**2 + 1)*t)*sin(6*pi*x)*sin(pi*y)",
}
OBLIQUE: dict[str, Any] = {
    "equations": ["u_t = lap(u)/(72*pi**2)"],
    "conditions": [{"dirichlet": "exp(-t)*sin(6*pi*(x + y))"}, {"initial": "sin(6*pi*(x + y))"}],
    "exact": "exp(-t)*sin(6*pi*(x + y))",
}


def posed(given: dict[str, Any], space: Domain = SQUARE) -> Equations:
    return Equations(SpaceTime(space, t=(0, 1)), **given)


def solved(problem: rbfnet.Problem, num_centers: int, **network: Any) -> rbfnet.Solution:
    return rbfnet.solve(problem, num_centers=num_centers, solver=Evolve(tolerance=1e-7), **network)


def error(solution: rbfnet.Solution) -> float:
    assert solution.errors is not None
    return solution.errors["rel_l2"]


def test_stripes_are_found() -> None:
    """Equal widths give an error of 4e-5 with 200 centres."""
    solution = solved(posed(STRIPES), 200)
    assert error(solution) < 2e-6
    network: Any = solution.model.network
    assert isinstance(network.metric, Full)
    wide_x, wide_y = (1 / network.epsilon.detach()).tolist()
    assert 3 < wide_y / wide_x < 7
    # Spacings differ as widths do: centres are spread alike where widths are one.
    x = network.centers.detach() * network.epsilon.detach()
    assert float(spacing(x).std() / spacing(x).mean()) < 0.25
    assert any(word.startswith("Widths differ by direction: ") for word in solution.summary["words"])


def test_oblique_stripes_are_found() -> None:
    """Equal widths give an error of 7e-3 with 200 centres."""
    solution = solved(posed(OBLIQUE), 200)
    assert error(solution) < 1e-4
    sizes, axes = torch.linalg.eigh(solution.model.shape_matrix.detach())
    assert float(sizes[1] / sizes[0]) > 25
    assert abs(float(axes[:, 1] @ torch.tensor([1.0, 1.0]).double()) / 2**0.5) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("metric", "kind"), [("diagonal", Diagonal), ("full", Full)])
def test_a_given_metric_keeps_its_kind(metric: str, kind: type) -> None:
    solution = solved(posed(STRIPES), 200, metric=metric)
    assert isinstance(solution.model.network.metric, kind)  # type: ignore[union-attr]
    assert error(solution) < 2e-6


def test_given_widths_and_centres_are_kept() -> None:
    generator = torch.Generator().manual_seed(0)
    centers = torch.rand((60, 2), generator=generator, dtype=torch.float64)
    with pytest.warns(rbfnet.NotSolvedWarning):
        solution = solved(posed(STRIPES), 60, centers=centers)
    assert torch.equal(solution.model.centers, centers)
    epsilon = torch.tensor([9.0, 2.0], dtype=torch.float64)
    solution = solved(posed(STRIPES), 200, epsilon=epsilon, metric="diagonal")
    torch.testing.assert_close(solution.model.epsilon.detach(), epsilon, rtol=1e-14, atol=0.0)


HEAT: dict[str, Any] = {"equations": ["u_t = lap(u)"], "conditions": [{"dirichlet": 0}, {"initial": "sin(pi*x)*sin(pi*y)"}]}


def test_equal_widths_stay_where_all_directions_are_alike() -> None:
    assert isinstance(metric_of(HEAT), Isotropic)


@pytest.mark.parametrize(("speed", "kind"), [(0.01, Full), (6.0, Isotropic)])
def test_widths_are_equal_where_a_flow_turns_what_starts_along_one_direction(speed: float, kind: type) -> None:
    flow = f"u_t = {speed}*((y - 0.5)*u_x - (x - 0.5)*u_y) + 1e-3*lap(u)"
    assert isinstance(metric_of({**STRIPES, "equations": [flow], "exact": None}), kind)


def metric_of(given: dict[str, Any]) -> Any:
    solution = rbfnet.solve(posed(given), num_centers=100, solver=Evolve(tolerance=1e-3), accuracy=1.0)
    return solution.model.network.metric  # type: ignore[union-attr]


def directions(given: dict[str, Any], space: Domain = SQUARE) -> Tensor | None:
    problem = posed(given, space)
    problem.to(torch.float64)
    problem.num_centers = 200
    samples = {name: condition.sample(problem) for name, condition in problem.named_conditions().items()}
    return wave_numbers(problem, samples, space.scattered(4000))


def test_wave_numbers_are_those_of_what_is_given() -> None:
    """pi^2 from the box, and the mean squares of the slopes over those of the values."""
    found = directions(STRIPES)
    assert found is not None
    np.testing.assert_allclose(found.diagonal().numpy(), [37 * math.pi**2, 2 * math.pi**2], rtol=0.02)
    still = {"equations": ["u_t = lap(u) + sin(9*pi*x)"], "conditions": [{"neumann": 0}, {"initial": 0}]}
    found = directions(still)
    assert found is not None
    # Three times: at the start, in the middle and at the end.
    np.testing.assert_allclose(found.diagonal().numpy(), [(1 + 3 * 81) * math.pi**2, math.pi**2], rtol=0.02)
    assert directions({**still, "equations": ["u_t = lap(u)"]}) is None


def test_waves_turn_where_they_are_reflected() -> None:
    """By the sides of a box their wave vectors change signs only; by a circle any direction becomes any other."""
    wave = {"equations": ["u_tt = lap(u)"], "conditions": [{"dirichlet": 0}, {"initial": "sin(9*pi*x)*sin(pi*y)", "velocity": 0}]}
    found = directions(wave)
    assert found is not None and float(found[0, 1]) == 0.0
    assert directions(wave, Disc((0.0, 0.0), 1.0)) is None


def composed(directory: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=[f"run_dir={directory}", "problem=equations", "solver=evolve", *overrides])
    made: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    space = {"_target_": "rbfnet.domains.Rectangle", "x": [0, 1], "y": [0, 1]}
    made["problem"] |= {**STRIPES, "domain": {"_target_": "rbfnet.domains.SpaceTime", "space": space, "t": [0, 1]}}
    return made


def test_a_run_is_saved_read_and_resumed_bit_for_bit(tmp_path: Path) -> None:
    few = ("network.num_centers=80", "figures=false", "solver.tolerance=1e-5")
    whole = build(composed(tmp_path / "whole", *few)).execute()
    assert isinstance(whole.model.network.metric, Full)  # type: ignore[union-attr]
    build(composed(tmp_path / "part", *few, "solver.max_epochs=2")).execute()
    again = resume(tmp_path / "part", max_epochs=2000).execute()
    loaded, saved = rbfnet.load(tmp_path / "whole"), rbfnet.load(whole.save(tmp_path / "saved"))
    x = np.random.default_rng(0).random((20, 3))
    for other in (again, loaded, saved):
        assert all(torch.equal(a, whole.model.state_dict()[name]) for name, a in other.model.state_dict().items())
        assert (other.predict(x) == whole.predict(x)).all()
    assert again.summary["words"] == loaded.summary["words"]
