from __future__ import annotations

import torch

from rbfnet.problems import Sample
from rbfnet.training.callbacks._adaptive import Adaptive, Fitness


class R3(Adaptive):
    """Retain, resample, release: points with a residual above the mean are kept, the others are redrawn uniformly.

    So points accumulate where the residual is large, and leave as soon as it is small.

    Source: Daw, Bu, Wang, Perdikaris and Karpatne, Mitigating Propagation Failures in Physics-informed Neural Networks using
    Retain-Resample-Release (R3) Sampling, ICML 2023.

    Args:
        period: the number of epochs between choices.

    Raises:
        InputError: a period below 1.

    Example: ``R3(period=10)``, given to :func:`rbfnet.solve` in ``callbacks`` as in :class:`Adaptive`.
    """

    def __init__(self, period: int = 1) -> None:
        super().__init__(period)

    def choose(self, fitness: Fitness, points: Sample) -> Sample:
        size = fitness(points)
        retained = points.rows(size > size.mean())
        fresh = points.num_points - retained.num_points
        drawn = fitness.draw(fresh)
        # In a part of the domain a draw may give fewer points; some of the released ones then fill the gap.
        released = points.rows(size <= size.mean())
        x = torch.cat([retained.sites[0], drawn.sites[0], released.sites[0]])[: points.num_points]
        return Sample((x,))
