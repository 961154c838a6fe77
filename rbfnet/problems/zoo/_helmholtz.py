"""The Helmholtz equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, sin

from rbfnet.domains import Rectangle
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Interior


class Helmholtz(Problem):
    """Lap u + u = q on [-1, 1]^2, u = 0 on its boundary; q such that u = sin(pi x) sin(4 pi y).

    Source: Wang, Teng & Perdikaris, Understanding and mitigating gradient flow pathologies in physics-informed neural networks,
    SIAM J. Sci. Comput. 43 (2021).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Helmholtz
        >>> Helmholtz().exact(torch.tensor([0.5]), torch.tensor([0.125]))
        tensor([1.])
    """

    domain = Rectangle(x=(-1, 1), y=(-1, 1))

    def __init__(self, num_interior: int = 1800, num_boundary: int = 300, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() + u.value - (1 - 17 * pi**2) * sin(pi * u.x) * sin(4 * pi * u.y))
        yield Dirichlet(0.0)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return sin(pi * x) * sin(4 * pi * y)
