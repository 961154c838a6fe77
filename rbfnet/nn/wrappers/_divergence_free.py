"""DivergenceFree: vector fields without sources, by construction."""

from __future__ import annotations

from rbfnet.nn.wrappers._matrix_kernel import MatrixKernel
from rbfnet.operators import Operator


class DivergenceFree(MatrixKernel):
    """u(x) = sum_j Psi(x - c_j) w_j with Psi = (-Lap I + grad grad^T) phi, so that div u = 0 whatever the weights are.

    The weights w_j are vectors, and Psi is a positive definite matrix where phi is positive definite: incompressible flow,
    magnetic fields. In the plane u is the curl of a stream function. The divergence is zero to rounding.

    Derivatives are closed form, of two orders less than the kernel has. An :class:`Affine` around it must scale all coordinates
    alike and all components alike; other wrappers go inside: ``DivergenceFree(CoordinateMap(network, Periodic(...)))``.

    Args:
        network: the :class:`RBFNetwork` of phi, or a wrapper of one, with one output for each component; without a tail, of a
            kernel that is positive definite or of order 1.
        components: how many coordinates and outputs, the first ones, make the vector; None takes all coordinates. Other
            coordinates may be a time, other outputs a pressure; these outputs stay as they are.

    Raises:
        InputError: a network or a kernel that does not fit, or fewer coordinates or outputs than components.

    Source: Narcowich and Ward, Math. Comput. 63 (1994); Lowitzsch, Adv. Comput. Math. 23 (2005); Wendland, SIAM J. Numer. Anal.
    47 (2009), for Stokes' equations.

    Example:
        >>> import torch
        >>> from rbfnet.nn import DivergenceFree, RBFNetwork
        >>> from rbfnet.operators import divergence
        >>> flow = DivergenceFree(RBFNetwork(2, 2, 50, dtype=torch.float64))
        >>> flow.set_coefficients(torch.randn(50, 2))
        >>> x = torch.rand(5, 2, dtype=torch.float64)
        >>> flow(x).shape, bool((divergence(flow, x).abs() < 1e-12).all())
        (torch.Size([5, 2]), True)
    """

    def entry(self, i: int, k: int) -> Operator:
        if i != k:
            return Operator.d(i, k)
        return -Operator.laplacian(*(j for j in range(self.components) if j != i))
