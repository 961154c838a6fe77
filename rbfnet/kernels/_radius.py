"""Square roots, poles and logarithms that stay finite at the centre."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.kernels._ladder import ladder


def safe_radius(s: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """r = sqrt(s) with exact derivatives of every order away from 0, and derivatives 0 at s = 0.

    The k-th derivative in s is (1/2)(1/2 - 1)...(1/2 - k + 1) s^(1/2 - k); at s = 0, where it has a pole, it is set to 0.
    Where the pole comes multiplied by enough powers of the distance, as it does in every operator the kernel is smooth
    enough for, that is the exact limit. It does not make a kernel smoother than it is: where the limit
    itself is a finite number other than 0 (phi'(0) of a Matern kernel), override ``Kernel.derivative``.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import safe_radius
        >>> s = torch.tensor([0.0, 4.0], requires_grad=True)
        >>> torch.autograd.grad(safe_radius(s).sum(), s)[0]  # of s.sqrt() the first would be infinite
        tensor([0.0000, 0.2500])
    """
    return ladder(_radius_derivative, s, 0)


def _radius_derivative(s: Tensor, k: int) -> Tensor:
    if k == 0:
        return s.sqrt()
    factor = 1.0
    for j in range(k):
        factor *= 0.5 - j
    return factor * inverse_power(s.sqrt(), 2 * k - 1)


def whole_power(t: Float[Tensor, "*B"], n: int) -> Float[Tensor, "*B"]:
    """t^n for a whole n, by multiplications: several times cheaper than a general power."""
    if n < 0:
        return whole_power(t.reciprocal(), -n)
    if n == 0:
        return torch.ones_like(t)
    half = whole_power(t, n // 2) if n > 1 else t
    return half if n == 1 else half * half * t if n % 2 else half * half


def inverse_power(r: Float[Tensor, "*B"], power: int) -> Float[Tensor, "*B"]:
    """r^-power, and 0 for r <= (1e6 tiny)^(1/power): the pole rule (docs/design.md, section 3).

    A pole of an allowed operator is multiplied by at least as many powers of the distance, so the limit of the product at
    the centre is 0 and the cut-off, below which the power would overflow, changes nothing.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import inverse_power
        >>> inverse_power(torch.tensor([0.0, 2.0]), 3)
        tensor([0.0000, 0.1250])
    """
    if power <= 0:
        return whole_power(r, -power) if power != -1 else r.clone()
    floor = (1e6 * torch.finfo(r.dtype).tiny) ** (1.0 / power)
    return whole_power(torch.where(r > floor, r, torch.inf).reciprocal_(), power)


def safe_log(r: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """log r, and 0 where r = 0: there it always comes multiplied by a power of the distance.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import safe_log
        >>> safe_log(torch.tensor([0.0, 1.0]))
        tensor([0., 0.])
    """
    return torch.where(r > 0, r, 1.0).log()
