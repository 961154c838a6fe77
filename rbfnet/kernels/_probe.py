"""Check the declared smoothness of a kernel: its derivatives at the centre."""

from __future__ import annotations

import math
from functools import partial

import torch

from rbfnet.errors import InputError, number
from rbfnet.given import untouched
from rbfnet.kernels._kernel import Kernel

NEAR = {1e-8: 1e-2, 1e-4: 0.5}
"""Values of s next to the centre, and by how much f^(k) of a kernel of the stated smoothness moves at most on the way there."""


def probe(kernel: Kernel) -> Kernel:
    """The kernel itself, once its shape, and f^(k)(0) for 2k <= smoothness (up to k = 4), have been looked at.

    Raises:
        InputError: no smoothness is stated, ``phi`` changes s in place or does not keep its shape, or a derivative the kernel
            should have is not finite or jumps at s = 0, as autograd of a formula with sqrt(s) in it does.
    """
    smoothness = getattr(kernel, "smoothness", None)
    stated = number(smoothness)
    if stated is None or not stated >= 0:
        raise InputError(
            f"{kernel} must state its smoothness (the number of continuous derivatives at its centre, math.inf for an analytic "
            f"phi), but it is {smoothness!r}."
        )
    s = torch.tensor([0.0, *NEAR], dtype=torch.float64, device=_device(kernel))
    with torch.no_grad():
        for k in range(int(min(stated, 8)) // 2 + 1):
            values, same = untouched(partial(kernel.derivative, s, k) if k else partial(kernel.phi, s), s)
            if not same:
                raise InputError(
                    f"{kernel} changes its argument s in place, as s.mul_(2) and s += 1 do; make a new tensor, as in 2 * s."
                )
            if not isinstance(values, torch.Tensor) or not values.is_floating_point():
                found = values.dtype if isinstance(values, torch.Tensor) else type(values).__name__
                raise InputError(f"{kernel} must give a tensor of real numbers, but phi returns {found}.")
            if values.shape != s.shape:
                raise InputError(f"{kernel} must keep the shape of s, but phi maps {tuple(s.shape)} to {tuple(values.shape)}.")
            at, *near = values.tolist()
            for (place, most), value in zip(NEAR.items(), near, strict=True):
                if math.isfinite(at) and abs(value - at) <= most * (1.0 + abs(at)):
                    continue
                raise InputError(
                    f"{kernel} states smoothness {smoothness:g}, but its derivative number {k} in s is {at:g} at s = 0 and "
                    f"{value:g} at s = {place:g}: a square root or logarithm of s in phi needs its own `derivative(s, k)` "
                    "(see rbfnet.kernels.ladder and safe_radius) and the correct smoothness."
                )
    return kernel


def _device(kernel: Kernel) -> torch.device | None:
    return next((p.device for p in kernel.parameters()), None)
