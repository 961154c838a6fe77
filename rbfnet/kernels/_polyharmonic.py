"""Polyharmonic kernels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rbfnet.errors import positive
from rbfnet.kernels._kernel import ClosedForm
from rbfnet.kernels._ladder import rungs
from rbfnet.kernels._radius import inverse_power, safe_log


class Polyharmonic(ClosedForm):
    """phi = r^m for odd m and r^m log r for even m (0 at the centre), with r = sqrt(s): epsilon times the distance.

    Derivatives: f^(k)(s) = 2^-k m (m-2) ... (m-2k+2) r^(m-2k) for odd m; for even m 2^-k r^(m-2k) (A_k log r + B_k), A_0 = 1,
    B_0 = 0, A_{k+1} = (m-2k) A_k, B_{k+1} = (m-2k) B_k + A_k. Smoothness m - 1; conditionally positive definite of order
    (m+1)/2 for odd m and m/2 + 1 for even m, so that its tail has degree (m-1)/2 or m/2 at least. In interpolation with such a
    tail epsilon changes nothing.

    The degrees 1, 2, 3 and 5 also have the names :class:`Linear`, :class:`ThinPlateSpline`, :class:`Cubic` and :class:`Quintic`.

    Equivalents: SciPy ``RBFInterpolator`` with ``kernel="linear"`` is minus m = 1, ``"thin_plate_spline"`` is m = 2, ``"cubic"``
    m = 3, ``"quintic"`` minus m = 5 (the sign goes into the weights); none in GPyTorch.
    Source: Duchon, in Constructive Theory of Functions of Several Variables (1977); Wendland (2004), theorems 8.16 and 8.17.

    Args:
        degree: m, a whole number of at least 1.

    Raises:
        InputError: another degree.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Polyharmonic
        >>> kernel = Polyharmonic(3)
        >>> kernel.phi(torch.tensor([0.0, 4.0])), kernel.order  # r^3; interpolation needs a linear tail
        (tensor([0., 8.]), 2)
    """

    def __init__(self, degree: int = 3) -> None:
        super().__init__()
        self.degree = int(positive("degree", degree, whole=True))
        self.smoothness = self.degree - 1
        self.order = self.degree // 2 + 1

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return rungs(self._odd if self.degree % 2 else self._even, s, orders)

    def _odd(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        r = s.sqrt()
        found = []
        for k in orders:
            factor = 1.0
            for j in range(k):
                factor *= 0.5 * self.degree - j
            value = inverse_power(r, 2 * k - self.degree)
            found.append(value.mul_(factor) if k else value)
        return found

    def _even(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        half = self.degree // 2
        # log r = log(s) / 2, so that no square root is needed where all powers of r are even.
        if max(orders) < half:
            # A power of s follows, so that any finite number will do at 0; to clamp costs a third of what `safe_log` does.
            log = s.clamp(min=torch.finfo(s.dtype).tiny).log_()
        else:
            log = safe_log(s) if min(orders) <= half else s
        found = []
        for k in orders:
            a, b = 0.5, 0.0
            for j in range(k):
                a, b = (half - j) * a, (half - j) * b + a
            profile = torch.full_like(s, b) if a == 0.0 else a * log
            if a and b:
                profile.add_(b)
            power = s if half - k == 1 else inverse_power(s, k - half)
            found.append(profile.mul_(power) if k != half else profile)
        return found

    def extra_repr(self) -> str:
        return f"degree={self.degree}"
