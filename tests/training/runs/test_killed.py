"""Processes that are killed (SIGKILL) at any moment lose nothing that the last checkpoint has."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

import rbfnet

RUNS = {
    "adam": [
        "problem=poisson", "problem.num_interior=200", "problem.num_boundary=80", "network.num_centers=60", "solver=adam",
        "solver.max_epochs=30", "solver.batch_size=50", "solver.schedule=cosine",
    ],
    "gauss_newton": [
        "problem=kovasznay", "problem.num_interior=300", "problem.num_boundary=80", "network.num_centers=60", "network.epsilon=2",
        "solver=gauss_newton",
    ],
    "evolve": ["problem=heat", "solver=evolve", "network.num_centers=40"],
}  # fmt: skip


def work(arguments: list[str]) -> None:
    """The command line, with a checkpoint between all epochs."""
    from rbfnet.cli.main import dispatch
    from rbfnet.training.callbacks import _checkpoints

    _checkpoints.OFTEN = _checkpoints.SELDOM = 0.0
    os._exit(dispatch(arguments))


def left(directory: Path) -> dict[str, Any]:
    """What a run leaves, but for what time it took."""
    summary = json.loads((directory / "summary.json").read_text())
    del summary["seconds"], summary["provenance"]
    return {"summary": summary} | {name: (directory / name).read_bytes() for name in ("model.safetensors", "metrics.csv")}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", RUNS)
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(name: str, seed: int, tmp_path: Path) -> None:
    # Forked from a server that has the imports behind it, so that moments fall into runs rather than into imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rbfnet.cli.train", "rbfnet.training", "matplotlib.figure", "scipy.spatial"])

    def started(*arguments: str) -> Any:
        process = context.Process(target=work, args=(list(arguments),))
        process.start()
        return process

    started("list").join()
    begun = time.monotonic()
    whole = started("train", *RUNS[name], "figures=false", "--allow-unsolved", f"run_dir={tmp_path / 'whole'}")
    whole.join()
    took = time.monotonic() - begun
    assert whole.exitcode == 0
    moments, part, exits = random.Random(seed), tmp_path / "part", []
    patiences: list[float | None] = [*(moments.uniform(0.2, 0.8) * took for _ in range(5)), None]
    while patiences:
        patience = patiences.pop(0)
        if (part / "config.yaml").exists():
            process = started("resume", str(part), "--allow-unsolved")
        else:
            process = started("train", *RUNS[name], "figures=false", "--allow-unsolved", f"run_dir={part}")
        process.join(patience)
        process.kill()
        process.join()
        exits.append(process.exitcode)
        if exits == [0] and took > 0.01:
            # On a machine that was busy before, it ended before it was killed: once more, and sooner.
            shutil.rmtree(part)
            took, exits = took / 2, []
            patiences.insert(0, took / 2)
        elif exits[-1] >= 0:
            break
    # 2: it was killed when it had written all, before it ended.
    assert exits[0] == -signal.SIGKILL and exits[-1] in (0, 2)
    assert left(part) == left(tmp_path / "whole")
    rbfnet.load(part)
    assert not list(part.glob("**/*.part"))
