"""The linear kernel."""

from __future__ import annotations

from rbfnet.kernels._polyharmonic import Polyharmonic


class Linear(Polyharmonic):
    """phi = r with r = sqrt(s): :class:`Polyharmonic` of degree 1.

    Continuous, without a derivative at the centres; conditionally positive definite of order
    1 with the sign -phi, so that its tail has degree 0 at least.

    Equivalent: minus SciPy ``RBFInterpolator(kernel="linear")`` (the sign goes into the weights); epsilon does not affect
    interpolation. On a line, interpolation with it is piecewise linear. Source: Wendland (2004), theorem 8.16.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Linear
        >>> Linear().phi(torch.tensor([0.0, 1.0, 4.0]))
        tensor([0., 1., 2.])
    """

    def __init__(self) -> None:
        super().__init__(1)

    def extra_repr(self) -> str:
        return ""
