"""Check the gradient of the loss against finite differences before a descent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.problems import Sample
from rbfnet.solvers import trainable
from rbfnet.training._module import TrainingModule

ROWS = 64
"""Number of points used per condition."""


def check_gradient(module: TrainingModule, samples: Mapping[str, Sample]) -> None:
    """Raise InputError if the gradient of a condition's loss clearly disagrees with finite differences of the loss.

    Along one direction v, g . v is compared with (L(p + h v) - L(p - h v)) / 2h, near the initial model (not at it, where the
    weights and so the gradient in the centres are zero). Only a clear disagreement counts: by more than half, far above rounding
    errors, and with differences over h and 4h that agree with each other. So a correct gradient is not rejected because of
    float32, kinks, or its size. Random numbers are the same in each evaluation.

    This takes a few evaluations at a few points, and detects ``detach()``, hard-coded values and a wrong custom backward.
    """
    few = {
        name: s if s.weights is not None else s.rows(slice(None, None, -(-s.num_points // ROWS))) for name, s in samples.items()
    }
    parameters = trainable(module.model, module.problem)
    if not parameters:
        return
    before = [p.detach().clone() for p in parameters]
    generator = torch.Generator().manual_seed(0)
    sizes = [float(p.square().mean().sqrt()) or 1.0 for p in before]
    base, v = ([size * _normal(p, generator) for p, size in zip(before, sizes, strict=True)] for _ in range(2))
    base = [p + 0.1 * shift for p, shift in zip(before, base, strict=True)]
    eps = torch.finfo(before[0].dtype).eps
    h = eps ** (1 / 3)

    def losses(step: float) -> dict[str, Tensor]:
        with torch.no_grad():
            for parameter, middle, along in zip(parameters, base, v, strict=True):
                parameter.copy_(middle + step * along)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return module.losses(few)

    try:
        with torch.enable_grad():
            slopes = {name: _slope(loss, parameters, v) for name, loss in losses(0.0).items()}
        with torch.no_grad():
            first, again, *around = (
                {name: float(loss) for name, loss in losses(step * h).items()} for step in (0, 0, 1, -1, 4, -4)
            )
    finally:
        with torch.no_grad():
            for parameter, kept in zip(parameters, before, strict=True):
                parameter.copy_(kept)
    for name, slope in slopes.items():
        up, down, far_up, far_down = (found[name] for found in around)
        near, far = (up - down) / (2 * h), (far_up - far_down) / (8 * h)
        if not all(math.isfinite(value) for value in (slope, near, far)):
            continue
        noise = 1e3 * eps * max(abs(up), abs(down)) + 10 * abs(first[name] - again[name])
        if (
            abs(near - far) <= 0.1 * abs(near)
            and abs(slope - near) > 0.5 * max(abs(slope), abs(near))
            and abs(slope - near) * 2 * h > noise
        ):
            raise InputError(
                f"The gradient of the loss of condition {name!r} is wrong: along one direction it is {slope:.3g}, but "
                f"finite differences of the loss give {near:.3g}; look for detach(), no_grad() or a custom backward in its "
                "residual and in the kernel."
            )


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=torch.float64).to(like)


def _slope(loss: Tensor, parameters: list[torch.nn.Parameter], v: Iterable[Tensor]) -> float:
    if not loss.requires_grad:
        return 0.0
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    return sum(float((g * along).sum()) for g, along in zip(gradients, v, strict=True) if g is not None)
