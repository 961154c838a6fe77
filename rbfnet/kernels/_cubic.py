"""The cubic kernel."""

from __future__ import annotations

from rbfnet.kernels._polyharmonic import Polyharmonic


class Cubic(Polyharmonic):
    """phi = r^3 with r = sqrt(s): :class:`Polyharmonic` of degree 3.

    Two continuous derivatives, so Laplacians at the centres; conditionally positive definite of order
    2, so that its tail has degree 1 at least.

    Equivalent: SciPy ``RBFInterpolator(kernel="cubic")``; epsilon does not affect
    interpolation. On a line, it gives the natural cubic spline. Source: Duchon (1977); Wendland (2004), theorem 8.16.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Cubic
        >>> Cubic().phi(torch.tensor([0.0, 1.0, 4.0]))
        tensor([0., 1., 8.])
    """

    def __init__(self) -> None:
        super().__init__(3)

    def extra_repr(self) -> str:
        return ""
