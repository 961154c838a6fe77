"""Penalised least squares: fits to data with arbitrary centres."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import RBFNetwork
from rbfnet.operators import LinearModel, Operator
from rbfnet.solvers.algebra import Factored, Interpolation, Moments, determined, triangle
from rbfnet.solvers.scattered._choose_smoothing import Choice, Spectrum, choose
from rbfnet.solvers.scattered._scattered_values import Scattered

SPARE = 0.5
"""Minimum fraction of residual degrees of freedom for a fit without a penalty."""

GAIN = 0.99
"""A penalty is used unless it gains nothing: noise in the left-out values hides part of its benefit."""

LEFT_OUT = 2000
"""Maximum number of rows that are left out, one at a time."""

BLOCK = 1 << 25
"""Number of matrix entries held at a time."""

REFINEMENTS = 2
"""Refinement steps of the solution without a penalty."""


class FewerCenters:
    """Minimise sum_i precision_i |y_i - u(x_i)|^2 + strength w^T K w over weights w with the moment conditions of the tail.

    K is the kernel between the centres: the penalty is that of smoothing splines, which this is where the centres are the sites.
    With the strength 0 it is plain least squares, damped at the level of rounding.

    The rows are read block by block and kept as their triangle R (:func:`triangle`), so that their number does not matter.

    Source: Wood, Thin plate regression splines, J. R. Stat. Soc. B 65 (2003); Hastie, Tibshirani and Friedman, The Elements of
    Statistical Learning (2009), sections 3.4 and 7.10.

    Args:
        model: the model, whose unknowns are the weights and tail of ``network``.
        network: the network inside it.
        data: the data.
        rows: the indices of the sites; all if None. before: the fit to the first of them, which are not read again.
    """

    def __init__(
        self,
        model: LinearModel,
        network: RBFNetwork,
        data: Scattered,
        rows: Tensor | None = None,
        before: FewerCenters | None = None,
    ) -> None:
        self.model, self.data = model, data
        self.rows = torch.arange(len(data.x), device=data.x.device) if rows is None else rows
        self.num_centers = network.num_centers
        with torch.no_grad():
            at_centers = network.features(network.centers, Operator.identity())[:, : self.num_centers]
            self.polynomials = network.moments()[: self.num_centers]
            self.moments = Moments(self.polynomials)
            known = () if before is None else (before.reduced,)
            found = triangle(chain(known, self._blocks(self.rows[0 if before is None else len(before.rows) :])))
        self.reduced: Tensor = found
        self.between = (at_centers + at_centers.T) / 2
        self.inner = self.moments.inner(self.between)
        free, terms = len(self.inner), network.coefficients.shape[0] - self.num_centers
        # Only the part of the tail that the rows determine is kept.
        self.directions = determined(found[:, free : free + terms])
        self.kernel, self.target = found[:, :free], found[:, free + terms :]
        self.tail = found[:, free : free + terms] @ self.directions
        self.within = data.within[self.rows].sum(dim=0) / data.spread.square()
        self.measured = int(data.sites.counts[self.rows].sum())

    def _blocks(self, rows: Tensor) -> Iterator[Float[Tensor, "B C"]]:
        """The kernels for free weights, the tail, and the normalised values, each row times the root of its weight."""
        for chosen in rows.split(max(1, BLOCK // (self.num_centers + 1))):
            features = self.model.features(self.data.x[chosen], Operator.identity())
            kernel, tail = features[:, : self.num_centers], features[:, self.num_centers :]
            block = torch.cat([self.moments.columns(kernel), tail, self.data.y[chosen] / self.data.spread], dim=1)
            yield self.data.weights[chosen].sqrt()[:, None] * block

    def choose(self) -> Choice:
        """Whether to smooth, and how strongly."""
        return choose(self.spectrum, lambda s: self._mean_square(self._penalised_left_out(s)), self.plainly_missed(), GAIN)

    def missed(self, strength: float) -> float:
        """The mean square leave-one-out error of all outputs, relative to their standard deviation; infinite on failure."""
        if not strength and not self.undetermined:
            return float(self.plainly_missed()[1].sum())
        # If plain least squares cannot be validated, the smallest penalty replaces it.
        used = strength or float(self.spectrum.strengths()[0])
        return float(self._mean_square(self._penalised_left_out(torch.full_like(self.within, used))).sum())

    def solve(self, strength: Float[Tensor, " O"]) -> Tensor:
        """The unknowns."""
        unknowns = self.target.new_zeros((self.moments.size + len(self.directions), len(strength)))
        for smooth in (True, False):
            if (chosen := (strength > 0) == smooth).any():
                solution = self._penalised(strength) if smooth else self._plain
                free, tail = (part[:, chosen] for part in solution)
                unknowns[:, chosen] = torch.cat([self.moments.weights(free), self.directions @ tail])
        return unknowns * self.data.spread

    def left_out(self, strength: Float[Tensor, " O"]) -> Float[Tensor, "S O"]:
        """The leave-one-out error of each site, NaN if unknown."""
        missed = self.data.y.new_zeros((len(self._sampled), len(strength)))
        for smooth in (True, False):
            if (chosen := (strength > 0) == smooth).any():
                missed[:, chosen] = (self._penalised_left_out(strength) if smooth else self._plainly_left_out())[:, chosen]
        found = torch.full_like(self.data.y, torch.nan)
        found[self._sampled] = missed / self.data.weights[self._sampled].sqrt()[:, None]
        return found * self.data.spread

    def variance(
        self, features: Float[Tensor, "B U"], prior: Float[Tensor, " B"] | None, strength: Float[Tensor, " O"]
    ) -> Float[Tensor, "B O"]:
        """The posterior variance of linear functionals of the fit: of the weights, and of the function between the centres.

        Args:
            features: each functional of the kernels and of the tail.
            prior: each functional of the kernel in both arguments; None leaves out what is between the centres.
            strength: as in :meth:`solve`.
        """
        kernel, tail = features.tensor_split([self.num_centers], dim=1)
        between = 0.0 if prior is None else self._at_centers.variance(kernel, tail, prior)
        free, known = self.moments.columns(kernel), tail @ self.directions
        found = features.new_empty((len(features), len(strength)))
        for o, s in enumerate(strength.tolist()):
            noise, amplitude = self._scales(o, s, prior is not None)
            if not s and not self.undetermined:
                weights = self.plain.leverages(torch.cat([free, known], dim=1))
            else:
                weights = self._penalised_leverages(free, known, s or float(self.spectrum.strengths()[0]))
            found[:, o] = noise * weights + amplitude * between
        return found * self.data.spread.square()

    def _scales(self, output: int, strength: float, between: bool) -> tuple[float, float]:
        """The variances of errors and kernel, in normalised values, that make left-out errors as large as their deviations."""
        kernel, tail, _ = self._sample
        if not strength and not self.undetermined:
            free, known = self._plain
            left = (self.target - self.kernel @ free - self.tail @ known)[:, output]
            noise = float(left.square().sum() + self.within[output]) / (self.measured - self.plain.rank())
            amplitude = float((free[:, output] @ self.inner @ free[:, output]).abs()) / max(1, len(free))
            missed, leverages = self._plainly_left_out(), self.plain.leverages(torch.cat([kernel, tail], dim=1))
        else:
            noise, amplitude = strength or float(self.spectrum.strengths()[0]), 1.0
            missed = self._penalised_left_out(torch.full_like(self.within, noise))
            leverages = self._penalised_leverages(kernel, tail, noise)
        expected = noise / (1 - leverages) + (amplitude * self._left_between if between else 0.0)
        # All together, unlike for interpolation: at centres, where no variance is expected, errors would outweigh all others.
        square = missed[:, output].square()
        scale = float(square.nansum() / expected[~torch.isnan(square)].sum())
        return scale * noise, scale * amplitude

    @cached_property
    def _left_between(self) -> Tensor:
        """At the sites left out, the variance of the function between the centres, for amplitude 1, times the weights."""
        features = self.model.features(self.data.x[self._sampled], Operator.identity())
        prior = self.between[0, 0].expand(len(features))
        found = self._at_centers.variance(features[:, : self.num_centers], features[:, self.num_centers :], prior)
        return self.data.weights[self._sampled] * found

    @cached_property
    def _at_centers(self) -> Interpolation:
        """The kernel between the centres, factored, with as little on its diagonal as rounding requires."""
        smallest = len(self.between) * torch.finfo(self.between.dtype).eps * float(self.between.abs().max())
        for more in (0.0, *(smallest * 10**k for k in range(30))):
            found = Interpolation(self.between, self.polynomials, more)
            if not found.failed:
                break
        return found

    # Without a penalty.

    @cached_property
    def plain(self) -> Factored:
        return Factored(torch.cat([self.kernel, self.tail], dim=1))

    @cached_property
    def undetermined(self) -> bool:
        """Whether a fit without a penalty would leave no residual degrees of freedom."""
        self.plain.solve(self.target)
        return self.plain.wide or self.measured - self.plain.rank() < SPARE * self.measured

    @property
    def _plain(self) -> tuple[Tensor, Tensor]:
        found = self.plain.solve(self.target, refinements=REFINEMENTS)
        return found[: self.kernel.shape[1]], found[self.kernel.shape[1] :]

    def plainly_missed(self) -> tuple[Float[Tensor, " O"], Float[Tensor, " O"]]:
        """Generalised and ordinary cross-validation errors without a penalty; infinite if there are too few rows."""
        if self.undetermined:
            return (nothing := torch.full_like(self.within, torch.inf)), nothing
        left = self.measured - self.plain.rank()
        whole = torch.cat([self.kernel, self.tail], dim=1)
        square = (self.target - whole @ self.plain.solve(self.target)).square().sum(dim=0) + self.within
        return self.measured * square / left**2, self._mean_square(self._plainly_left_out())

    def _plainly_left_out(self) -> Float[Tensor, "B O"]:
        """The same for plain least squares."""
        kernel, tail, target = self._sample
        if self.plain.wide:
            return torch.full_like(target, torch.nan)
        columns = torch.cat([kernel, tail], dim=1)
        # Refined solutions fit rows of leverage one to rounding, so that their leave-one-out errors are lost.
        residual = target - columns @ self.plain.solve(self.target)
        return _left_out(residual, 1 - self.plain.leverages(columns))

    # With one.

    @cached_property
    def _native(self) -> tuple[Tensor, ...]:
        """Weights for which the penalty is the square of their length, and the rows for them without what the tail takes."""
        values, vectors = torch.linalg.eigh(self.inner)
        rounding = torch.finfo(values.dtype).eps * max(len(values), 1)
        # A kernel that is not definite is penalised by its size; one that is nothing at all not less than any other.
        size = values.abs()
        largest = float(size.max()) if len(size) else 0.0
        scaled = vectors / size.clamp(min=rounding * largest or 1.0).sqrt()
        basis, corner = torch.linalg.qr(self.tail)
        rows = self.kernel @ scaled
        taken, known = basis.T @ rows, basis.T @ self.target
        left, values, right = torch.linalg.svd(rows - basis @ taken, full_matrices=False)
        return scaled, corner, taken, known, left, values, right

    @cached_property
    def spectrum(self) -> Spectrum:
        _, corner, _, known, left, values, _ = self._native
        along = left.T @ self.target
        beyond = self.target.square().sum(dim=0) - known.square().sum(dim=0) - along.square().sum(dim=0)
        rounding = torch.finfo(values.dtype).eps * self.target.square().sum(dim=0)
        beyond = torch.where(beyond > rounding, beyond, 0.0) + self.within
        return Spectrum(values.square(), along, beyond, self.measured, len(corner))

    def _penalised(self, strength: Float[Tensor, " O"]) -> tuple[Tensor, Tensor]:
        """Free weights and coefficients of the tail."""
        scaled, corner, taken, known, left, values, right = self._native
        inner = right.T @ (values[:, None] / (values.square()[:, None] + strength) * (left.T @ self.target))
        return scaled @ inner, torch.linalg.solve_triangular(corner, known - taken @ inner, upper=True)

    def _penalised_left_out(self, strength: Float[Tensor, " O"]) -> Float[Tensor, "B O"]:
        """Leave-one-out errors, relative to the standard deviation and times the root of the weights."""
        kernel, tail, target = self._sample
        weights, coefficients = self._penalised(strength)
        residual = target - kernel @ weights - tail @ coefficients
        along, inner = self._native_rows(kernel, tail)
        kept = 1 / (self._native[5].square()[:, None] + strength)
        return _left_out(residual, (1 - along.square().sum(dim=1))[:, None] - (inner @ self._native[6].T).square() @ kept)

    def _penalised_leverages(self, kernel: Float[Tensor, "B F"], tail: Float[Tensor, "B K"], strength: float) -> Tensor:
        """The posterior variance of rows, for errors of variance one; beyond the rows of the data that of the prior."""
        along, inner = self._native_rows(kernel, tail)
        seen = (inner @ self._native[6].T).square()
        length = inner.square().sum(dim=1)
        unseen = length - seen.sum(dim=1)
        # What is left of rows that the data do determine is rounding, and would be divided by a small number.
        unseen = unseen.where(unseen > inner.shape[1] * torch.finfo(inner.dtype).eps * length, 0.0)
        return along.square().sum(dim=1) + seen @ (1 / (self._native[5].square() + strength)) + unseen / strength

    def _native_rows(self, kernel: Float[Tensor, "B F"], tail: Float[Tensor, "B K"]) -> tuple[Tensor, Tensor]:
        """Rows in the coordinates of ``_native``: those of the tail, and those of the weights without what the tail takes."""
        scaled, corner, taken, *_ = self._native
        along = torch.linalg.solve_triangular(corner.T, tail.T, upper=False).T
        return along, kernel @ scaled - along @ taken

    @cached_property
    def _sampled(self) -> Tensor:
        """The sites that are left out."""
        if len(self.rows) <= LEFT_OUT:
            return self.rows
        return self.rows[torch.linspace(0, len(self.rows) - 1, LEFT_OUT).round().long()]

    @cached_property
    def _sample(self) -> tuple[Tensor, Tensor, Tensor]:
        """Kernel, tail and target in the rows that are left out."""
        free, terms = self.kernel.shape[1], len(self.directions)
        with torch.no_grad():
            rows = torch.cat(list(self._blocks(self._sampled)))
        return rows[:, :free], rows[:, free : free + terms] @ self.directions, rows[:, free + terms :]

    def _mean_square(self, missed: Float[Tensor, "B O"]) -> Float[Tensor, " O"]:
        """Over all rows, those at the same site apart from each other as far as they are."""
        known = ~torch.isnan(missed)
        share = known.sum(dim=0) / len(self.rows)
        square = (missed.nan_to_num().square().sum(dim=0) / share + self.within) / self.measured
        return torch.where(share > 0, square, torch.inf)


def _left_out(residual: Float[Tensor, "B O"], left: Float[Tensor, "B ..."]) -> Float[Tensor, "B O"]:
    """residual / (1 - leverage); NaN for rows that alone determine an unknown."""
    left = left if left.ndim == 2 else left[:, None]
    return (residual / left).masked_fill(left < torch.finfo(residual.dtype).eps ** 0.5, torch.nan)
