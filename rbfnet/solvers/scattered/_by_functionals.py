"""Fits to linear functionals of a function: values, derivatives, means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rbfnet.domains import find_sites
from rbfnet.nn import RBFNetwork
from rbfnet.operators import LinearModel, Operator
from rbfnet.solvers.algebra import Interpolation, Moments
from rbfnet.solvers.assembly import Measurement
from rbfnet.solvers.scattered._choose_smoothing import Choice, SomeRows, Spectrum, choose
from rbfnet.solvers.scattered._scattered_values import Scattered

ROUNDING = 4.0
"""Rounding error of the singular values, in units of rounding of the largest one."""

EXACT = 1e3
"""How much more than a value an equation that holds exactly counts, both divided by the size of their rows."""

GAIN, SMOOTH = 0.9, 0.01
"""As for values alone: smoothing must gain this; without numerical definiteness only smooth data are interpolated."""


class Rows:
    """The rows of all measurements, values merged by site, each with the root of its precision.

    Args:
        values: the values. other: the other measurements. precision: of these.
        place: the coordinates of points in which those at the same site coincide.
        means: over the cells whose centres the points of the values are; None if they are values.

    Attributes:
        values: the values; other: the other measurements.
        target: (R, O), divided by the spread of the values. root: (R,), infinite for an equation that holds exactly.
        together: (G, m) each: the rows at the same point, by their number m, without those of known equations.
        measured: the number of rows that are not of known equations; they come first.
    """

    def __init__(
        self,
        values: Scattered,
        other: Sequence[Measurement],
        precision: Sequence[float],
        place: Callable[[Tensor], Tensor] = lambda x: x,
        means: Measurement | None = None,
    ) -> None:
        self.means = means
        self.values, self.other = values, other
        self.target = torch.cat([values.y, *(one.target for one in other)]) / values.spread
        parts = [p * torch.ones_like(one.target[:, 0]) for p, one in zip(precision, other, strict=True)]
        self.root = torch.cat([values.weights, *parts]).sqrt()
        points = [None if o.equation.sample.weights is not None else o.equation.sample.sites[0] for o in other if not o.fresh]
        self.together = _together([None if x is None else place(x) for x in (values.x, *points)])
        self.measured = len(values.y) + sum(len(one.target) for one in other if not one.fresh)

    def features(self, model: LinearModel) -> Float[Tensor, "R U"]:
        """The factors of the coefficients."""
        values = model.features(self.values.x, Operator.identity()) if self.means is None else self.means.features(model)
        return torch.cat([values, *(one.features(model) for one in self.other)])


def _together(points: Sequence[Float[Tensor, "B D"] | None]) -> list[Int[Tensor, "G m"]]:
    """The rows at the same point, by their number; a row without a point, that of an integral, is by itself."""
    given = [part for part in points if part is not None]
    index = find_sites(torch.cat(given)).index
    parts, start, count = [], 0, int(index.max()) + 1
    for part in points:
        if part is None:
            parts.append(index.new_tensor([count]))
            count += 1
        else:
            parts.append(index[start : start + len(part)])
            start += len(part)
    group = torch.cat(parts)
    order, sizes = group.argsort(stable=True), torch.bincount(group)
    ends = sizes.cumsum(dim=0)
    return [torch.stack([order[end - m : end] for end in ends[sizes == m].tolist()]) for m in sizes.unique().tolist() if m]


def _roots(given: Float[Tensor, " R"], features: Float[Tensor, "R U"]) -> Float[Tensor, " R"]:
    """The root of the precision of each row, with a large number for equations that hold exactly."""
    exact, size = torch.isinf(given), features.square().mean(dim=1).sqrt()
    if not exact.any():
        return given
    known = (given * size)[~exact].square().mean().sqrt()
    return torch.where(exact, EXACT * known / torch.where(size > 0, size, 1.0), given)


class ByFunctionals:
    """Minimise sum_i precision_i |y_i - L_i u|^2 + strength w^T K w over weights w with the moment conditions of the tail.

    K is the kernel between the centres. Where these span the functionals L_i of the kernel, this is symmetric Hermite-Birkhoff
    interpolation (strength 0), and the conditional mean of a Gaussian process given L_i u.

    In coordinates in which the penalty is the square of the length, and in the complement of the tail, the rows have the singular
    values sigma; everything is a sum over them, without cancellation at weak penalties.

    Source: Wendland, Scattered Data Approximation (2004), chapter 16; Wahba, Spline Models for Observational Data (1990), section
    1.3 (bounded linear functionals).

    Args:
        model: the model, whose unknowns are the weights and tail of ``network``.
        network: the network inside it.
        rows: the measurements.
    """

    def __init__(self, model: LinearModel, network: RBFNetwork, rows: Rows) -> None:
        self.rows, self.num_centers = rows, network.num_centers
        with torch.no_grad():
            at_centers = network.features(network.centers, Operator.identity())[:, : self.num_centers]
            self.polynomials = network.moments()[: self.num_centers]
            features = rows.features(model)
        self.root = _roots(rows.root, features)
        features = self.root[:, None] * features
        self.between = (at_centers + at_centers.T) / 2
        self.at_centers, self.tail = Moments(self.polynomials), Moments(features[:, self.num_centers :])
        values, vectors = torch.linalg.eigh(self.at_centers.inner(self.between))
        size = values.abs()
        least = torch.finfo(size.dtype).eps * max(len(size), 1) * (float(size.max()) if len(size) else 0.0)
        self.scaled = vectors / size.clamp(min=least or 1.0).sqrt()
        kernel = self.at_centers.columns(features[:, : self.num_centers]) @ self.scaled
        rotated, target = self.tail.rotated(kernel), self.tail.rotated(self.root[:, None] * rows.target)
        terms = self.tail.terms
        self.taken, self.known = rotated[:terms], target[:terms]
        left, self.sizes, self.right = torch.linalg.svd(rotated[terms:], full_matrices=False)
        along = left.T @ target[terms:]
        self.directions = self.tail.weights(left)
        self.whole = whole = left.shape[0] == left.shape[1]
        self.beyond = torch.zeros_like(target) if whole else self.tail.weights(target[terms:] - left @ along)
        self.polynomial = self.tail.polynomial(torch.eye(terms, dtype=left.dtype, device=left.device))
        top = float(self.sizes[0]) if len(self.sizes) else 1.0
        floor = ROUNDING * torch.finfo(left.dtype).eps * top
        self.definite = whole and bool((self.sizes > floor).all())
        within = rows.values.within.sum(dim=0) / rows.values.spread.square()
        measured = rows.values.rows + rows.measured - len(rows.values.y)
        values = self.sizes.clamp(min=floor).square()
        self.spectrum, self.within = Spectrum(values, along, self.beyond.square().sum(dim=0) + within, measured, terms), within
        if rows.measured < len(target):
            self.spectrum = self._of_measured(rows.measured)
        # So weak a penalty that it does what interpolation does, or as much as rounding does.
        self.little = 1e-6 * float(values.min()) if self.definite else float(self.spectrum.strengths()[0])

    def _of_measured(self, count: int) -> Spectrum:
        """The spectrum where the last rows are known equations, which are no data to validate by."""
        here, beyond = self.directions[:count], self.beyond[:count]
        left = 0.0 if self.whole else float((1 - here.square().sum(dim=1) - self.polynomial[:count].square().sum(dim=1)).sum())
        known = self.spectrum
        return SomeRows(known.values, known.along, self.within, known.rows, known.terms, here, beyond, left)

    def choose(self) -> Choice:
        """Whether to smooth, and how strongly."""
        little = torch.full_like(self.within, self.little)
        plain = torch.stack([self.spectrum.missed(little[None])[0], self._mean_square(little)])
        if not self.definite:
            plain = torch.where(plain[1] < SMOOTH**2, plain, torch.inf)
        return choose(self.spectrum, self._mean_square, (plain[0], plain[1]), GAIN)

    def missed(self, strength: float) -> float:
        """The mean square error at points left out, of all rows and outputs, weighted, relative to the spread of the values."""
        return float(self._mean_square(torch.full_like(self.within, strength or self.little)).sum())

    def solve(self, strength: Float[Tensor, " O"]) -> Tensor:
        """The unknowns."""
        squares = self.sizes[:, None].square()
        inner = self.right.T @ (self.sizes[:, None] / (squares + self.used(strength)) * self.spectrum.along)
        return self.unknowns(self.known, inner)

    def unknowns(self, known: Float[Tensor, "T O"], inner: Float[Tensor, "F O"]) -> Float[Tensor, "U O"]:
        """The unknowns from their coordinates: those of the tail with what it takes of the kernels, and those of the kernels."""
        tail = torch.linalg.solve_triangular(self.tail.triangle, known - self.taken @ inner, upper=True)
        found = torch.cat([self.at_centers.weights(self.scaled @ inner), self.tail.directions @ tail])
        return found * self.rows.values.spread

    def coordinates(self, features: Float[Tensor, "B U"]) -> tuple[Float[Tensor, "B T"], Float[Tensor, "B F"]]:
        """Linear functionals in these coordinates."""
        kernel, tail = features.tensor_split([self.num_centers], dim=1)
        along = torch.linalg.solve_triangular(self.tail.triangle.T, (tail @ self.tail.directions).T, upper=False).T
        return along, self.at_centers.columns(kernel) @ self.scaled - along @ self.taken

    def left_out(self, strength: Float[Tensor, " O"]) -> Float[Tensor, "S O"]:
        """The error at each site if all that was measured there is left out; NaN if unknown."""
        found = self._left_out(self.used(strength))[0] / self.root[:, None] * self.rows.values.spread
        return found[: len(self.rows.values.y)]

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
        along, inner = self.coordinates(features)
        seen, length = (inner @ self.right.T).square(), inner.square().sum(dim=1)
        unseen = length - seen.sum(dim=1)
        unseen = unseen.where(unseen > inner.shape[1] * torch.finfo(inner.dtype).eps * length, 0.0)
        between = 0.0 if prior is None else self._at_centers.variance(kernel, tail, prior)
        found = features.new_empty((len(features), len(strength)))
        for o, s in enumerate(self.used(strength).tolist()):
            lost = s / (self.sizes.square() + s)
            unit = s * along.square().sum(dim=1) + seen @ lost + unseen + between
            amplitude = self._left_out(strength.new_full((len(strength),), s))[1][:, o].nanmean() / s
            found[:, o] = amplitude * unit
        return found * self.rows.values.spread.square()

    @cached_property
    def _at_centers(self) -> Interpolation:
        """The kernel between the centres, factored, with as little on its diagonal as rounding requires."""
        smallest = len(self.between) * torch.finfo(self.between.dtype).eps * float(self.between.abs().max())
        for more in (0.0, *(smallest * 10**k for k in range(30))):
            found = Interpolation(self.between, self.polynomials, more)
            if not found.failed:
                break
        return found

    def used(self, strength: Float[Tensor, " O"]) -> Float[Tensor, " O"]:
        """The strength of the penalty; so little instead of zero that it does what interpolation does."""
        return torch.where(strength > 0, strength, self.little)

    def _left_out(self, strength: Float[Tensor, " O"]) -> tuple[Float[Tensor, "R O"], Float[Tensor, "R O"]]:
        """The weighted error of each row if all at its point are left out, NaN if unknown; and its square in units of variance.

        For the rows I at a point it is B_II^-1 r_I with r = B y and B one less the smoother; its variance is that of B_II^-1.
        """
        lost = strength / (self.sizes[:, None].square() + strength)
        residual = self.directions @ (lost * self.spectrum.along) + self.beyond
        missed, normal = torch.full_like(residual, torch.nan), torch.full_like(residual, torch.nan)
        for rows in self.rows.together:
            here = self.directions[rows]
            unexplained = self._unexplained(rows)
            # Rows that alone determine a term of the tail cannot be left out.
            free = torch.linalg.eigvalsh(here @ here.mT + unexplained)[:, 0] > torch.finfo(here.dtype).eps ** 0.5
            rows, here, unexplained = rows[free], here[free], unexplained[free]
            for o in range(len(strength)):
                block = (here * lost[:, o]) @ here.mT + unexplained
                found = torch.linalg.solve(block, residual[rows, o])
                missed[rows, o], normal[rows, o] = found, residual[rows, o] * found
        return missed, normal

    def _unexplained(self, rows: Int[Tensor, "G m"]) -> Float[Tensor, "G m m"]:
        """The block of one less the projection on everything that the model can fit; zero where it can fit all rows."""
        one = torch.eye(rows.shape[1], dtype=self.directions.dtype, device=rows.device).expand(len(rows), -1, -1)
        if self.whole:
            return torch.zeros_like(one)
        here, polynomial = self.directions[rows], self.polynomial[rows]
        return one - here @ here.mT - polynomial @ polynomial.mT

    def _mean_square(self, strength: Float[Tensor, " O"]) -> Float[Tensor, " O"]:
        missed = self._left_out(strength)[0]
        known = ~torch.isnan(missed)
        square = missed.nan_to_num().square().sum(dim=0) * self.rows.measured / known.sum(dim=0) + self.within
        return torch.where(known.any(dim=0), square / self.spectrum.rows, torch.inf)
