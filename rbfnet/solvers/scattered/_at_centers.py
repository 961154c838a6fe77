"""Interpolation and smoothing splines: fits to data with the sites as centres."""

from __future__ import annotations

import copy
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator
from rbfnet.solvers.algebra import Interpolation, Moments
from rbfnet.solvers.scattered._choose_smoothing import Choice, Spectrum, choose, pooled
from rbfnet.solvers.scattered._scattered_values import Scattered

WHOLE = 600
"""Maximum number of sites for which the choice uses all of them."""

PATCHES, SIZE = 6, 300
"""Above, it uses this many patches of this many neighbouring sites, because a spectrum has cubic cost."""

ROUNDING = 4.0
"""Rounding error of the eigenvalues, in units of rounding of the largest one."""

GAIN = 0.9
"""Values are interpolated unless smoothing reduces the error to this fraction."""

SMOOTH = 0.01
"""Kernels that are not numerically definite interpolate data with a smaller leave-one-out error, that is, smooth data."""

LEFT_OUT = 1000
"""Number of sites left out, one at a time, if there are at least twice as many."""


class AtCenters:
    """Minimise sum_i precision_i |y_i - u(c_i)|^2 + strength w^T K w over weights w with the moment conditions of the tail.

    With the strength 0 this is interpolation.

    Args:
        network: whose centres are the sites of the data.
        data: the data.
    """

    def __init__(self, network: RBFNetwork, data: Scattered) -> None:
        self.network, self.data = network, data
        self._known: dict[float, tuple[Interpolation, float]] = {}
        self._amplitudes: dict[float, Tensor] = {}
        sites = len(data.x)
        # The sites that are left out.
        self._sampled = torch.arange(sites) if sites < 2 * LEFT_OUT else torch.linspace(0, sites - 1, LEFT_OUT).round().long()

    def grown(self, network: RBFNetwork, data: Scattered, strength: Float[Tensor, " O"]) -> AtCenters | None:
        """The fit with further sites, without another factorisation; None if that is impossible.

        Args:
            network, data: the former ones, with the further centres and sites at the end. strength: as in :meth:`solve`.
        """
        old, found = len(self.data.x), AtCenters(network, data)
        with torch.no_grad():
            features = network.features(network.centers[old:], Operator.identity())
        if not torch.isfinite(features).all():
            return None
        kernel, tail = features.tensor_split([network.num_centers], dim=1)
        for s in strength.unique().tolist():
            factors, more = self._factored(s)
            factors.leave_one_out(self.data.y, self._sampled)
            grown = None if more else factors.grown(kernel, tail, s / data.precision[old:] if s else 0.0)
            if grown is None or grown.failed:
                return None
            found._known[s] = grown, more
        found._sampled = torch.cat([self._sampled, torch.arange(old, len(data.x))])
        return found

    def choose(self) -> Choice:
        """Whether to smooth, and how strongly."""
        patches = self._patches()
        spectrum = pooled([patch.spectrum for patch in patches])

        def left_out(strength: Tensor) -> Tensor:
            return torch.stack([patch.left_out(strength) for patch in patches]).sum(dim=0) / spectrum.rows

        little = _little(patches).expand(len(self.data.spread))
        plain = torch.stack([spectrum.missed(little[None])[0], left_out(little)])
        if not all(patch.definite for patch in patches):
            plain = torch.where(plain[1] < SMOOTH**2, plain, torch.inf)
        return choose(spectrum, left_out, (plain[0], plain[1]), GAIN)

    def missed(self, strength: float) -> float:
        """The mean square leave-one-out error of all outputs, relative to their standard deviation."""
        patches = self._patches()
        used = torch.full_like(self.data.spread, strength) if strength else _little(patches).expand(len(self.data.spread))
        squares = torch.stack([patch.left_out(used) for patch in patches])
        return float(squares.sum() / sum(patch.spectrum.rows for patch in patches))

    def solve(self, strength: Float[Tensor, " O"]) -> Tensor | None:
        """The unknowns; None if values are to be interpolated and the kernels are not numerically definite."""
        unknowns = self.data.y.new_zeros((self.network.coefficients.shape[0], len(strength)))
        for s in strength.unique().tolist():
            factors, more = self._factored(s)
            if more and not s:
                return None
            unknowns[:, strength == s] = factors.solve(self.data.y[:, strength == s])
        return unknowns

    def variance(
        self, features: Float[Tensor, "B U"], prior: Float[Tensor, " B"] | None, strength: Float[Tensor, " O"]
    ) -> Float[Tensor, "B O"]:
        """The posterior variance of linear functionals of the fit.

        Args:
            features: each functional of the kernels and of the tail.
            prior: each functional of the kernel in both arguments.
            strength: as in :meth:`solve`.
        """
        assert prior is not None  # the kernel is symmetric
        kernel, tail = features.tensor_split([self.network.num_centers], dim=1)
        found = features.new_empty((len(features), len(strength)))
        for s in strength.unique().tolist():
            if s not in self._amplitudes:
                self._amplitudes[s] = self._factored(s)[0].amplitude(self.data.y, self._sampled)
            unit = self._factored(s)[0].variance(kernel, tail, prior)
            found[:, strength == s] = unit[:, None] * self._amplitudes[s][strength == s]
        return found

    def left_out(self, strength: Float[Tensor, " O"]) -> Float[Tensor, "S O"]:
        """The leave-one-out error of each site, NaN if unknown."""
        rows = self._sampled
        missed = torch.full_like(self.data.y, torch.nan)
        for s in strength.unique().tolist():
            found = self._factored(s)[0].leave_one_out(self.data.y[:, strength == s], rows)
            missed[:, strength == s] = missed[:, strength == s].index_copy(0, rows, found)
        return missed

    def _factored(self, strength: float) -> tuple[Interpolation, float]:
        """The system with this strength, or with more if rounding requires it, and how much more."""
        if strength not in self._known:
            kernel, tail = self._features
            smallest = len(kernel) * torch.finfo(kernel.dtype).eps * float(torch.stack(kernel.aminmax()).abs().max())
            for more in (0.0, *(smallest * 10**k for k in range(30))):
                total = strength + more
                found = Interpolation(kernel, tail, total / self.data.precision if total else 0.0)
                if not found.failed:
                    break
            self._known[strength] = found, more
        return self._known[strength]

    @cached_property
    def _features(self) -> tuple[Tensor, Tensor]:
        """The kernels and the tail at the centres."""
        with torch.no_grad():
            features = self.network.features(self.network.centers, Operator.identity())
        # Both are NaN if any entry is, at a sixth of the time of `isfinite`.
        if not torch.isfinite(torch.stack(features.aminmax())).all():
            raise InputError("The kernel is NaN or infinite between some centres; check the kernel and its epsilon.")
        return features[:, : len(features)], features[:, len(features) :]

    def _patches(self) -> list[_Patch]:
        sites = len(self.data.x)
        if sites <= WHOLE:
            return [_Patch(self.network, self.data, torch.arange(sites))]
        from scipy.spatial import cKDTree

        centers = self.network.centers.detach().cpu().double().numpy()
        middles = centers[torch.linspace(0, sites - 1, PATCHES).round().long()]
        _, near = cKDTree(centers).query(middles, k=SIZE)
        return [_Patch(self.network, self.data, torch.from_numpy(rows).sort().values) for rows in near]


class _Patch:
    """A subset of sites, in coordinates with equal weights and a diagonal penalty.

    Attributes:
        spectrum: of the smoothing fits.
        definite: the kernel is, within rounding.
        little: so weak a penalty that it does what interpolation does, to six digits, or as much as rounding does where the
            kernel is not definite within it.
    """

    def __init__(self, network: RBFNetwork, data: Scattered, rows: Int[Tensor, " R"]) -> None:
        if len(rows) < network.num_centers:
            raw, rows = network.metric.raw, rows.to(network.centers.device)
            network, centers = copy.deepcopy(network), network.centers[rows]
            network.replace_centers(centers, raw)
        with torch.no_grad():
            features = network.features(network.centers, Operator.identity())
        root = data.weights[rows].sqrt()[:, None]
        moments = Moments(root * features[:, len(rows) :])
        inner = moments.inner(root * features[:, : len(rows)] * root.T)
        values, vectors = torch.linalg.eigh(inner if inner.diagonal().sum() >= 0 else -inner)
        rounding = ROUNDING * torch.finfo(values.dtype).eps * (values.abs().max() if len(values) else values.new_ones(()))
        self.definite = bool((values > rounding).all())
        self.little = 1e-6 * values.min() if self.definite and len(values) else rounding
        along = vectors.T @ moments.rotated(root * data.y[rows] / data.spread)[moments.terms :]
        self._directions = moments.weights(vectors)
        beyond = (data.within[rows] / data.spread.square()).sum(dim=0)
        measured = int(data.sites.counts[rows].sum())
        self.spectrum = Spectrum(values.clamp(min=rounding), along, beyond, measured, moments.terms)

    def left_out(self, strength: Float[Tensor, " O"]) -> Float[Tensor, " O"]:
        """The sum of squared leave-one-out errors of the rows."""
        kept = 1 / (self.spectrum.values[:, None] + strength)
        squares = self._directions.square()
        missed = (self._directions @ (kept * self.spectrum.along)) / (squares @ kept)
        known = squares.sum(dim=1) > torch.finfo(missed.dtype).eps ** 0.5
        if not known.any():
            return torch.full_like(strength, torch.inf)
        # Sites that cannot be left out are assigned the mean error of the others.
        return missed[known].square().sum(dim=0) * (len(known) / known.sum()) + self.spectrum.beyond


def _little(patches: list[_Patch]) -> Tensor:
    """What stands for interpolation in all of them."""
    return torch.stack([patch.little for patch in patches]).max()
