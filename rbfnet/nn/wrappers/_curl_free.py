"""CurlFree: gradient fields, by construction."""

from __future__ import annotations

from rbfnet.nn.wrappers._matrix_kernel import MatrixKernel
from rbfnet.operators import Operator


class CurlFree(MatrixKernel):
    """u(x) = sum_j Psi(x - c_j) w_j with Psi = -grad grad^T phi, so that u is a gradient whatever the weights are.

    The weights w_j are vectors, and Psi is a positive definite matrix where phi is positive definite: electrostatic fields,
    potential flow, gravity. The rotation is zero to rounding.

    Derivatives are closed form, of two orders less than the kernel has. An :class:`Affine` around it must scale all coordinates
    alike and all components alike; other wrappers go inside.

    Args:
        network: the :class:`RBFNetwork` of phi, or a wrapper of one, with one output for each component; without a tail, of a
            kernel that is positive definite or of order 1.
        components: how many coordinates and outputs, the first ones, make the vector; None takes all coordinates. Other
            coordinates may be a time, other outputs a pressure; these outputs stay as they are.

    Raises:
        InputError: a network or a kernel that does not fit, or fewer coordinates or outputs than components.

    Source: Fuselier, Math. Comput. 77 (2008); Fuselier and Wright, SIAM J. Numer. Anal. 47 (2009).

    Example:
        >>> import torch
        >>> from rbfnet.nn import CurlFree, RBFNetwork
        >>> from rbfnet.operators import curl
        >>> field = CurlFree(RBFNetwork(3, 3, 50, dtype=torch.float64))
        >>> field.set_coefficients(torch.randn(50, 3))
        >>> x = torch.rand(5, 3, dtype=torch.float64)
        >>> field(x).shape, bool((curl(field, x).abs() < 1e-12).all())
        (torch.Size([5, 3]), True)
    """

    def entry(self, i: int, k: int) -> Operator:
        return -Operator.d(i, k)
