"""The posterior distribution of a fit to data: standard deviations of values and derivatives."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Sites
from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork, Wrapper
from rbfnet.nn.wrappers import MatrixKernel
from rbfnet.operators import LinearModel, Operator, tensors_of
from rbfnet.solvers.assembly import Values
from rbfnet.solvers.scattered._at_centers import AtCenters
from rbfnet.solvers.scattered._by_functionals import ByFunctionals
from rbfnet.solvers.scattered._fewer_centers import FewerCenters
from rbfnet.solvers.scattered._prior_variance import prior_variance, vector_prior_variance
from rbfnet.solvers.scattered._scattered_values import Scattered, scattered
from rbfnet.solvers.scattered._vector_fit import VectorFit

ENTRIES = 1 << 22
"""Number of entries of points x centres held at a time."""

FAR = 2.0
"""Points are outside of the data if the nearest site is farther than this many times the largest spacing of sites."""


class Posterior:
    """The Gaussian process whose mean is a fit to data; its outputs are independent, but for the components of a vector field.

    The function is a polynomial of the tail, about which nothing is known, plus a Gaussian process of covariance a phi; values
    have independent errors of variance strength a / precision. Then the mean is the fit, and with l the operator L of kernels
    and tail at x

        var L u(x) = a (L L' phi(x, x) - l [K + strength W^-1, P; P^T, 0]^-1 l^T).

    The amplitude a makes leave-one-out errors as large as their standard deviations. With fewer centres than sites, the weights
    have this distribution, and the variance of the function between the centres is added unless each has a width of its own. The
    components of a vector field have a matrix-valued covariance: a divergence that is zero by construction has no variance.

    A fit with bounds is the most probable function of this process that satisfies them. The variance is that without bounds,
    which is an upper limit: a normal distribution restricted to a convex set varies less along every direction.

    Source: Wahba, Spline Models for Observational Data (1990), chapters 1 and 5; Rasmussen and Williams, Gaussian Processes for
    Machine Learning (2006), sections 2.7, 8.3.4 (projected process) and 9.4 (derivatives); Brascamp and Lieb, J. Funct. Anal. 22
    (1976), theorem 4.1 (bounds).

    Args:
        model: the fitted model.
        data: the data.
        strength: the smoothing of each output.
        interpolates: the centres are the sites.
        fit: the fit; for one to values of scalars alone, it is built where it is needed if None.

    Attributes:
        warned: somebody has been told of points outside of the data.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.linspace(0, 1, 20)
        >>> rbfnet.fit(x, np.sin(9 * x)).std([0.5]).round(2)  # by this class
        array([0.02])
    """

    def __init__(
        self,
        model: LinearModel,
        data: Scattered,
        strength: Float[Tensor, " O"],
        interpolates: bool,
        fit: AtCenters | FewerCenters | ByFunctionals | VectorFit | None = None,
    ) -> None:
        self.given = fit
        self.model, self.data, self.strength, self.interpolates = model, data, strength, interpolates
        self.warned = False

    def extended(self, values: Values, sites: Sites, weights: Float[Tensor, " N"] | None) -> tuple[Posterior, Tensor]:
        """The fit to further rows, with the same widths and smoothing; returns it and the leave-one-out errors (N, O).

        Its model is a new one: with the new sites as further centres if all sites are centres, else with the same centres. Where
        all further rows are at new sites, the old ones are not factored again.

        Args:
            values: all rows, the further ones at the end. sites: of all rows.
            weights: the inverse variance of each row, up to a factor; None if all are equal.

        Raises:
            InputError: a fit to more than values, or of a vector field.
        """
        if isinstance(self.given, (ByFunctionals, VectorFit)):
            what = "values" if isinstance(self.given, ByFunctionals) else "values of scalars"
            raise InputError(f"Rows can only be added to a fit to {what}; fit all data anew.")
        data, count = scattered(values, sites, weights=weights), len(self.data.x)
        data = replace(data, spread=self.data.spread)
        appended = data.rows - self.data.rows == len(data.x) - count and torch.equal(data.x[:count], self.data.x)
        model, old = copy.deepcopy(self.model), self._fit
        network, z, _ = _inner(model, data.x, Operator.identity())
        fit: AtCenters | FewerCenters | None = None
        unknowns = None
        if self.interpolates:
            network.replace_centers(z, network.metric.raw)
            if isinstance(old, AtCenters) and appended:
                fit = old.grown(network, data, self.strength)
            fit = AtCenters(network, data) if fit is None else fit
            unknowns = fit.solve(self.strength)
        if unknowns is None:
            before = old if isinstance(old, FewerCenters) and appended else None
            plain = FewerCenters(model, network, data, before=before)
            fit, unknowns = fit or plain, plain.solve(self.strength)
        model.set_coefficients(unknowns)
        assert fit is not None
        return Posterior(model, data, self.strength, self.interpolates, fit), data.by_row(fit.left_out(self.strength))

    def std(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B O"]:
        """The standard deviation of ``op`` of each output at points, in the units of the values.

        Raises:
            InputError: fewer values than an amplitude needs, or a kernel that is not smooth enough.
        """
        if self.model.coupled:
            return torch.stack([self.std_of(x, {o: op}) for o in range(len(self.strength))], dim=1)
        return self._by_blocks(x, {0: op}, lambda part, ops: self._of_scalars(part, ops[0]))

    def std_of(self, x: Float[Tensor, "B D"], ops: Mapping[int, Operator]) -> Float[Tensor, " B"]:
        """The standard deviation of sum_o ops[o] u_o at points, in the units of the values.

        Raises:
            InputError: as for :meth:`std`.
        """
        return self._by_blocks(x, ops, self._of_sum)

    def _by_blocks(
        self, x: Tensor, ops: Mapping[int, Operator], variance: Callable[[Tensor, dict[int, Operator]], Tensor]
    ) -> Tensor:
        """The root of a variance, a block of points at a time."""
        ops = {o: op.over(*x.shape) for o, op in ops.items()}
        old, found = tensors_of(list(ops.values())), []
        size = max(1, ENTRIES // self.model.coefficients.numel())
        with torch.no_grad():
            for part, *new in zip(*(rows.split(size) for rows in (x, *old)), strict=True):
                found.append(variance(part, {o: op.substitute(old, new) for o, op in ops.items()}))
        total = torch.cat(found)
        if torch.isnan(total).any():
            raise InputError(
                f"{len(self.data.x)} points at different places are too few for error bars of this fit; give more points, or a "
                "lower degree."
            )
        return total.sqrt()

    @contextmanager
    def anywhere(self) -> Iterator[None]:
        """Points outside of the data give no warning here."""
        told, self.warned = self.warned, True
        try:
            yield
        finally:
            self.warned = told

    def outside(self, x: Float[Tensor, "B D"]) -> int:
        """How many points are farther from the data than the data are from each other; on a line, only those beyond its ends."""
        from scipy.spatial import cKDTree

        with torch.no_grad():
            each = (_inner(self.model, t, Operator.identity().over(*t.shape))[1] for t in (self.data.x, x))
            sites, points = (z.cpu().numpy() for z in each)
        tree = cKDTree(sites)
        spacing = tree.query(sites, k=[min(2, len(sites))])[0].max()
        far = tree.query(points)[0] > FAR * spacing
        if points.shape[1] == 1:
            far &= (points[:, 0] < sites.min()) | (points[:, 0] > sites.max())
        return int(far.sum())

    @cached_property
    def _fit(self) -> AtCenters | FewerCenters | ByFunctionals | VectorFit:
        if self.given is not None:
            return self.given
        network = _inner(self.model, self.data.x[:0], Operator.identity())[0]
        return AtCenters(network, self.data) if self.interpolates else FewerCenters(self.model, network, self.data)

    def _of_sum(self, x: Tensor, ops: Mapping[int, Operator]) -> Float[Tensor, " B"]:
        """The variance of a sum of operators on the outputs, those of a vector together."""
        coupled = {o: op for o, op in ops.items() if o in self.model.coupled}
        total = self._of_vector(x, coupled) if coupled else torch.zeros_like(x[:, 0])
        for o, op in ops.items():
            if o not in coupled:
                alone = self._of_vector(x, {o: op}) if self.model.coupled else self._of_scalars(x, op)[:, o]
                total = total + alone
        return total

    def _of_scalars(self, x: Tensor, op: Operator) -> Float[Tensor, "B O"]:
        fit = self._fit
        assert not isinstance(fit, VectorFit)
        network, z, inner = _inner(self.model, x, op)
        # Kernels with a width each are not the covariance of a process: only their weights are uncertain.
        prior = None if network.metric.per_center else prior_variance(network, z, inner, op)
        return fit.variance(self.model.features(x, op), prior, self.strength)

    def _of_vector(self, x: Tensor, ops: Mapping[int, Operator]) -> Float[Tensor, " B"]:
        fit = self._fit
        assert isinstance(fit, VectorFit)
        model, z, inner = self.model, x, list(ops.values())
        while not isinstance(model, MatrixKernel):
            z, inner = cast(Wrapper, model).inner(z, inner)
            model = cast(Wrapper, model).network
        network, within = model.network, dict(zip(ops, inner, strict=True))
        # Likewise, and no covariance in closed form of a network in other coordinates.
        plain = isinstance(network, RBFNetwork) and not network.metric.per_center
        named = max(ops.values(), key=lambda op: op.order)
        prior = vector_prior_variance(model, cast(RBFNetwork, network), z, within, named) if plain else None
        return fit.variance(self.model.columns(x, ops), list(ops), prior, self.strength)


def _inner(model: LinearModel, x: Tensor, op: Operator) -> tuple[RBFNetwork, Tensor, Operator]:
    """The network inside all wrappers, its points, and its operator."""
    while isinstance(model, Wrapper):
        x, (op,) = model.inner(x, [op])
        model = model.network
    return cast(RBFNetwork, model), x, op
