"""Runs in threads are those of one thread, and whatever a process has only once is left as it was."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import matplotlib
import numpy as np
import pytest
import torch
from lightning.fabric.utilities import registry

import rbfnet
from rbfnet.cli.main import dispatch
from rbfnet.domains import Rectangle
from rbfnet.problems import Condition, Dirichlet, Interior, Poisson
from rbfnet.seeding import manual_seed
from rbfnet.solvers import Adam
from rbfnet.training import fit, solve
from rbfnet.training._entry_points import known_entry_points
from rbfnet.training._isolated import isolated, seed_everything


def state() -> dict[str, Any]:
    """What a process has only once; each value can be compared."""
    loggers = {"": logging.getLogger(), **logging.root.manager.loggerDict}
    return {
        "default dtype": torch.get_default_dtype(),
        "random numbers of PyTorch": torch.get_rng_state().tolist(),
        "random numbers of NumPy": str(np.random.get_state()),
        "random numbers of Python": random.getstate(),
        "warnings": list(warnings.filters),
        # A logger that a library makes, and leaves as it is, changes nothing.
        "logging": {
            name: (log.level, list(log.handlers), log.disabled, log.propagate)
            for name, log in loggers.items()
            if isinstance(log, logging.Logger) and (log.level or log.handlers or log.disabled)
        },
        "environment": dict(os.environ),
        "paths": list(sys.path),
        "arguments": list(sys.argv),
        "determinism": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.benchmark,
        ),
        "autograd": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "precision": torch.get_float32_matmul_precision(),
        "threads": torch.get_num_threads(),
        "figures": dict(matplotlib.rcParams),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "streams": (sys.stdout, sys.stderr, sys.excepthook),
        "directory": os.getcwd(),
        "numpy": (np.geterr(), str(np.get_printoptions())),
    }


class Broken(rbfnet.Problem):
    """Fails in the middle of a fit, after a step."""

    domain = Rectangle(x=(0, 1), y=(0, 1))
    steps = 0

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self.equation)
        yield Dirichlet(0.0)

    def equation(self, u: rbfnet.Field) -> torch.Tensor:
        # Whatever a user's code does to the process is undone too.
        torch.set_default_dtype(torch.float16)
        np.random.seed(3)
        random.seed(3)
        self.steps += 1
        if self.steps > 20:
            raise ArithmeticError("by the user's own code")
        return u.laplacian() - 1


QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16"]
X = np.random.default_rng(0).random((40, 2))


def fails(run: Callable[[], object]) -> None:
    with pytest.raises((rbfnet.InputError, ArithmeticError)):
        run()


ACTIONS: dict[str, Callable[[], object]] = {
    "fit": lambda: fit(X, X[:, 0]),
    "fit what is wrong": lambda: fails(lambda: fit(X, X[:, 0], kernel="gausian")),
    "solve": lambda: solve(Poisson(num_interior=40), num_centers=16, dtype=torch.float32),
    "solve what fails": lambda: fails(lambda: solve(Broken(), num_centers=16, solver=Adam(max_epochs=50))),
    "plot": lambda: solve(Poisson(num_interior=40), num_centers=16).plot(),
    "train": lambda: dispatch(["train", *QUICK, "run_dir=new", "solver=adam", "solver.max_epochs=2"]),
    "train what is wrong": lambda: dispatch(["train", "network.num_centers=-1"]),
    "train what cannot be read": lambda: dispatch(["train", "networc.num_centers=1"]),
    "several runs": lambda: dispatch(["train", "--multirun", *QUICK, "kernel=gaussian,matern", "figures=false"]),
    "resume": lambda: dispatch(["resume", "run", "trainer.max_epochs=3"]),
    "load": lambda: rbfnet.load("run"),
    "load what is not there": lambda: fails(lambda: rbfnet.load("nowhere")),
    "list": lambda: dispatch(["list"]),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_whatever_a_process_has_only_once_is_left_as_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in ("PL_GLOBAL_SEED", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(variable, "mine")
    for variable in ("PL_SEED_WORKERS", "OMP_WAIT_POLICY", "CUBLAS_WORKSPACE_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    if name in ("resume", "load"):
        dispatch(["train", *QUICK, "run_dir=run", "solver=adam", "solver.max_epochs=2"])
    torch.manual_seed(7), np.random.seed(7), random.seed(7)
    before = state()
    ACTIONS[name]()
    after = state()
    assert {what: (before[what], after[what]) for what in before if before[what] != after[what]} == {}


@pytest.mark.slow
def test_fits_in_four_threads_are_those_of_one_thread() -> None:
    def job(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        x = rng.random((30, 2))
        y = np.sin(3 * x).sum(axis=1)
        if seed % 4:
            solution = fit(x, y, kernel="gaussian", num_centers=10, seed=seed)
        else:
            solution = solve(
                Poisson(num_interior=30, num_boundary=20, sampler="random"),
                num_centers=9,
                seed=seed,
                dtype=torch.float32 if seed % 8 else torch.float64,
            )
        return [*solution.model.coefficients.flatten().tolist(), *(solution.errors or {}).values()]

    serial = [job(seed) for seed in range(32)]
    assert len({tuple(found) for found in serial}) == 32
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(job, range(32))) == serial


def test_the_random_numbers_of_a_users_problem_follow_the_seed() -> None:
    """Whether they are PyTorch's, NumPy's or Python's."""

    class Drawn(rbfnet.Problem):
        domain = Rectangle(x=(0, 1), y=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            value = float(torch.rand(())) + np.random.rand() + random.random()
            yield Interior(lambda u: u.laplacian() - value)
            yield Dirichlet(0.0)

    def middle(seed: int) -> float:
        return float(solve(Drawn(num_interior=30), num_centers=9, seed=seed).model.weight.detach()[0, 0])

    assert middle(1) == middle(1) != middle(2)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, True, None, "one"])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(rbfnet.InputError, match=r"seed .*must be a whole number.*, but got"):
        fit(X, X[:, 0], seed=seed)
    with pytest.raises(rbfnet.InputError, match=r"seed .*must be a whole number.*, but got"):
        solve(Poisson(), seed=seed)


@pytest.mark.slow
def test_importing_leaves_random_numbers_and_warnings_as_they_were() -> None:
    import subprocess

    code = (
        "import random, warnings, rbfnet; before = random.getstate(), warnings.filters[:]; rbfnet.fit, rbfnet.training; "
        "print(before == (random.getstate(), warnings.filters[:]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_seeds_are_those_of_lightning(seed: int) -> None:
    def drawn(seeded: Callable[[], object]) -> dict[str, object]:
        with isolated():
            seeded()
            environment = {name: os.environ[name] for name in ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")}
            return environment | {"torch": torch.rand(3).tolist(), "numpy": np.random.rand(3).tolist(), "python": random.random()}

    assert drawn(lambda: seed_everything(seed)) == drawn(lambda: pl.seed_everything(seed, workers=True, verbose=False))


def test_accelerators_are_seeded_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(torch, "manual_seed", seeded.append)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    manual_seed(3)
    assert seeded == [3]


def test_entry_points_are_those_of_the_installed_packages() -> None:
    lightning: Any = registry
    before = lightning.entry_points
    with known_entry_points():
        found = [lightning.entry_points(group="console_scripts") for _ in range(2)]
    assert found[0] is found[1]
    assert list(found[0]) == list(importlib.metadata.entry_points(group="console_scripts"))
    assert lightning.entry_points is before
