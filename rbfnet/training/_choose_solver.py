"""Choose the solver of a run for the problem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch

from rbfnet.kernels import KernelLike, as_kernel
from rbfnet.problems import Problem
from rbfnet.sampling import IN_BOX
from rbfnet.solvers import Solver
from rbfnet.training.callbacks import Adaptive


def choose_solver(
    solver: Solver,
    problem: Problem,
    kernel: KernelLike,
    network: Mapping[str, Any],
    dtype: torch.dtype,
    trainer: Mapping[str, Any],
    callbacks: Sequence[pl.Callback] = (),
) -> Solver:
    """The solver itself or, for :class:`rbfnet.solvers.Auto`, the one it chooses for this problem and run.

    Args:
        solver, problem, kernel: those of the run.
        network: the arguments of the network.
        dtype: the dtype of the run.
        trainer: the options of the Trainer.
        callbacks: the callbacks of the user.
    """
    problem.require_domain()
    problem.to(dtype)
    return solver.chosen_for(problem, _hindrance(network, dtype, trainer, callbacks), as_kernel(kernel).smoothness < math.inf)


def _hindrance(
    network: Mapping[str, Any], dtype: torch.dtype, trainer: Mapping[str, Any], callbacks: Sequence[pl.Callback]
) -> str:
    """The option of a run that rules out ``evolve``, as given; empty if there is none."""
    centers = network.get("centers", "halton")
    if dtype != torch.float64:
        return f"dtype={str(dtype).removeprefix('torch.')}"
    if trainer.get("num_nodes", 1) != 1 or trainer.get("devices", 1) not in (1, "1", "auto"):
        return "several processes"
    if any(isinstance(callback, Adaptive) for callback in callbacks):
        return "callbacks that move points or centres"
    if not (isinstance(centers, str) and (centers in IN_BOX or centers == "graded")):
        return f"centers={centers}" if isinstance(centers, str) else "given centers"
    return ""
