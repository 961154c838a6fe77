"""What conditions mean for runs: an ansatz that is loaded, unknowns that are reported, points that are fresh."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.domains import Box
from rbfnet.nn import Ansatz
from rbfnet.problems import Integral, Interior, Poisson
from rbfnet.shipped_configs import config_directory
from rbfnet.solvers import Adam
from rbfnet.training import ProblemData, TrainingModule, build

MINE = """
from math import pi
import torch
from torch import sin
import rbfnet
from rbfnet.domains import Rectangle
from rbfnet.problems import Data, Dirichlet, Interior, Unknown


class Walls(Rectangle):
    def distance(self, x):
        return (x * (1 - x)).prod(dim=1)


class Hard(rbfnet.Problem):
    domain = Walls(x=(0, 1), y=(0, 1))

    def __init__(self):
        super().__init__(num_interior=100)
        self.wall = Unknown(0.25, exact=0.25)

    def conditions(self):
        yield Interior(lambda u: u.laplacian() - u + (2 * pi**2 + 1) * sin(pi * u.x) * sin(pi * u.y) + 0.25)
        yield Dirichlet(lambda x, y: self.wall(), hard=True)

    def exact(self, x, y):
        return 0.25 + sin(pi * x) * sin(pi * y)


class Another(Hard):
    def __init__(self):
        super().__init__()
        self.more = Unknown(1.0)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "hard_problems.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    return "hard_problems"


def composed(directory: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=[f"run_dir={directory}", "figures=false", *overrides])
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def test_an_ansatz_is_loaded_with_its_unknowns_from_a_problem_that_is_trusted(mine: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    overrides = [
        "problem=custom",
        f"problem._target_={mine}.Hard",
        "network.num_centers=20",
        "solver=adam",
        "solver.max_epochs=5",
    ]
    solution = build(composed(run, *overrides)).execute()
    wall = solution.summary["unknowns"]["wall"]
    assert wall["value"] != 0.25 and json.loads((run / "summary.json").read_text())["unknowns"]["wall"] == wall
    model = rbfnet.load(run, trust=[mine])
    assert isinstance(model.model, Ansatz)
    x = torch.rand(30, 2, dtype=torch.float64)
    assert torch.equal(model(x), solution.model(x))
    # The value on the wall is the one that was trained, not the one the problem starts from.
    assert float(model(torch.zeros(1, 2, dtype=torch.float64)).detach()) == pytest.approx(wall["value"], abs=1e-14)
    assert torch.equal(model.centers, solution.model.centers)
    with pytest.raises(ValueError, match=r"'hard_problems.Hard', which is not part of rbfnet; if that code is yours, load with"):
        rbfnet.load(run)
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump({**config, "problem": {"_target_": f"{mine}.Another"}}))
    with pytest.raises(ValueError, match=r"The unknowns in .* do not fit its problem"):
        rbfnet.load(run, trust=[mine])
    (run / "config.yaml").write_text(yaml.safe_dump({k: v for k, v in config.items() if k != "problem"}))
    with pytest.raises(ValueError, match="lacks the problem that its model takes its ansatz from"):
        rbfnet.load(run, trust=[mine])
    # A model with another form than its problem has now.
    (run / "config.yaml").write_text(yaml.safe_dump({**config, "problem": {"_target_": "rbfnet.problems.Poisson"}}))
    with pytest.raises(ValueError, match="do not fit"):
        rbfnet.load(run)


def test_the_command_line_prints_unknowns_and_their_errors(command: Any) -> None:
    Path("printed_problems.py").write_text(MINE)
    target = "problem._target_=printed_problems.Hard"
    code, out, err = command("train", "problem=custom", target, "solver=adam", "solver.max_epochs=2", "network.num_centers=9")
    assert code == 0, err
    assert "unknown" in out and "wall" in out and "0.25" in out


def test_fresh_points_are_drawn_for_every_epoch_where_it_is_asked() -> None:
    class Seen(pl.Callback):
        def __init__(self) -> None:
            self.points: list[torch.Tensor] = []

        def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, index: int) -> None:
            self.points.append(batch["interior"].sites[0])

    for resample in (False, True):
        seen = Seen()
        solver = Adam(max_epochs=3, resample=resample)
        solution = rbfnet.solve(Poisson(num_interior=60), num_centers=25, solver=solver, callbacks=[seen])
        assert solution.errors is not None and solution.summary["epochs"] == 3
        assert [torch.equal(seen.points[0], later) for later in seen.points[1:]] == [not resample] * 2


def test_an_integral_keeps_all_its_points_in_every_batch() -> None:
    class Line(Box):
        def quadrature(self, n: int) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.linspace(0, 1, n, dtype=torch.float64)[:, None], torch.full((n,), 1 / n, dtype=torch.float64)

    class Posed(rbfnet.Problem):
        domain = Line(x=(0, 1))

        def conditions(self):
            yield Interior(lambda u: u.d("x"))
            yield Integral(1.0, points=50)

    batches = list(ProblemData(Posed(num_interior=100), torch.float64, batch_size=20).train_dataloader())
    assert len(batches) == 5
    for batch, *_ in batches:
        assert batch["interior"].num_points == 20 and batch["integral"].num_points == 50


def test_scales_are_those_of_the_start_and_are_kept_in_the_checkpoint() -> None:
    problem = Poisson(num_interior=20, num_boundary=10)
    solved = rbfnet.solve(problem, num_centers=16, solver=Adam(max_epochs=1))
    module = TrainingModule(solved.model, problem, Adam())
    module.weigh(problem.sample())
    checkpoint: dict[str, Any] = {}
    module.on_save_checkpoint(checkpoint)
    assert checkpoint["scales"] == module.scales and module.scales["dirichlet"] == [1.0]
