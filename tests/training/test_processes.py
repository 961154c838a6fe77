"""Real processes: two that share the points, and one that is told to stop."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import rbfnet

QUICK = ["problem.num_interior=64", "problem.num_boundary=32", "network.num_centers=16", "figures=false", "solver=adam"]


def start(directory: Path, *overrides: str) -> subprocess.Popen[str]:
    """A run with a process group of its own, as a shell gives it."""
    command = [str(Path(sys.executable).with_name("rbfnet")), "train", "--allow-unsolved", "run_dir=run", *QUICK, *overrides]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=directory, text=True, start_new_session=True, **pipes)  # type: ignore[call-overload]


@pytest.mark.slow
def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    weights = []
    for name, extra in {"one": [], "two": ["trainer=ddp"]}.items():
        (tmp_path / name).mkdir()
        process = start(tmp_path / name, "solver.max_epochs=20", *extra)
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
        # One table, whoever else took part.
        assert out.count("relative L2") == 1
        weights.append(rbfnet.load(tmp_path / name / "run").weight)
    summary = json.loads((tmp_path / "two/run/summary.json").read_text())
    assert summary["epochs"] == 20
    # Sums over points in another order: equal to rounding, which twenty steps of Adam let grow a little.
    assert torch.allclose(weights[0], weights[1], rtol=1e-6, atol=1e-9)
    with (tmp_path / "two/run/metrics.csv").open() as file:
        assert sum(1 for row in csv.DictReader(file) if row["loss"]) == 20


SOLVED = {
    # Three outputs, not linear, an integral that is whole in each process.
    "gauss_newton": [
        "problem=kovasznay",
        "network.num_centers=60",
        "network.epsilon=2",
        "problem.num_interior=300",
        "problem.num_boundary=80",
    ],
    "gauss_newton solver.shapes=true": ["problem=poisson", "network.epsilon=4"],
    # The width is left to the solver, which chooses it by points held back, in four steps.
    "gauss_newton solver.tolerance=0.02": [
        "problem=kovasznay",
        "network.num_centers=60",
        "problem.num_interior=300",
        "problem.num_boundary=80",
    ],
    "least_squares": [
        "problem=heat",
        "network.num_centers=60",
        "network.epsilon=2",
        "problem.num_interior=300",
        "problem.num_boundary=80",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("solver", SOLVED)
def test_two_processes_solve_what_one_solves(solver: str, tmp_path: Path) -> None:
    chooses = "tolerance" in solver
    losses, models, epochs = [], [], []
    for name, extra in {"one": [], "two": ["trainer=ddp"]}.items():
        (tmp_path / name).mkdir()
        process = start(
            tmp_path / name, *SOLVED[solver], *f"solver={solver}".split(), f"++trainer.max_epochs={6 if chooses else 3}", *extra
        )
        _out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        summary = json.loads((tmp_path / name / "run/summary.json").read_text())
        losses.append(summary["loss"])
        epochs.append(summary["epochs"])
        models.append(rbfnet.load(tmp_path / name / "run"))
    assert epochs[0] == epochs[1]
    assert models[1].epsilon.tolist() == pytest.approx(models[0].epsilon.tolist(), rel=1e-8)
    assert losses[1] == pytest.approx(losses[0], rel=1e-8)
    x = torch.rand(200, 2, dtype=torch.float64)
    with torch.no_grad():
        values = [model(x) for model in models]
    # The weights of nearly dependent kernels are known to no more digits than this; the function is.
    assert (values[1] - values[0]).norm() < 1e-9 * values[0].norm()


def trains(process: subprocess.Popen[str], directory: Path) -> int:
    """Wait until a run of two processes has logged some epochs; the other process."""
    metrics, until = directory / "run/metrics.csv", time.time() + 120
    while not (metrics.exists() and metrics.stat().st_size > 2000):
        assert process.poll() is None and time.time() < until
        time.sleep(0.05)
    (other,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(other)


def told(process: subprocess.Popen[str], other: int, whom: str, number: int) -> None:
    if whom == "both":
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid if whom == "the first" else other, number)


def alive(pid: int) -> bool:
    """Whether there is such a process; one that has ended may stay in the list until somebody asks for its exit code."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


RESUME = "rbfnet: {}; continue from the last checkpoint with `rbfnet resume run`.\n"
STOPS = [
    ("both", signal.SIGTERM, 143, RESUME.format("terminated")),
    ("the other", signal.SIGTERM, 143, RESUME.format("terminated")),
    ("the first", signal.SIGINT, 130, RESUME.format("interrupted")),
    ("the other", signal.SIGKILL, 1, RESUME.format("process 2 of 2 was ended by SIGKILL, so the run ends")),
    ("the first", signal.SIGKILL, -9, ""),
]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize(("whom", "number", "code", "sentence"), STOPS)
def test_whichever_process_is_told_all_end(tmp_path: Path, whom: str, number: int, code: int, sentence: str) -> None:
    process = start(tmp_path, "trainer=ddp", "solver.max_epochs=400000")
    other = trains(process, tmp_path)
    began = time.time()
    told(process, other, whom, number)
    # Reading ends when the last process has closed its end.
    _, err = process.communicate(timeout=60)
    assert time.time() - began < 20
    assert (process.returncode, err) == (code, sentence)
    assert not alive(other)
    # There is one from before the first epoch, whatever has happened since.
    assert (tmp_path / "run/checkpoints/last.ckpt").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_signal_while_the_processes_wait_for_each_other_ends_them(tmp_path: Path) -> None:
    process = start(tmp_path, "trainer=ddp")
    children, until = Path(f"/proc/{process.pid}/task/{process.pid}/children"), time.time() + 60
    while not children.read_text().strip() and time.time() < until:
        time.sleep(0.02)
    other = int(children.read_text())
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err == "rbfnet: terminated before the first checkpoint; no files are left behind.\n"
    assert not alive(other) and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_told_to_stop_keeps_its_checkpoint_and_says_so_by_its_exit_code(tmp_path: Path) -> None:
    process = start(tmp_path, "solver.max_epochs=1000000")
    metrics = tmp_path / "run/config.yaml"
    deadline = time.time() + 60
    while not metrics.exists() and time.time() < deadline:
        time.sleep(0.2)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)["global_step"] > 0


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_of_a_run_with_one_sentence(tmp_path: Path) -> None:
    process = start(tmp_path, "trainer=ddp", "solver.max_epochs=4000")
    deadline = time.time() + 120
    while not (tmp_path / "run/checkpoints/last.ckpt").exists() and time.time() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    # Reading ends when the last process has closed its end.
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == "rbfnet: interrupted; continue from the last checkpoint with `rbfnet resume run`.\n"
