"""The thin-plate spline kernel."""

from __future__ import annotations

from rbfnet.kernels._polyharmonic import Polyharmonic


class ThinPlateSpline(Polyharmonic):
    """phi = r^2 log r with r = sqrt(s): :class:`Polyharmonic` of degree 2.

    Derivatives: f = s log(s) / 2, f' = (log s + 1) / 2, f^(k) = (-1)^k (k-2)! s^(1-k) / 2. One continuous derivative,
    so gradients but no Laplacians at the centres; conditionally positive definite of order 2, so that its tail has degree 1
    at least.

    Equivalent: SciPy ``RBFInterpolator(kernel="thin_plate_spline")``; epsilon does not affect interpolation.
    Source: Duchon (1977); Wendland (2004), ch. 8.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import ThinPlateSpline
        >>> ThinPlateSpline().phi(torch.tensor([1.0, 4.0]))
        tensor([0.0000, 2.7726])
    """

    def __init__(self) -> None:
        super().__init__(2)

    def extra_repr(self) -> str:
        return ""
