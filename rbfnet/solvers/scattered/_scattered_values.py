"""Scattered data merged by site, the input of interpolation, smoothing and least squares."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Sites
from rbfnet.errors import InputError
from rbfnet.solvers.assembly import Values

Smoothing = float | str | Tensor
"""Non-negative: a number, one per row (N,), or ``"auto"``."""


@dataclass(frozen=True)
class Scattered:
    """The mean value at each site, and its weight.

    Attributes:
        sites: the sites of the rows.
        values: (N, O), the given values minus the offset of the model.
        x: (S, D). y: (S, O), the weighted means.
        precision: (S,), relative to those of the other sites; infinite where values are exact.
        within: (S, O), the weighted sum of squares of the values about the mean of their site.
        spread: (O,), the standard deviation of the values, or their size where they are all the same.
    """

    sites: Sites
    values: Float[Tensor, "N O"]
    x: Float[Tensor, "S D"]
    y: Float[Tensor, "S O"]
    precision: Float[Tensor, " S"]
    within: Float[Tensor, "S O"]
    spread: Float[Tensor, " O"]

    @property
    def rows(self) -> int:
        """N."""
        return len(self.values)

    @property
    def weights(self) -> Float[Tensor, " S"]:
        """The precision, with a large number for exact values."""
        return self.precision.clamp(max=1e8 * float(self.precision.min().clamp(max=1.0)))

    def by_row(self, missed: Float[Tensor, "S O"]) -> Float[Tensor, "N O"]:
        """The error of each row, from the error of each mean."""
        return (self.values - self.y[self.sites.index]) + missed[self.sites.index]


def scattered(
    values: Values, sites: Sites | None, smoothing: Smoothing = 0.0, weights: Float[Tensor, " N"] | None = None
) -> Scattered:
    """Merge rows at the same site into their mean.

    Args:
        values: the rows.
        sites: where they lie; each row by itself if None.
        smoothing: a tensor of one for each row is the variance of its error, relative to those of the other rows.
        weights: the inverse of that variance, which multiplies it; None if all are equal.

    Raises:
        InputError: the length of the smoothing differs from the number of rows.
    """
    y, device = values.target, values.x.device
    if sites is None or len(sites.index) != len(y):
        sites = Sites(values.x, torch.arange(len(y), device=device))
    if isinstance(smoothing, Tensor) and len(smoothing) != len(y):
        raise InputError(f"smoothing has {len(smoothing)} values for {len(y)} rows; give one per row.")
    weight = 1 / smoothing.to(y) if isinstance(smoothing, Tensor) else torch.ones_like(y[:, 0])
    weight = weight if weights is None else weight * weights.to(y)
    precision = sites.total(weight[:, None])[:, 0]
    # An exact value overrides others at its site.
    weight = torch.where(torch.isinf(precision)[sites.index], torch.isinf(weight).to(y), weight)[:, None]
    mean = sites.total(weight * y) / sites.total(weight)
    # Deviations from the mean are rounded less than the values, so the mean is computed twice.
    mean = mean + sites.total(weight * (y - mean[sites.index])) / sites.total(weight)
    within = sites.total(weight * (y - mean[sites.index]).square())
    spread = y.std(dim=0, correction=0)
    size = y.square().mean(dim=0).sqrt()
    rounding = 10 * torch.finfo(y.dtype).eps * size
    spread = torch.where(spread > rounding, spread, torch.where(size > 0, size, 1.0))
    return Scattered(sites, y, sites.x.to(values.x), mean, precision, within, spread)
