"""Data whose sites are the centres of the network: interpolation, or smoothing splines."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator
from rbfnet.solvers._interpolation import Interpolation
from rbfnet.solvers._moments import Moments
from rbfnet.solvers._scattered import Scattered
from rbfnet.solvers._smoothing import Choice, Spectrum, choose, pooled

WHOLE = 600
"""Up to so many sites the choice is made with all of them."""

PATCHES, SIZE = 6, 300
"""Beyond, with so many patches of so many neighbouring sites, as dense as all are: a spectrum takes the cube of their number."""

LEFT_OUT = 1000
"""So many sites are left out, one at a time, where there are twice as many."""


class AtCenters:
    """Minimise sum_i precision_i |y_i - u(c_i)|^2 + strength w^T K w over weights w with the moment conditions of the tail.

    With the strength 0 this is interpolation.

    Args:
        network: whose centres are the sites of the data.
        data: the data.
    """

    def __init__(self, network: RBFNetwork, data: Scattered) -> None:
        self.network, self.data = network, data

    def choose(self) -> Choice:
        """Whether to smooth, and how strongly."""
        patches = self._patches()
        spectrum = pooled([patch.spectrum for patch in patches])

        def left_out(strength: Tensor) -> Tensor:
            return torch.stack([patch.left_out(strength) for patch in patches]).sum(dim=0) / spectrum.rows

        nothing = torch.full_like(self.data.spread, torch.inf)
        if not all(patch.definite for patch in patches):
            return choose(spectrum, left_out, (nothing, nothing))
        little = _little(spectrum).expand(len(nothing))
        return choose(spectrum, left_out, (spectrum.missed(little[None])[0], left_out(little)))

    def missed(self, strength: float) -> float:
        """The mean square of what is missed, of all outputs by their spread, when sites are left out; infinite on failure."""
        patches = self._patches()
        if not strength and not all(patch.definite for patch in patches):
            return float("inf")
        spectrum = pooled([patch.spectrum for patch in patches])
        used = _little(spectrum) if not strength else torch.as_tensor(strength)
        squares = [patch.left_out(used.to(self.data.spread).expand(len(self.data.spread))) for patch in patches]
        return float(torch.stack(squares).sum() / spectrum.rows)

    def solve(self, strength: Float[Tensor, " O"], forced: bool) -> tuple[Tensor, Tensor] | None:
        """The unknowns, and by how much each site is missed when it is left out (S, O), NaN where this is not known.

        Args:
            strength: for each output.
            forced: where kernels are not definite within rounding, smooth by as little as makes them so. None is given else.
        """
        sites = len(self.data.x)
        with torch.no_grad():
            features = self.network.features(self.network.centers, Operator.identity())
        kernel, tail = features[:, :sites], features[:, sites:]
        unknowns = kernel.new_zeros((features.shape[1], len(strength)))
        missed = torch.full_like(self.data.y, torch.nan)
        rows = None if sites < 2 * LEFT_OUT else torch.linspace(0, sites - 1, LEFT_OUT).round().long()
        for s in strength.unique():
            factors = self._factors(kernel, tail, float(s), forced)
            if factors is None:
                return None
            chosen = strength == s
            y = self.data.y[:, chosen]
            unknowns[:, chosen] = factors.solve(y)
            found = factors.leave_one_out(y, rows)
            missed[:, chosen] = found if rows is None else missed[:, chosen].index_copy(0, rows, found)
        return unknowns, missed

    def _factors(self, kernel: Tensor, tail: Tensor, strength: float, forced: bool) -> Interpolation | None:
        rounding = len(kernel) * torch.finfo(kernel.dtype).eps * float(kernel.abs().max())
        for s in (strength, *(10**k * rounding for k in range(4) if forced)):
            found = Interpolation(kernel, tail, s / self.data.precision if s else 0.0)
            if not found.failed:
                return found
        return None

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
    """Some sites by themselves, in coordinates where all weigh alike and the penalty is diagonal.

    Attributes:
        spectrum: of the smoothing fits. definite: the kernel is, within rounding, so that interpolation is possible.
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
        rounding = torch.finfo(values.dtype).eps * len(rows) * values.abs().max() if len(values) else values.new_zeros(())
        self.definite = bool((values > rounding).all())
        along = vectors.T @ moments.rotated(root * data.y[rows] / data.spread)[moments.terms :]
        self._directions = moments.weights(vectors)
        beyond = (data.within[rows] / data.spread.square()).sum(dim=0)
        measured = int(data.sites.counts[rows].sum())
        self.spectrum = Spectrum(values.clamp(min=rounding), along, beyond, measured, moments.terms)

    def left_out(self, strength: Float[Tensor, " O"]) -> Float[Tensor, " O"]:
        """The sum of the squares of what each row is missed by where its site is left out."""
        kept = 1 / (self.spectrum.values[:, None] + strength)
        squares = self._directions.square()
        missed = (self._directions @ (kept * self.spectrum.along)) / (squares @ kept)
        known = squares.sum(dim=1) > torch.finfo(missed.dtype).eps ** 0.5
        if not known.any():
            return torch.full_like(strength, torch.inf)
        # What cannot be left out is missed like the others.
        return missed[known].square().sum(dim=0) * (len(known) / known.sum()) + self.spectrum.beyond


def _little(spectrum: Spectrum) -> Tensor:
    """So weak a penalty that what it does is what interpolation does, to six digits."""
    return 1e-6 * spectrum.values.min() if len(spectrum.values) else spectrum.along.new_ones(())
