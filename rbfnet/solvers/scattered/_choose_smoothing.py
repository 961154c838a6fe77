"""Choose the amount of smoothing by cross-validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

CAUTION = 1.2
"""Factor on the degrees of freedom while the strength is chosen: plain generalised cross-validation overfits the noise in a
few per cent of samples."""

FEW = 4
"""With fewer values beyond the terms of the tail, noise cannot be distinguished from signal."""

STEPS = 8
"""Number of strengths compared per decade."""


@dataclass(frozen=True)
class Spectrum:
    """A penalised fit for every strength s of its penalty: of the values along direction k it keeps d_k / (d_k + s).

    Attributes:
        values: d, positive.
        along: the values along each direction.
        beyond: the square of what of the values lies along none of them, and outside of the tail.
        rows: how many values there are.
        terms: so many directions more, of a tail, are kept whatever the strength.
    """

    values: Float[Tensor, " K"]
    along: Float[Tensor, "K O"]
    beyond: Float[Tensor, " O"]
    rows: int
    terms: int

    def missed(self, strength: Float[Tensor, "L ..."], caution: float = 1.0) -> Float[Tensor, "L O"]:
        """The mean square error predicted by generalised cross-validation: rows |y - u|^2 / (rows - tr H)^2.

        Infinite if there are no more rows than ``caution`` times the degrees of freedom.

        Source: Wahba, Spline Models for Observational Data (1990), chapter 4; Lukas, J. Stat. Plan. Inference 136 (2006), and
        Kim and Gu, J. R. Stat. Soc. B 66 (2004), for caution.
        """
        # (L, K, O or 1): about a hundred strengths and some hundreds of directions.
        lost = strength[:, None] / (self.values[:, None] + strength[:, None])
        left = self.rows - self.terms - len(self.values) + (lost - (caution - 1) * (1 - lost)).sum(dim=1)
        square = self.rows * ((lost * self.along).square().sum(dim=1) + self.beyond)
        return torch.where(left > 0, square / left.square(), torch.inf)

    def strengths(self) -> Float[Tensor, " L"]:
        """The range of strengths: from the rounding level to where only the tail remains."""
        if not len(self.values):
            return self.values.new_ones(1)
        top = float(self.values.max().log10())
        lowest = torch.finfo(self.values.dtype).eps * len(self.values)
        decades = 3 - float(torch.tensor(lowest).log10())
        return torch.logspace(top + 3 - decades, top + 3, int(STEPS * decades) + 1, dtype=self.values.dtype).to(self.values)


@dataclass(frozen=True)
class SomeRows(Spectrum):
    """A fit to values and other rows that are known, such as equations: cross-validation is over the values alone.

    Attributes:
        beyond: the sum of squares of repeated values about their mean.
        directions: the rows of the values in each direction.
        rest: what of each value is along none of the directions.
        left: the sum over the values of the part of each that nothing can fit.
    """

    directions: Float[Tensor, "N K"]
    rest: Float[Tensor, "N O"]
    left: float

    def missed(self, strength: Float[Tensor, "L ..."], caution: float = 1.0) -> Float[Tensor, "L O"]:
        lost = strength[:, None] / (self.values[:, None] + strength[:, None])
        residual = self.directions @ (lost * self.along) + self.rest
        freedom = len(self.directions) - self.left - (self.directions.square() @ lost).sum(dim=1)
        left = self.rows - caution * freedom
        square = self.rows * (residual.square().sum(dim=1) + self.beyond)
        return torch.where(left > 0, square / left.square(), torch.inf)


def pooled(spectra: Sequence[Spectrum]) -> Spectrum:
    """Several fits to different values, all with the same strength, as one."""
    return Spectrum(
        torch.cat([s.values for s in spectra]),
        torch.cat([s.along for s in spectra]),
        torch.stack([s.beyond for s in spectra]).sum(dim=0),
        sum(s.rows for s in spectra),
        sum(s.terms for s in spectra),
    )


@dataclass(frozen=True)
class Choice:
    """Whether to smooth, and how strongly, for each output.

    Attributes:
        strength: zero for none.
        missed, plain: the mean square that is missed at points left out, with what was chosen and without smoothing, by the
            kind of cross-validation that spoke for the choice; infinite where it cannot tell.
        enough: whether there were values enough to choose by.
        score: what widths of kernels are compared by: what ordinary cross-validation finds for what was chosen.
    """

    strength: Float[Tensor, " O"]
    missed: Float[Tensor, " O"]
    plain: Float[Tensor, " O"]
    score: Float[Tensor, " O"]
    enough: bool


def choose(
    spectrum: Spectrum,
    left_out: Callable[[Float[Tensor, " O"]], Float[Tensor, " O"]],
    plain: tuple[Float[Tensor, " O"], Float[Tensor, " O"]],
    gain: float,
) -> Choice:
    """Whether to smooth, and how strongly, for each output by itself.

    The strength is the least of generalised cross-validation, with caution. It is taken unless both generalised and ordinary
    cross-validation find that little is gained by it: each alone is deceived now and then, by noise that fits together or
    by points that nearly coincide.

    Args:
        spectrum: of the smoothing fits.
        left_out: the mean square by which points are missed when they are left out, for strengths, one for each output.
        plain: what generalised and ordinary cross-validation find without smoothing.
        gain: smoothing is taken where it lowers what is missed to this part, or less.
    """
    trial = spectrum.strengths()
    expected = spectrum.missed(trial[:, None], CAUTION)
    best = trial[expected.argmin(dim=0)]
    # (2, O): by generalised and by ordinary cross-validation.
    smoothed, unsmoothed = torch.stack([spectrum.missed(best[None])[0], left_out(best)]), torch.stack(plain)
    ratio = torch.where(torch.isfinite(unsmoothed), unsmoothed / smoothed, torch.inf).nan_to_num(nan=1.0, posinf=torch.inf)
    speaks = ratio.argmax(dim=0, keepdim=True)
    taken = torch.isfinite(expected.amin(dim=0)) & (ratio.amax(dim=0) > gain**-2)
    enough = spectrum.rows - spectrum.terms >= FEW
    if not enough:
        taken &= torch.isinf(unsmoothed).all(dim=0)
    return Choice(
        torch.where(taken, best, 0.0),
        torch.where(taken, smoothed.gather(0, speaks)[0], unsmoothed[1]),
        torch.where(taken, unsmoothed.gather(0, speaks)[0], unsmoothed[1]),
        torch.where(taken, smoothed[1], unsmoothed[1]),
        enough,
    )
