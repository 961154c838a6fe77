"""PINA: 3 x 50 tanh, Adam and then L-BFGS, in float64, all loss weights 1 as in its tutorials."""

from __future__ import annotations

import logging
import warnings
from importlib.metadata import version
from math import pi
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from pina import Condition, LabelTensor, Trainer
from pina.domain import CartesianDomain
from pina.equation import Equation
from pina.equation.zoo import FixedValue
from pina.model import FeedForward
from pina.operator import grad, laplacian
from pina.optim import TorchOptimizer
from pina.problem import SpatialProblem, TimeDependentProblem
from pina.solver import PhysicsInformedSingleModelSolver

from scripts.rivals.race import ADAM, TRAINING_POINTS, Array, Race, compete


def poisson(x: Any, u: Any) -> Any:
    return laplacian(u, x) + 2 * pi**2 * torch.sin(pi * x.extract(["x"])) * torch.sin(pi * x.extract(["y"]))


class Poisson(SpatialProblem):
    output_variables = ["u"]
    spatial_domain = CartesianDomain({"x": [0, 1], "y": [0, 1]})
    domains = {"inside": spatial_domain, "walls": spatial_domain.partial()}
    conditions = {
        "inside": Condition(domain="inside", equation=Equation(poisson)),
        "walls": Condition(domain="walls", equation=FixedValue(0.0)),
    }


def burgers(x: Any, u: Any) -> Any:
    first = grad(u, x)
    second = grad(first, x, components=["dudx"], d=["x"])
    return first.extract(["dudt"]) + u * first.extract(["dudx"]) - 0.01 / pi * second


class Burgers(TimeDependentProblem, SpatialProblem):
    output_variables = ["u"]
    spatial_domain = CartesianDomain({"x": [-1, 1]})
    temporal_domain = CartesianDomain({"t": [0, 1]})
    domains = {
        "inside": spatial_domain.update(temporal_domain),
        "walls": spatial_domain.partial().update(temporal_domain),
        "start": spatial_domain.update(CartesianDomain({"t": 0})),
    }
    conditions = {
        "inside": Condition(domain="inside", equation=Equation(burgers)),
        "walls": Condition(domain="walls", equation=FixedValue(0.0)),
        "start": Condition(domain="start", equation=Equation(lambda x, u: u + torch.sin(pi * x.extract(["x"])))),
    }


class Watch(Callback):
    """Measures when it is time, and stops after ``until`` seconds."""

    def __init__(self, race: Race, labels: list[str], until: float) -> None:
        self.race, self.labels, self.until = race, labels, until

    def measure(self, model: torch.nn.Module) -> None:
        def predict(points: Array) -> Array:
            with torch.no_grad():
                found: Array = model(LabelTensor(torch.from_numpy(points), self.labels)).as_subclass(torch.Tensor).numpy()
            return found

        self.race.measure(predict)

    def on_train_epoch_end(self, trainer: Any, solver: Any) -> None:
        if self.race.due():
            self.measure(solver.model)
        trainer.should_stop = self.race.elapsed() >= self.until


def run(problem: str, variant: str, race: Race) -> None:
    """No variants."""
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    posed = Poisson() if problem == "poisson" else Burgers()
    for domain, count in zip(("inside", "walls", "start"), TRAINING_POINTS[problem], strict=True):
        if count:
            posed.discretise_domain(count, "random", domains=[domain])
    labels = ["x", "y"] if problem == "poisson" else ["x", "t"]
    model = FeedForward(2, 1, layers=[50, 50, 50])
    adam = TorchOptimizer(torch.optim.Adam, lr=1e-3)
    lbfgs = TorchOptimizer(torch.optim.LBFGS, max_iter=10, history_size=100, line_search_fn="strong_wolfe")
    for optimizer, until in ((adam, ADAM * race.seconds), (lbfgs, race.seconds)):
        watch = Watch(race, labels, until)
        solver = PhysicsInformedSingleModelSolver(posed, model, optimizer)
        Trainer(
            solver, max_epochs=-1, accelerator="cpu", devices=1, callbacks=[watch],
            logger=False, enable_progress_bar=False, enable_checkpointing=False, enable_model_summary=False,
        ).train()  # fmt: skip
    watch.measure(model)


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    compete(run, f"PINA {version('pina-mathlab')}, PyTorch {torch.__version__}")
