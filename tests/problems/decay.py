"""An inverse problem of one rate: u_t = -k u with k = 2."""

from __future__ import annotations

from collections.abc import Iterable

import torch

import rbfnet
from rbfnet.domains import Interval
from rbfnet.problems import Condition, Data, Interior, Unknown


class Decay(rbfnet.Problem):
    """u_t = -k u, with u known at nine points."""

    domain = Interval(t=(0, 1))

    def __init__(self, num_interior: int) -> None:
        super().__init__(num_interior=num_interior)
        self.k = Unknown(1.0, exact=2.0)

    def conditions(self) -> Iterable[Condition]:
        t = torch.linspace(0.0, 1.0, 9, dtype=torch.float64)
        yield Interior(lambda u: u.d("t") + self.k() * u)
        yield Data(t[:, None], torch.exp(-2.0 * t))
