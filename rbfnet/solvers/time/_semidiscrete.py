"""A problem in space and time, with space put into a basis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import Along, Differentiable, LinearModel, Operator, Recorder, in_space_and_time
from rbfnet.problems import Condition, Problem, Sample, residuals_of
from rbfnet.solvers.assembly import Slopes, derivatives


class Site(Differentiable):
    """What a model is at some points of space and several times: known by the values of its state there.

    Args:
        network: the model in space.
        basis: V (N, n): the functions the state counts are psi = phi V.
        x: the points.

    Attributes:
        values: (p + 1, K, O, n): the state at K times, and its derivatives in time.
    """

    values: Tensor

    def __init__(self, network: LinearModel, basis: Float[Tensor, "N n"], x: Float[Tensor, "B d"]) -> None:
        super().__init__()
        self.network, self.basis, self.x = network, basis, x
        self._known: dict[Along, Tensor] = {}

    def matrix(self, along: Along) -> Float[Tensor, "B n"]:
        """A derivative of the basis at the points."""
        if along not in self._known:
            with torch.no_grad():
                self._known[along] = self.network.features(in_space(self.x), Operator.d(*along)) @ self.basis
        return self._known[along]

    def apply_operators(self, x: Float[Tensor, "KB D"], ops: Sequence[Operator]) -> Float[Tensor, "KB O K"]:
        channels = []
        for op in ops:
            total = self.values.new_zeros((len(x), self.values.shape[2]))
            for along, order, c in in_space_and_time(op, self.x.shape[1]):
                if order < len(self.values):
                    value = (self.values[order] @ self.matrix(along).T).transpose(1, 2).reshape(total.shape)
                    total = total + (c[:, None] if isinstance(c, Tensor) else c) * value
            channels.append(total)
        return torch.stack(channels, dim=-1)


def in_space(x: Float[Tensor, "B d"]) -> Float[Tensor, "B d"]:
    """The points a network is taken at; that of a space which is one point has one input and is taken at zero."""
    return x if x.shape[1] else x.new_zeros((len(x), 1))


class Rows:
    """A condition at any time.

    Args:
        condition: whose points are moved to that time.
        sample: its points in space (the last column of each site is ignored), with normals.
        network, basis: see :class:`Site`.
        weights: what the square of each row counts, (B,).
    """

    def __init__(
        self, condition: Condition, sample: Sample, network: LinearModel, basis: Tensor, weights: Tensor | None = None
    ) -> None:
        self.condition, self.sample = condition, sample
        self.sites = [Site(network, basis, x[:, :-1].contiguous()) for x in sample.sites]
        self.root = torch.ones_like(sample.sites[0][:, 0]) if weights is None else weights.sqrt()
        self._at: tuple[Tensor, Sample] | None = None

    def at(self, times: Float[Tensor, " K"]) -> Sample:
        """The points at each of the times, one time after the other."""
        if self._at is None or not torch.equal(self._at[0], times):
            count = len(self.root)
            t = times.repeat_interleave(count)[:, None]
            sites = tuple(torch.cat([x[:, :-1].repeat(len(times), 1), t], dim=1) for x in self.sample.sites)
            normal = None if self.sample.normal is None else self.sample.normal.repeat(len(times), 1)
            data = tuple(part.repeat(len(times), *[1] * (part.ndim - 1)) for part in self.sample.data)
            self._at = times.clone(), Sample(sites, normal, None, data)
        return self._at[1]

    def of(self, network: LinearModel, basis: Tensor) -> Rows:
        """The same rows for states of another space."""
        return Rows(self.condition, self.sample, network, basis, self.root.square())

    def residual(self, problem: Problem, times: Float[Tensor, " K"], values: Tensor) -> Float[Tensor, "K R"]:
        """The weighted residuals, those of one equation after the other."""
        sample = self._with(times, values)
        found = residuals_of(problem, self.condition, self.sites, sample)
        return torch.cat([self.root * r.reshape(len(times), -1) for r in found], dim=1)

    def rate(self, problem: Problem, times: Float[Tensor, " K"], values: Tensor) -> Float[Tensor, "K R"]:
        """The derivatives of the weighted residuals in time alone, by what conditions are given."""
        sample = self._with(times, values)
        moved = [x.clone().requires_grad_() for x in sample.sites]
        with torch.enable_grad():
            found = residuals_of(problem, self.condition, self.sites, sample._replace(sites=tuple(moved)))
            rates = []
            for r in found:
                grads = torch.autograd.grad(r.sum(), moved, retain_graph=True, allow_unused=True) if r.requires_grad else [None]
                rates.append(sum((g[:, -1] for g in grads if g is not None), torch.zeros_like(r.detach())))
        return torch.cat([self.root * r.reshape(len(times), -1) for r in rates], dim=1)

    def slopes(self, problem: Problem, times: Float[Tensor, " K"], values: Tensor) -> Sequence[tuple[Tensor, Slopes]]:
        """Residuals and slopes of each equation, as of :func:`derivatives`."""
        sample = self._with(times, values)
        recorders = [Recorder(values.shape[2], site) for site in self.sites]
        return derivatives(self.condition, problem, recorders, sample)

    def matrices(
        self, problem: Problem, times: Float[Tensor, " K"], values: Tensor, weights: Float[Tensor, " K"]
    ) -> Float[Tensor, "p+1 R On"]:
        """The derivatives of the weighted residuals in the state and its derivatives in time, a weighted mean over the times.

        Raises:
            InputError: a derivative in time of higher order than ``values`` has.
        """
        orders, _, outputs, size = values.shape
        blocks = []
        for _, slopes in self.slopes(problem, times, values):
            block = values.new_zeros((orders, len(self.root), outputs, size))
            for (place, op, output), slope in slopes.items():
                for along, order, c in in_space_and_time(op, self.sites[place].x.shape[1]):
                    factor = weights @ (slope * c).reshape(len(times), -1)
                    if order >= orders and factor.any():
                        raise InputError(
                            f"Condition {self.condition.name!r} has a derivative of order {order} in time, which evolve does not "
                            "carry; write the velocity as an output of its own, or take solver=gauss_newton."
                        )
                    if order < orders:
                        block[order, :, output] += (self.root * factor)[:, None] * self.sites[place].matrix(along)
            blocks.append(block.flatten(2))
        return torch.cat(blocks, dim=1)

    def _with(self, times: Tensor, values: Tensor) -> Sample:
        for site in self.sites:
            site.values = values
        return self.at(times)
