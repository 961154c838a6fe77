"""Poisson's equation in five dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, cos

from rbfnet.domains import Box
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Interior


class Poisson5D(Problem):
    """-Lap u = f on the unit cube of five dimensions, u given on its boundary; f such that u = sum_i cos(pi x_i).

    Errors are measured at Halton points that are always the same.

    Source: Mueller and Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradients, ICML 2023.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Poisson5D
        >>> Poisson5D().exact(*torch.zeros(5, 1))
        tensor([5.])
    """

    domain = Box(x1=(0, 1), x2=(0, 1), x3=(0, 1), x4=(0, 1), x5=(0, 1))

    def __init__(self, num_interior: int = 2000, num_boundary: int = 2000, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() + pi**2 * self.exact(*u.points.unbind(dim=1)))
        yield Dirichlet(self.exact)

    def exact(self, *x: Tensor) -> Tensor:
        return sum((cos(pi * xi) for xi in x[1:]), cos(pi * x[0]))
