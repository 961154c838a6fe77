from __future__ import annotations

import torch

from rbfnet.errors import positive
from rbfnet.memory import POINT, require_memory
from rbfnet.problems import Sample
from rbfnet.training.callbacks._adaptive import Adaptive, Fitness


class RAD(Adaptive):
    """Residual-based adaptive distribution: all points are drawn anew, with the density |r|^k / mean(|r|^k) + c.

    They are drawn without repetition from a pool of points that are even over the domain.

    Source: Wu, Zhu, Tan, Kartha and Lu, Comput. Methods Appl. Mech. Eng. 403 (2023) 115671.

    Args:
        period: epochs from one choice to the next.
        k: how sharply the points follow the residual.
        c: how many stay even over the domain whatever the residual is.
        pool: how many times as many points as are needed there are to choose from.

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
        # Points where the density vanishes are needed too if there are not enough others.
        density = density.clamp(min=torch.finfo(density.dtype).tiny)
        return pool.rows(torch.multinomial(density, min(points.num_points, pool.num_points)))
