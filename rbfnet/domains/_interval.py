from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains._box import Box
from rbfnet.errors import InputError, positive


class Interval(Box):
    """A box of one coordinate: ``Interval(x=(-1, 1))``, or the time of an ODE, ``Interval(t=(0, 20))``.

    Its boundary is its two ends, the parts ``"x=low"`` and ``"x=high"``; as a time it starts at ``initial()`` and ends at
    ``final()``.
    """

    def __init__(self, **side: tuple[float, float]) -> None:
        if len(side) != 1:
            raise InputError(f"An interval has one side, as in Interval(x=(0, 1)), but got {len(side)}.")
        super().__init__(**side)

    def initial(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "1 1"]:
        """The lower end: one point, whatever n is."""
        return self.box[:1].clone()

    def final(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "1 1"]:
        """The upper end."""
        return self.box[1:].clone()

    def quadrature(self, n: int) -> tuple[Float[Tensor, "n 1"], Float[Tensor, " n"]]:
        """The rule of Gauss and Legendre (``numpy.polynomial.legendre.leggauss``): exact for polynomials below degree 2n."""
        positive("The number of points", n, whole=True)
        nodes, weights = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(n))
        low, high = self.box[:, 0]
        return ((low + high + (high - low) * nodes) / 2)[:, None], (high - low) / 2 * weights
