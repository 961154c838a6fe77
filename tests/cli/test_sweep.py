"""``--multirun``: every job is tried, and every failure told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Command = Callable[..., tuple[int, str, str]]
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16", "figures=false"]


def config(directory: Path) -> dict[str, object]:
    return yaml.safe_load((directory / "config.yaml").read_text())


def test_it_is_one_run_each_numbered_as_hydra_does(command: Command) -> None:
    code, _, err = command("train", *QUICK, "kernel=gaussian,matern", "--multirun", "seed=range(1,3)", "run_dir=all")
    assert (code, err) == (0, "")
    found = {int(d.name): config(d) for d in Path("all").iterdir()}
    assert [(found[n]["kernel"]["_target_"].rpartition(".")[2], found[n]["seed"]) for n in range(4)] == [  # type: ignore[index]
        ("Gaussian", 1),
        ("Gaussian", 2),
        ("Matern", 1),
        ("Matern", 2),
    ]
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["all"]


def test_where_no_directory_is_named_it_has_the_time(command: Command) -> None:
    assert command("train", "-m", *QUICK, "kernel=gaussian")[0] == 0
    (summary,) = Path("runs/multirun").glob("????-??-??_??-??-??/0/summary.json")
    assert json.loads(summary.read_text())["problem"] == "poisson"


def test_what_fails_is_told_with_its_values_and_what_works_is_run(command: Command) -> None:
    code, out, err = command("train", *QUICK[:2], "figures=false", "-m", "network.num_centers=-3,30,x", "run_dir=all")
    assert code == 2
    assert err.splitlines() == [
        "rbfnet: job 0 (network.num_centers=-3): num_centers must be a whole number of at least 1, but got -3.",
        "rbfnet: job 2 (network.num_centers=x): num_centers must be a whole number of at least 1, but got 'x'.",
    ]
    assert out.count("30 centres") == 1
    assert [p.name for p in Path("all").iterdir()] == ["1"]


def test_a_config_that_does_not_compose_is_the_failure_of_its_job(command: Command) -> None:
    code, out, err = command("train", *QUICK, "--multirun", "kernel=gausian,gaussian", "run_dir=all")
    assert code == 2 and out.count("16 centres") == 1
    assert err == "rbfnet: job 0 (kernel=gausian): There is no kernel 'gausian'; did you mean 'gaussian'?\n"


def test_runs_of_several_processes_are_refused(command: Command) -> None:
    code, out, err = command("train", "--multirun", "seed=1,2", "solver=adam", "trainer=ddp")
    assert (code, out) == (2, "")
    assert [line.split(": --")[0] for line in err.splitlines()] == ["rbfnet: job 0 (seed=1)", "rbfnet: job 1 (seed=2)"]
    assert not list(Path.cwd().iterdir())


def test_an_exception_of_the_users_own_code_has_its_traceback_and_the_others_are_run(command: Command) -> None:
    Path("kernels_of_a_sweep.py").write_text(
        "import math\nfrom rbfnet import Kernel\n\n\nclass Mine(Kernel):\n    smoothness = math.inf\n\n"
        "    def phi(self, s):\n        raise ZeroDivisionError('my own mistake')\n"
    )
    targets = "kernel._target_=kernels_of_a_sweep.Mine,rbfnet.kernels.Gaussian"
    code, out, err = command("train", *QUICK, "-m", "kernel=custom", targets, "run_dir=all")
    assert code == 1 and out.count("16 centres") == 1
    assert err.startswith("rbfnet: job 0 (kernel._target_=kernels_of_a_sweep.Mine):\nTraceback")
    assert err.endswith("ZeroDivisionError: my own mistake\n")


def test_the_exit_code_is_the_worst(command: Command) -> None:
    code, _, err = command("train", *QUICK, "solver=adam", "solver.max_epochs=3", "-m", "solver.lr=1e-3,1e200,x", "run_dir=all")
    assert code == 3
    assert "rbfnet: job 2 (solver.lr=x): lr must be positive" in err


@pytest.mark.parametrize("launcher", [["hydra/launcher=basic"], ["hydra/sweeper=basic"]], ids=str)
def test_a_launcher_of_ones_choice_is_hydras_affair(command: Command, launcher: list[str]) -> None:
    code, out, err = command("train", *QUICK, *launcher, "-m", "seed=1,2", "hydra.sweep.dir=all")
    assert (code, err) == (0, "") and out.count("16 centres") == 2
    assert [config(Path("all") / n)["seed"] for n in "01"] == [1, 2]


def test_what_has_no_values_to_count_is_refused(command: Command) -> None:
    code, _, err = command("train", "-m", "seed=interval(1,3)")
    assert code == 2 and "seed=interval(1,3) has no values to count; list them" in err
