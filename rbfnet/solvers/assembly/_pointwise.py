"""Check that residuals depend on the model only through their fields."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import LinearModel, Recorder
from rbfnet.problems import Condition, Problem, Sample, residuals_of
from rbfnet.seeding import manual_seed
from rbfnet.solvers.assembly._linearize import Equation, equations_of

ROWS = 16
"""Number of points checked per condition."""

AGREE = 1e-3
"""Relative tolerance for the difference of two derivatives."""

ADVICE = "evaluate the field only at the condition's own points, or use solver=lbfgs"


def require_pointwise(model: LinearModel, problem: Problem, samples: Mapping[str, Sample]) -> None:
    """Raise InputError, naming the condition, if a residual does not change as its linearisation predicts.

    Equations are linearised in the channels of the field at each point (``linearised``). For a residual that evaluates the
    network at other points, detaches its values or changes them in place, the linearisation and the solution would be wrong. So
    the derivative along one direction of the coefficients is compared with finite differences of the residual. A mismatch counts
    only if differences over h and 4h agree with each other far better than with the derivative: kinks are accepted, and random
    residuals use the same seed each time.

    Example:
        >>> import torch
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import require_pointwise
        >>> net = RBFNetwork(2, 1, 50, dtype=torch.float64)
        >>> require_pointwise(net, Poisson(), Poisson().sample())  # says nothing where all is well
    """
    before = model.coefficients.detach().clone()
    # A copy: reading and writing coefficients may round them.
    kept = [p.detach().clone() for p in model.parameters()]
    generator = torch.Generator().manual_seed(0)
    base, v = (torch.randn(before.shape, generator=generator, dtype=torch.float64).to(before) for _ in range(2))
    h = torch.finfo(before.dtype).eps ** (1 / 3)
    try:
        for name, condition in problem.named_conditions().items():
            if condition.pointwise:
                continue
            sample = samples[name]
            few = sample if sample.weights is not None else sample.rows(slice(None, None, -(-sample.num_points // ROWS)))
            for at in (before + base, before):
                if _compared(model, problem, condition, few, at, h * v):
                    break
    finally:
        with torch.no_grad():
            for parameter, values in zip(model.parameters(), kept, strict=True):
                parameter.copy_(values)


def _compared(model: LinearModel, problem: Problem, condition: Condition, sample: Sample, at: Tensor, step: Tensor) -> bool:
    """Whether the residuals are finite around ``at``; raises InputError if they contradict their derivatives."""

    def residuals(times: int) -> list[Tensor]:
        model.set_coefficients(at + times * step)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            manual_seed(0)
            found = residuals_of(problem, condition, [model] * len(sample.sites), sample)
        return [sample.contract(r) for r in found]

    up, down, far_up, far_down, here = (residuals(times) for times in (1, -1, 4, -4, 0))
    recorders = [Recorder(len(problem.outputs), model) for _ in sample.sites]
    with torch.random.fork_rng(devices=[]):
        manual_seed(0)
        equations = equations_of(condition, problem, recorders, sample)
    if any(recorder.elsewhere for recorder in recorders):
        raise InputError(
            f"The residual of condition {condition.name!r} evaluates its field at points other than its own, which only "
            f"gradient-based solvers support; {ADVICE}."
        )
    for k, equation in enumerate(equations):
        near, far, slope = (up[k] - down[k]) / 2, (far_up[k] - far_down[k]) / 8, _slope(model, equation, step)
        if not (torch.isfinite(near) & torch.isfinite(far) & torch.isfinite(slope)).all():
            return False
        rounding = 1e3 * torch.finfo(near.dtype).eps * float(here[k].norm())
        miss = float((near - slope).norm())
        if miss > AGREE * max(float(near.norm()), float(slope.norm())) + rounding and float((near - far).norm()) < 0.1 * miss:
            raise InputError(
                f"The residual of condition {condition.name!r} depends on the network other than through its field: does it "
                f"call the network itself, or use detach() or NumPy? Then {ADVICE}."
            )
    return True


def _slope(model: LinearModel, equation: Equation, step: Tensor) -> Tensor:
    """The derivative of an equation along a step in the coefficients."""
    total: Tensor = torch.zeros_like(equation.sample.contract(equation.rest))
    with torch.no_grad():
        for k, factors in equation.columns(model).items():
            total = total + factors @ step[:, k]
    return total
