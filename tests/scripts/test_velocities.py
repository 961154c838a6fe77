"""Velocities without divergence by construction in Stokes' and the Navier-Stokes equations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.nn import DivergenceFree
from rbfnet.problems import Kovasznay
from rbfnet.shipped_configs import config_directory
from rbfnet.training import build
from scripts.velocities import Stokes, row


def test_stokes_exact_solution_has_no_residual() -> None:
    """The forces and the mean of the pressure, by automatic differentiation."""
    problem = Stokes()
    x = torch.rand(20, 2, dtype=torch.float64, requires_grad=True)
    field = rbfnet.Field(lambda at: torch.stack(problem.exact(*at.unbind(dim=1)), dim=1), x, ("x", "y"), ("u", "v", "p"))
    for residual in problem.equations(field):
        torch.testing.assert_close(torch.as_tensor(residual), torch.zeros_like(x[:, 0]), atol=1e-9, rtol=0)
    nodes = torch.linspace(0.005, 0.995, 100, dtype=torch.float64)
    assert float(problem.exact(*torch.cartesian_prod(nodes, nodes).T)[2].mean()) == pytest.approx(0, abs=1e-4)


def test_stokes_is_more_accurate_at_equal_unknowns() -> None:
    """A tenth of the error of velocity and pressure, at 50 centres."""
    usual, free = (row(Stokes(), 50, vector).split("|") for vector in (None, "divergence_free"))
    assert float(free[3]) < 0.3 * float(usual[3]) and float(free[4]) < 0.3 * float(usual[4])
    assert float(free[5]) < 1e-13 and free[6].strip() == "solved"


@pytest.mark.slow
def test_kovasznay_flow_by_gauss_newton() -> None:
    options: dict[str, Any] = {"num_centers": 60, "epsilon": 1.0, "allow_unsolved": True}
    usual, free = (rbfnet.solve(Kovasznay(), vector=vector, **options) for vector in (None, "divergence_free"))
    assert free.summary["solver"] == "gauss_newton" and free.verdict == "solved"
    assert isinstance(free.model, DivergenceFree)
    assert usual.summary["parameters"] == free.summary["parameters"]
    assert free.errors is not None and usual.errors is not None
    assert free.errors["rel_l2"] < min(1e-3, usual.errors["rel_l2"])
    assert abs(free.predict(free.problem.domain.scattered(100), "u_x + v_y")).max() < 1e-11


def test_from_yaml_and_back(tmp_path: Path) -> None:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        chosen = ["network.vector=divergence_free", "network.num_centers=30", "network.epsilon=1.0", "figures=false"]
        config = compose("train", overrides=["problem=kovasznay", *chosen, f"run_dir={tmp_path / 'run'}"])
    solution = build(cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))).execute()
    assert isinstance(solution.model, DivergenceFree)
    assert solution.summary["solver"] == "gauss_newton" and solution.errors is not None and solution.errors["rel_l2"] < 0.05
    again, x = rbfnet.load(tmp_path / "run"), torch.rand(9, 2, dtype=torch.float64)
    assert torch.equal(again.predict(x), solution.predict(x)) and abs(again.predict(x, "u_x + v_y")).max() < 1e-11
