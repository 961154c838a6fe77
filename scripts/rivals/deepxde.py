"""DeepXDE: 3 x 50 tanh, Adam and then L-BFGS, in float64, all loss weights 1 as in its examples."""

from __future__ import annotations

import os
from importlib.metadata import version
from math import pi
from typing import Any

os.environ["DDE_BACKEND"] = "pytorch"

import deepxde as dde
import numpy as np
import torch

# PyTorch's optimizers import it when the first is made; imports are not counted.
import torch._dynamo

from scripts.rivals.race import ADAM, TRAINING_POINTS, Race, compete

ITERATIONS_A_LOOK = 10
"""Iterations of L-BFGS between two looks at the clock."""


def posed(problem: str) -> Any:
    inside, walls, start = TRAINING_POINTS[problem]
    if problem == "poisson":

        def poisson(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
            laplacian = dde.grad.hessian(u, x, i=0, j=0) + dde.grad.hessian(u, x, i=1, j=1)
            return laplacian + 2 * pi**2 * torch.sin(pi * x[:, 0:1]) * torch.sin(pi * x[:, 1:2])

        square = dde.geometry.Rectangle([0, 0], [1, 1])
        wall = dde.icbc.DirichletBC(square, lambda x: 0, lambda x, on_boundary: on_boundary)
        return dde.data.PDE(square, poisson, wall, num_domain=inside, num_boundary=walls)

    def burgers(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
        u_x, u_t = dde.grad.jacobian(u, x, i=0, j=0), dde.grad.jacobian(u, x, i=0, j=1)
        return u_t + u * u_x - 0.01 / pi * dde.grad.hessian(u, x, i=0, j=0)

    column = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
    wall = dde.icbc.DirichletBC(column, lambda x: 0, lambda x, on_boundary: on_boundary)
    initial = dde.icbc.IC(column, lambda x: -np.sin(pi * x[:, 0:1]), lambda x, on_initial: on_initial)
    return dde.data.TimePDE(column, burgers, [wall, initial], num_domain=inside, num_boundary=walls, num_initial=start)


class Watch(dde.callbacks.Callback):
    """Measures when it is time, and stops after ``until`` seconds."""

    def __init__(self, race: Race, until: float) -> None:
        super().__init__()
        self.race, self.until = race, until

    def on_epoch_end(self) -> None:
        if self.race.due():
            self.race.measure(self.model.predict)
        self.model.stop_training = self.race.elapsed() >= self.until


def run(problem: str, variant: str, race: Race) -> None:
    """No variants."""
    dde.config.set_default_float("float64")
    dde.config.set_random_seed(0)
    model = dde.Model(posed(problem), dde.nn.FNN([2, 50, 50, 50, 1], "tanh", "Glorot normal"))
    model.compile("adam", lr=1e-3)
    model.train(iterations=10**9, callbacks=[Watch(race, ADAM * race.seconds)], verbose=0)
    dde.optimizers.set_LBFGS_options(maxiter=10**9)
    dde.optimizers.config.LBFGS_options.update(iter_per_step=ITERATIONS_A_LOOK, fun_per_step=2 * ITERATIONS_A_LOOK)
    model.compile("L-BFGS")
    model.train(callbacks=[Watch(race, race.seconds)], verbose=0)
    race.measure(model.predict)


if __name__ == "__main__":
    compete(run, f"DeepXDE {version('deepxde')}, PyTorch {torch.__version__}")
