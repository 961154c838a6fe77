"""Fits of vector fields to data: interpolation, smoothing and penalised least squares with a matrix-valued kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn.wrappers import MatrixKernel
from rbfnet.operators import LinearModel
from rbfnet.solvers.scattered._choose_smoothing import Choice
from rbfnet.solvers.scattered._scattered_values import Scattered
from rbfnet.solvers.scattered._vector_group import VectorGroup


class VectorFit:
    """Minimise sum_i precision_i |y_i - u(x_i)|^2 + strength w^T K w, K the matrix-valued kernel between the centres.

    Where the centres are the sites, strength 0 is interpolation: K w = y, symmetric and positive definite. A site is left out
    with all its components: its error is B_ii^-1 (B y)_i with the block B_ii of the inverse B, as for scalars (Rippa, 1999).
    Components that share their coefficients are one group with one strength; any other output is a group of its own.

    Source: Narcowich and Ward, Math. Comput. 63 (1994); Rippa, Adv. Comput. Math. 11 (1999).

    Args:
        model: the model, the field possibly in an Affine.
        field: the innermost model that is coupled.
        data: the data.
        interpolates: whether the centres are the sites.
        rows: the indices of the sites; all if None.
    """

    def __init__(
        self, model: LinearModel, field: MatrixKernel, data: Scattered, interpolates: bool, rows: Tensor | None = None
    ) -> None:
        self.data, self.rows = data, torch.arange(len(data.x), device=data.x.device) if rows is None else rows
        others = [(o,) for o in range(data.y.shape[1]) if o not in model.coupled]
        self.groups = [VectorGroup(model, field, data, self.rows, outputs, interpolates) for outputs in (model.coupled, *others)]

    def choose(self) -> Choice:
        """Whether to smooth, and how strongly."""
        found = [(group.outputs, group.choose()) for group in self.groups]

        def each(name: str) -> Tensor:
            values = torch.empty_like(self.data.spread)
            for outputs, choice in found:
                values[list(outputs)] = getattr(choice, name)
            return values

        return Choice(each("strength"), each("missed"), each("plain"), each("score"), all(c.enough for _, c in found))

    def missed(self, strength: float) -> float:
        """The mean square leave-one-out error of all outputs, relative to their standard deviation."""
        return sum(len(group.outputs) * group.missed(strength) for group in self.groups)

    def solve(self, strength: Float[Tensor, " O"]) -> Tensor:
        """The unknowns."""
        found = [(group.outputs, group.solve(float(strength[group.outputs[0]]))) for group in self.groups]
        unknowns = found[0][1].new_zeros((found[0][1].shape[0], len(strength)))
        for outputs, weights in found:
            unknowns[:, list(outputs)] = weights
        return unknowns

    def left_out(self, strength: Float[Tensor, " O"]) -> Float[Tensor, "S O"]:
        """The leave-one-out error of each site, NaN if unknown."""
        missed = torch.full_like(self.data.y, torch.nan)
        for group in self.groups:
            rows, found = group.left_out(float(strength[group.outputs[0]]))
            missed[rows[:, None], torch.tensor(group.outputs)] = found
        return missed

    def variance(
        self,
        columns: Mapping[int, Float[Tensor, "B N"]],
        outputs: Sequence[int],
        prior: Float[Tensor, " B"] | None,
        strength: Float[Tensor, " O"],
    ) -> Float[Tensor, " B"]:
        """The posterior variance of a linear functional of the outputs of one group.

        Args:
            columns: the functional of the basis functions, by column of the coefficients.
            outputs: some output of the group.
            prior: of the matrix-valued kernel in both arguments; None leaves out what is between the centres.
            strength: as in :meth:`solve`.
        """
        (group,) = [group for group in self.groups if outputs[0] in group.outputs]
        zero = torch.zeros_like(next(iter(columns.values())))
        features = torch.cat([columns.get(o, zero) for o in group.outputs], dim=1)
        return group.variance(features, prior, float(strength[outputs[0]]))
