"""Periodic: each periodic dimension wound round a circle."""

from __future__ import annotations

from collections.abc import Sequence

from rbfnet.nn.wrappers._embedding import Embedding


class Periodic(Embedding):
    """x_i -> (R cos(x_i / R), R sin(x_i / R)) with R = period / (2 pi), (..., D) -> (..., E).

    A function of these coordinates is periodic together with all its derivatives. The circle is as long as the
    period, so that distances between near points stay what they are, and with them what a shape parameter means. Dimensions
    without a period pass as they are. E is D plus the number of periods.

    Example: periodic in x from -1 to 1, not in t. The centres are placed in (x, t) and wound round with it::

        space = Periodic([2.0, None], low=[-1.0, 0.0])
        centers = initializers.halton(torch.tensor([[-1.0, 0.0], [1.0, 1.0]]), 200)
        model = CoordinateMap(RBFNetwork(space.out_features, 1, None, "gaussian", centers=space(centers)), space)
        model(torch.tensor([[-1.0, 0.3], [1.0, 0.3]]))    # twice the same
        model.centers                                     # (200, 2), where they were placed

    Centres that are trained may leave the circle, which makes their kernels wider (from outside) or narrower.

    Args:
        periods: for each dimension its period, or None.
        low: for each dimension where the period starts that :meth:`inverse` shows, zero by default.

    Raises:
        InputError: no dimension, a period that is not positive, or a ``low`` that does not fit.

    Equivalent: the periodic kernel of Gaussian processes (MacKay, 1998) is the Gaussian of these coordinates.
    """

    def __init__(self, periods: Sequence[float | None], low: Sequence[float] | None = None) -> None:
        super().__init__(periods, low)
