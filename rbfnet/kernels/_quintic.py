"""The quintic kernel."""

from __future__ import annotations

from rbfnet.kernels._polyharmonic import Polyharmonic


class Quintic(Polyharmonic):
    """phi = r^5 with r = sqrt(s): :class:`Polyharmonic` of degree 5.

    Four continuous derivatives; conditionally positive definite of order
    3 with the sign -phi, so that its tail has degree 2 at least.

    Equivalent: minus SciPy ``RBFInterpolator(kernel="quintic")`` (the sign goes into the weights); epsilon does not affect
    interpolation. On a line, it gives the natural quintic spline. Source: Duchon (1977); Wendland (2004), theorem 8.16.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Quintic
        >>> Quintic().phi(torch.tensor([0.0, 1.0, 4.0]))
        tensor([ 0.,  1., 32.])
    """

    def __init__(self) -> None:
        super().__init__(5)

    def extra_repr(self) -> str:
        return ""
