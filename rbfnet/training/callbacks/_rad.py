from __future__ import annotations

import torch

from rbfnet.errors import positive
from rbfnet.memory import POINT, require_memory
from rbfnet.problems import Sample
from rbfnet.training.callbacks._adaptive import Adaptive, Fitness


class RAD(Adaptive):
    """Residual-based adaptive distribution: all points are redrawn with a density proportional to |r|^k / mean(|r|^k) + c.

    They are drawn without replacement from a pool of points that are uniform over the domain.

    Source: Wu, Zhu, Tan, Kartha and Lu, Comput. Methods Appl. Mech. Eng. 403 (2023) 115671.

    Args:
        period: the number of epochs between choices.
        k: the exponent of the residual; larger values concentrate the points.
        c: the weight of the uniform part of the density.
        pool: the ratio of points in the pool to points needed.

    Raises:
        InputError: a value that is not positive (zero is allowed for c).

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import Adam
        >>> from rbfnet.training import RAD
        >>> solver = Adam(max_epochs=5)
        >>> solution = rbfnet.solve(Poisson(), num_centers=50, solver=solver, callbacks=[RAD(period=2)], allow_unsolved=True)
    """

    def __init__(self, period: int = 100, k: float = 1.0, c: float = 1.0, pool: int = 10) -> None:
        super().__init__(period)
        self.k, self.c = positive("k", k), positive("c", c, zero=True)
        self.pool = int(positive("pool", pool, whole=True, most=1000))
        require_memory("pool", self.pool)

    def choose(self, fitness: Fitness, points: Sample) -> Sample:
        require_memory("pool", self.pool, POINT * points.num_points)
        pool = fitness.draw(self.pool * points.num_points)
        size = fitness(pool) ** self.k
        mean = size.mean()
        density = size / mean + self.c if mean > 0 else torch.ones_like(size)
        # Points with zero density are used too if there are not enough others.
        density = density.clamp(min=torch.finfo(density.dtype).tiny)
        return pool.rows(torch.multinomial(density, min(points.num_points, pool.num_points)))
