"""Dense matrices of an interpolant: squared distances, and the solution by a Cholesky factorisation."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.algebra import Interpolation


def squared_distances(x: Float[Tensor, "*G Q D"], centers: Float[Tensor, "*G N D"]) -> Float[Tensor, "*G Q N"]:
    """|x - c|^2 from differences, in place: no root is taken, and close points keep their digits."""
    first, *others = zip(x.unbind(-1), centers.unbind(-1), strict=True)
    s = (first[0][..., None] - first[1][..., None, :]).square_()
    for points, places in others:
        difference = points[..., None] - places[..., None, :]
        s.addcmul_(difference, difference)
    return s


def by_cholesky(
    kernel: Float[Tensor, "N N"], tail: Float[Tensor, "N T"], values: Float[Tensor, "N S"]
) -> Float[Tensor, "U S"] | None:
    """Weights and coefficients of the polynomial, in half the time of a general factorisation.

    None if the matrix is singular or not definite, within rounding, or the points do not determine the polynomial.
    """
    system = Interpolation(kernel, tail)
    return system.solve(values) if system.safe and system.terms == tail.shape[1] else None
