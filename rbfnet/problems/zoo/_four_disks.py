"""Laplace's equation in a square with four holes."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from rbfnet.domains import Difference, Disc, Rectangle
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Interior
from rbfnet.problems.zoo import references


class FourDisks(Problem):
    """Lap u = 0 on [-.5, .5]^2 without the discs of radius .1 about (+-.3, +-.3); u = 1 on the square, u = 0 on the circles.

    The exact solution is :func:`rbfnet.problems.zoo.references.four_disks`, multipoles to 1e-14.

    Source: Hao et al., PINNacle: A Comprehensive Benchmark of Physics-Informed Neural Networks for Solving PDEs (2023),
    there with finite elements as reference.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> from rbfnet.problems import FourDisks
        >>> round(FourDisks().domain.volume, 4)  # 1 - 4 pi / 100
        0.8743
    """

    domain = Difference(Rectangle(x=(-0.5, 0.5), y=(-0.5, 0.5)), *[Disc((x, y), 0.1) for x in (-0.3, 0.3) for y in (-0.3, 0.3)])

    def __init__(self, num_interior: int = 4000, num_boundary: int = 1000, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian())
        yield Dirichlet(lambda x, y: (torch.maximum(x.abs(), y.abs()) > 0.45).to(x))

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.from_numpy(references.four_disks(x.cpu(), y.cpu())).to(x)
