"""The derivatives of rows in the weights of an unknown function."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Differentiable, Operator, Recorder
from rbfnet.problems import UnknownField, residuals_of
from rbfnet.solvers.assembly._posed_problem import Posed


def field_columns(posed: Posed, field: UnknownField) -> tuple[Float[Tensor, "R M"], Float[Tensor, "R T"]]:
    """For the weights and for the tail of the function's network.

    A residual is a pointwise function of the values and derivatives of the network too: one backward pass an equation gives the
    factors of its features at every point, as for the solution itself (docs/design.md, section 5).

    Raises:
        InputError: a residual that takes the function at other than one point for each of its own.
    """
    rows = []
    for name, condition in posed.problem.named_conditions().items():
        sample = posed.samples[name]
        values = _Values(field.network)
        with torch.enable_grad(), field.replaced(values):
            models = [Recorder(len(posed.problem.outputs), posed.model) for _ in sample.sites]
            residuals = residuals_of(posed.problem, condition, models, sample, posed.known[name] if posed.known else None)
        for residual, scale in zip(residuals, posed.scales[name], strict=True):
            rows.append(posed.factor(scale, sample) * sample.contract(values.columns(residual)))
    columns = torch.cat(rows)
    return columns[:, : field.network.num_centers], columns[:, field.network.num_centers :]


class _Values(Differentiable):
    """Stands in for a network: hands out its values as leaves, and remembers where they are."""

    def __init__(self, network: RBFNetwork) -> None:
        super().__init__()
        self.network = network
        self.taken: list[tuple[Tensor, Operator, Tensor]] = []

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        values = self.network.apply_operators(x, ops).detach()
        leaves = [part.clone().requires_grad_() for part in values.unbind(-1)]
        self.taken += [(x, op, leaf) for op, leaf in zip(ops, leaves, strict=True)]
        return torch.stack(leaves, dim=-1)

    def columns(self, residual: Float[Tensor, " B"]) -> Float[Tensor, "B N"]:
        """The derivatives of a residual in the coefficients of the network."""
        total = residual.detach()[:, None] * residual.new_zeros((1, len(self.network.coefficients)))
        if not residual.requires_grad or not self.taken:
            return total
        leaves = [leaf for _, _, leaf in self.taken]
        slopes = torch.autograd.grad(residual, leaves, torch.ones_like(residual), retain_graph=True, allow_unused=True)
        for (x, op, _), slope in zip(self.taken, slopes, strict=True):
            if slope is None:
                continue
            if len(x) != len(residual):
                raise InputError(
                    f"An unknown function needs one point per row of a residual, here {len(residual)}, but got "
                    f"{len(x)} points; match them, or use solver=lbfgs."
                )
            total = total + slope * self.network.features(x, op)
        return total
