"""``--multirun``: every job is tried, and every failure told."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
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
    told = json.loads(summary.read_text())
    assert told["problem"] == "poisson"
    # It can be run by itself.
    program, *again = shlex.split(told["provenance"]["command"])
    summary.parent.rename("elsewhere")
    assert program == "rbfnet" and command(*again)[0] == 0 and summary.is_file()


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


def test_a_launcher_that_there_is_not_is_told(command: Command) -> None:
    assert command("train", "-m", "seed=1,2", "hydra/launcher=basic,joblib")[2].startswith(
        "rbfnet: There is no hydra/launcher 'basic,joblib'"
    )
    code, out, err = command("train", "-m", "seed=1,2", "hydra/launcher=basc")
    assert (code, out, err) == (2, "", "rbfnet: There is no hydra/launcher 'basc'; did you mean 'basic'?\n")


def test_configs_of_ones_own_go_to_a_launcher_too(command: Command) -> None:
    """Hydra's own launcher has no processes of its own."""
    Path("mine/problem").mkdir(parents=True)
    Path("mine/problem/own.yaml").write_text("_target_: rbfnet.problems.Heat\n")
    given = ["hydra/launcher=basic", "problem=own,ow", "--config-dir", "mine", "run_dir=all", *QUICK[2:]]
    code, out, err = command("train", "-m", *given)
    assert code == 2 and "heat: gaussian, 16 centres" in out
    assert err == "rbfnet: job 1 (problem=ow): There is no problem 'ow'; did you mean 'own'?\n"
    assert [p.name for p in Path("all").iterdir()] == ["0"]


def test_what_has_no_values_to_count_is_refused(command: Command) -> None:
    code, _, err = command("train", "-m", "seed=interval(1,3)")
    assert code == 2 and "seed=interval(1,3) has no finite list of values; list them" in err


def test_it_ends_with_a_table_of_what_came_of_all_jobs(command: Command) -> None:
    code, out, _ = command("train", *QUICK[:2], "figures=false", "-m", "network.num_centers=9,x,36", "run_dir=all")
    assert code == 2
    table = [re.split(r"  +", line) for line in out.splitlines()[-4:]]
    assert table[0] == ["run", "network.num_centers", "error", "verdict", "seconds"]
    assert table[-1] == ["1", "x", "failed"]
    assert {row[1] for row in table[1:]} == {"9", "x", "36"} and table[1][1] == "36"


def test_a_launcher_that_is_not_installed_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for launcher, extra in (("joblib", "sweeps"), ("submitit_slurm", "slurm")):
        code, out, err = command("train", "-m", f"hydra/launcher={launcher}", "seed=1,2")
        assert (code, out) == (2, "") and err.endswith(f"which is not installed; run `pip install 'rbfnet[{extra}]'`.\n")


BROKEN = """
from rbfnet.kernels import Gaussian


class Mine(Gaussian):
    def __init__(self):
        raise ZeroDivisionError("my own mistake")
"""


@pytest.mark.slow
def test_jobs_in_processes_of_joblibs(tmp_path: Path) -> None:
    """What fails is told with its values, the others are run, and the table is the last; the exit code is the worst of all."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (tmp_path / "broken_kernels.py").write_text(BROKEN)
    jobs = ["network.num_centers=2,x,36", "kernel=gaussian,gausian", "run_dir=all", "hydra/launcher=joblib"]
    done = _in_a_process(tmp_path, *QUICK[:2], "figures=false", "-q", *jobs, "hydra.launcher.n_jobs=2")
    assert done.returncode == 4
    assert [line.partition(": ")[2].partition(": ")[0] for line in done.stderr.splitlines()] == [
        "job 1 (network.num_centers=2 kernel=gausian)",
        "job 2 (network.num_centers=x kernel=gaussian)",
        "job 3 (network.num_centers=x kernel=gausian)",
        "job 5 (network.num_centers=36 kernel=gausian)",
    ]
    assert "num_centers must be a whole number" in done.stderr and "did you mean 'gaussian'?" in done.stderr
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["0", "4"]
    command = json.loads((tmp_path / "all/4/summary.json").read_text())["provenance"]["command"]
    assert command.startswith("rbfnet train ") and "network.num_centers=36" in command
    lines = done.stdout.splitlines()
    assert len(lines) == 2 * 2 + 1 + 6 and [line.split()[-1] for line in lines[-4:]] == ["failed"] * 4
    mine = ["kernel=custom", "kernel._target_=broken_kernels.Mine,rbfnet.kernels.Gaussian", "hydra/launcher=joblib"]
    done = _in_a_process(tmp_path, *QUICK, *mine, "--allow-unsolved", "run_dir=mine")
    assert done.returncode == 1
    assert done.stderr.startswith("rbfnet: job 0 (kernel._target_=broken_kernels.Mine):\nTraceback")
    assert done.stderr.endswith("ZeroDivisionError: my own mistake\n")


@pytest.mark.slow
def test_jobs_by_submitit(tmp_path: Path) -> None:
    """As on a cluster with SLURM, by the executor that submitit has for one machine."""
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    given = [*QUICK, "solver=adam", "solver.max_epochs=3", "solver.lr=1e-3,1e200", "run_dir=all", "--allow-unsolved"]
    done = _in_a_process(tmp_path, *given, "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5")
    assert done.returncode == 3, done.stderr
    assert json.loads((tmp_path / "all/0/summary.json").read_text())["epochs"] == 3
    assert "\n0    0.001 " in done.stdout and "\n1    1e+200 " in done.stdout


def _in_a_process(directory: Path, *given: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from rbfnet.cli.main import main; sys.argv = ['rbfnet', *sys.argv[1:]]; main()"
    command = [sys.executable, "-c", code, "train", "--multirun", *given]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True)
