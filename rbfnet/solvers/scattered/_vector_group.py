"""The fit of the components of a vector field, which share their coefficients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rbfnet.nn.wrappers import MatrixKernel
from rbfnet.operators import LinearModel, Operator
from rbfnet.solvers.algebra import Factored, Interpolation
from rbfnet.solvers.scattered._choose_smoothing import Choice, choose, pooled
from rbfnet.solvers.scattered._scattered_values import Scattered
from rbfnet.solvers.scattered._smoothed import Rows, Smoothed

WHOLE = 400
"""Maximum number of sites for which the choice of an interpolant uses all of them."""

PATCHES, SIZE = 6, 200
"""Above, it uses this many patches of this many neighbouring sites, because a spectrum has cubic cost."""

GAIN = 0.95
"""Smoothing is used if it reduces the error to this fraction."""

SMOOTH = 0.01
"""Kernels that are not numerically definite interpolate data with a smaller leave-one-out error, that is, smooth data."""

SPARE = 0.5
"""Minimum fraction of residual degrees of freedom for a fit without a penalty."""

LEFT_OUT = 500
"""Number of sites left out, one at a time, of an interpolant with more than twice as many."""


class VectorGroup:
    """The fit of some outputs, which share their coefficients with each other alone."""

    def __init__(
        self, model: LinearModel, field: MatrixKernel, data: Scattered, rows: Tensor, outputs: Sequence[int], interpolates: bool
    ) -> None:
        self.model, self.field, self.data, self.rows, self.outputs = model, field, data, rows, tuple(outputs)
        self.interpolates = interpolates
        self._known: dict[float, tuple[Interpolation, bool]] = {}
        self._amplitudes: dict[float, float] = {}
        self.scale = float(data.spread[list(outputs)].square().mean().sqrt())

    def matrix(self, model: LinearModel, x: Float[Tensor, "B D"]) -> Float[Tensor, "dB dN"]:
        """The values at points, component by component, of the basis functions of the group."""
        with torch.no_grad():
            found = [model.columns(x, {o: Operator.identity()}) for o in self.outputs]
            return torch.cat([torch.cat([part[k] for k in self.outputs], dim=1) for part in found])

    @cached_property
    def between(self) -> Float[Tensor, "dN dN"]:
        """The kernel between the centres."""
        kernel = self.matrix(self.field, self.field.centers)
        return (kernel + kernel.T) / 2

    @property
    def sign(self) -> float:
        """That of the kernel, which is that of its value at zero."""
        return 1.0 if float(self.between[0, 0]) >= 0 else -1.0

    def stacked(self, per_site: Float[Tensor, "S ..."], rows: Tensor | None = None) -> Float[Tensor, " dR"]:
        """Values at the sites, component by component."""
        chosen = per_site[self.rows if rows is None else rows]
        return chosen[:, list(self.outputs)].T.reshape(-1) if chosen.ndim == 2 else chosen.repeat(len(self.outputs))

    # The choice.

    @cached_property
    def fits(self) -> list[Smoothed]:
        """The fit for every strength: of all sites, or of patches."""
        if not self.interpolates:
            matrix = self.matrix(self.model, self.data.x[self.rows])
            return [Smoothed.elsewhere(self.sign * self.between, self.sign * matrix, self._rows(self.rows))]
        if len(self.rows) <= WHOLE:
            return [self._patch(self.rows)]
        from scipy.spatial import cKDTree

        places = self.data.x.detach().cpu().double().numpy()
        middles = places[torch.linspace(0, len(places) - 1, PATCHES).round().long()]
        _, near = cKDTree(places).query(middles, k=SIZE)
        return [self._patch(torch.from_numpy(rows).sort().values) for rows in near]

    def _patch(self, rows: Tensor) -> Smoothed:
        columns = torch.cat([rows + k * len(self.data.x) for k in range(len(self.outputs))])
        return Smoothed.at_centers(self.sign * self.between[columns[:, None], columns], self._rows(rows))

    def _rows(self, rows: Tensor) -> Rows:
        return Rows(
            self.stacked(self.data.y, rows) / self.scale,
            self.stacked(self.data.weights, rows).sqrt(),
            float(self.data.within[rows][:, list(self.outputs)].sum()) / self.scale**2,
            len(self.outputs) * int(self.data.sites.counts[rows].sum()),
            len(self.outputs),
        )

    def choose(self) -> Choice:
        """Whether to smooth, and how strongly: a choice for one output."""
        spectrum = pooled([fit.spectrum for fit in self.fits])

        def left_out(strength: Tensor) -> Tensor:
            return spectrum.beyond.new_tensor([self.missed(float(strength))])

        little = torch.tensor([max(fit.little for fit in self.fits)]).to(spectrum.values)
        if self.interpolates:
            plain = spectrum.missed(little[None])[0], left_out(little)
            if not all(fit.definite for fit in self.fits) and float(plain[1]) >= SMOOTH**2:
                plain = torch.full_like(little, torch.inf), torch.full_like(little, torch.inf)
        elif len(spectrum.values) > (1 - SPARE) * spectrum.rows:
            plain = torch.full_like(little, torch.inf), torch.full_like(little, torch.inf)
        else:
            plain = spectrum.missed(torch.zeros_like(little)[None])[0], left_out(torch.zeros_like(little))
        return choose(spectrum, left_out, plain, GAIN)

    def missed(self, strength: float) -> float:
        """The mean square leave-one-out error of an output, relative to the standard deviation."""
        if not strength and self.interpolates:
            strength = max(fit.little for fit in self.fits)
        total, values = 0.0, 0
        for fit in self.fits:
            found = fit.left_out(strength).square()
            known = ~torch.isnan(found)
            if not known.any():
                return math.inf
            # Sites that cannot be left out are assigned the mean error of the others.
            total += float(found[known].mean()) * found.numel() + fit.rows.within
            values += fit.rows.measured
        return total / values

    # The fit.

    def solve(self, strength: float) -> Float[Tensor, "N d"]:
        """The coefficients of the group."""
        target = self.stacked(self.data.y)
        if self.interpolates:
            factors, definite = self._factored(strength)
            weights = factors.solve(target[:, None])[:, 0] if strength or definite else None
        else:
            weights = self.sign * self.scale * self.fits[0].weights(strength) if strength else None
        if weights is None:
            root = self.stacked(self.data.weights).sqrt()
            matrix = self.between if self.interpolates else self.matrix(self.model, self.data.x[self.rows])
            weights = Factored(root[:, None] * matrix).solve((root * target)[:, None], refinements=2)[:, 0]
        return weights.reshape(len(self.outputs), -1).T

    def left_out(self, strength: float) -> tuple[Tensor, Float[Tensor, "R d"]]:
        """The leave-one-out errors at some of the sites, and which these are."""
        if not self.interpolates or (len(self.rows) <= WHOLE and not strength and not self.fits[0].definite):
            fit = self.fits[0]
            found = fit.left_out(strength or (fit.little if self.interpolates else 0.0))
            return self.rows, self.scale * found / self.data.weights[self.rows].sqrt()[:, None]
        some, (blocks, weights) = self._some, self._blocks(strength, self._some)
        return some, self._factored(strength)[0].sign * torch.linalg.solve(blocks, weights)

    def _blocks(self, strength: float, some: Int[Tensor, " R"]) -> tuple[Float[Tensor, "R d d"], Float[Tensor, "R d"]]:
        """The blocks B_ii of some sites, and B y there."""
        sites, d = len(self.data.x), len(self.outputs)
        factors, _ = self._factored(strength)
        chosen = torch.cat([some + k * sites for k in range(d)])
        weights = factors.solve(self.stacked(self.data.y)[:, None])[: d * sites, 0][chosen].reshape(d, -1).T
        unit = torch.zeros((d * sites, len(chosen)), dtype=weights.dtype, device=weights.device)
        unit[chosen, torch.arange(len(chosen))] = 1.0
        half = torch.linalg.solve_triangular(factors.cholesky, unit, upper=False).reshape(d * sites, d, -1)
        return torch.einsum("nis,njs->sij", half, half), weights

    @property
    def _some(self) -> Int[Tensor, " R"]:
        """The sites that are left out, one at a time."""
        sites = len(self.data.x)
        return torch.arange(sites) if sites < 2 * LEFT_OUT else torch.linspace(0, sites - 1, LEFT_OUT).round().long()

    # The posterior variance.

    def variance(
        self, features: Float[Tensor, "B dN"], prior: Float[Tensor, " B"] | None, strength: float
    ) -> Float[Tensor, " B"]:
        """That of linear functionals; the amplitude makes left-out errors as large as their standard deviations."""
        tail = features[:, :0]
        if self.interpolates:
            assert prior is not None  # the kernel is symmetric
            return self._amplitude(strength) * self._factored(strength)[0].variance(features, tail, prior)
        between = 0.0 if prior is None else self._between.variance(features, tail, prior)
        noise, amplitude = self._scales(strength, prior is not None)
        return noise * self.fits[0].variance(features, strength or self.fits[0].little) + amplitude * between

    def _amplitude(self, strength: float) -> float:
        """The mean of the squares of left-out errors in units of their covariance, per component."""
        if strength not in self._amplitudes:
            blocks, weights = self._blocks(strength, self._some)
            self._amplitudes[strength] = float((weights * torch.linalg.solve(blocks, weights)).mean())
        return self._amplitudes[strength]

    def _scales(self, strength: float, between: bool) -> tuple[float, float]:
        """What the unit variances of the weights, and of the field between the centres, are multiplied by."""
        fit = self.fits[0]
        used, noise, amplitude = strength or fit.little, 1.0, 1.0
        if not strength and not fit.complete:
            # Without a penalty the residual says how large the errors are, and the weights how large the field is.
            weights = fit.weights(used)
            free = fit.rows.measured - fit.left.shape[1]
            noise = float(fit.beyond.square().sum() + fit.rows.within) / (free * used)
            amplitude = float((weights @ self.between @ weights).abs()) / len(weights)
        missed, expected = fit.left_out(used).square(), noise * fit.left_out_variance(used)
        if between:
            matrix = self.matrix(self.model, self.data.x[self.rows])
            # That of a component is the same everywhere.
            prior = self.between.diagonal()[:: len(self.between) // len(self.outputs)].repeat_interleave(len(self.rows))
            left = self._between.variance(matrix, matrix[:, :0], prior) * fit.rows.root.square()
            expected = expected + amplitude * left.reshape(len(self.outputs), -1).T
        known = ~torch.isnan(missed)
        # All together, as for scalars: at centres, where no variance is expected, errors would outweigh all others.
        size = self.scale**2 * float(missed[known].sum() / expected[known].sum())
        return size * noise, size * amplitude

    @cached_property
    def _between(self) -> Interpolation:
        """The kernel between the centres, factored, with as little on its diagonal as rounding requires."""
        return self._with_ridge(0.0, torch.ones_like(self.between[0]))[0]

    def _factored(self, strength: float) -> tuple[Interpolation, bool]:
        """The system with this strength, or with more if rounding requires it, and whether it did not."""
        if strength not in self._known:
            self._known[strength] = self._with_ridge(strength, self.stacked(self.data.precision))
        return self._known[strength]

    def _with_ridge(self, strength: float, precision: Float[Tensor, " dN"]) -> tuple[Interpolation, bool]:
        kernel = self.between
        smallest = len(kernel) * torch.finfo(kernel.dtype).eps * float(kernel.abs().max())
        for more in (0.0, *(smallest * 10**k for k in range(30))):
            total = strength + more
            found = Interpolation(kernel, kernel[:, :0], total / precision if total else 0.0)
            if not found.failed:
                break
        return found, not more
