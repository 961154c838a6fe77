"""Affine: a model in standardised units that is used in the user's."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.kernels import Kernel
from rbfnet.nn._layer import require_smooth
from rbfnet.nn._network import RBFNetwork
from rbfnet.operators import Coefficient, Direction, LinearModel, Operator


class Affine(LinearModel):
    """u(x) = output_shift + output_scale * network((x - input_shift) / input_scale), (..., D) -> (..., O).

    Data with units are trained where everything is of order one, while points, predictions, derivatives and centres stay in
    the user's units. Closed forms pass through: a derivative along x_i is one along z_i divided by its scale.

    Args:
        network: the network in standardised units.
        input_shift, input_scale: (D,). output_shift, output_scale: (O,). Scales are positive.

    Attributes:
        centers (M, D), epsilon (D,) or (M, D), weight (M, O), tail (T, O), coefficients (N, O): in the user's units.

    Raises:
        InputError: shapes that do not fit, or a scale that is not positive.
    """

    input_shift: Tensor
    input_scale: Tensor
    output_shift: Tensor
    output_scale: Tensor

    def __init__(
        self, network: RBFNetwork, input_shift: Tensor, input_scale: Tensor, output_shift: Tensor, output_scale: Tensor
    ) -> None:
        super().__init__()
        self.network = network
        sizes = {"input": network.in_features, "output": network.out_features}
        given = {
            "input_shift": input_shift,
            "input_scale": input_scale,
            "output_shift": output_shift,
            "output_scale": output_scale,
        }
        for name, value in given.items():
            size = sizes[name.split("_")[0]]
            if value.shape != (size,):
                raise InputError(f"{name} must have shape ({size},), but got {tuple(value.shape)}.")
            if name.endswith("scale") and not (torch.isfinite(value) & (value > 0)).all():
                raise InputError(f"{name} must be positive and finite, but got {value.tolist()}.")
            self.register_buffer(name, value.detach().clone().to(network.weight))

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... O"]:
        """The value of the model."""
        return self.output_shift + self.output_scale * self.network(self._inner_points(x))

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        require_smooth(self.kernel, ops)  # here, so that the operator is named in the user's units
        inner = self.network.apply_operators(self._inner_points(x), [self._inner(op) for op in ops])
        shifts = torch.stack([self.offset(x, op) for op in ops], dim=-1)
        return self.output_scale[:, None] * inner + shifts

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        return self.network.features(self._inner_points(x), self._inner(op))

    def offset(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B O"]:
        """``op`` of the constant output_shift."""
        at_zero = torch.zeros_like(x[:, 0])
        for directions, c in op.terms:
            at_zero = at_zero if directions else at_zero + c
        return at_zero[:, None] * self.output_shift

    @property
    def coefficients(self) -> Float[Tensor, "N O"]:
        return self.network.coefficients * self.output_scale

    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        self.network.set_coefficients(values / self.output_scale)

    def moments(self) -> Float[Tensor, "N T"] | None:
        return self.network.moments()

    @property
    def kernel(self) -> Kernel:
        """The radial kernel."""
        return self.network.kernel

    @property
    def num_centers(self) -> int:
        """M."""
        return self.network.num_centers

    @property
    def in_features(self) -> int:
        """D."""
        return self.network.in_features

    @property
    def out_features(self) -> int:
        """O."""
        return self.network.out_features

    @property
    def centers(self) -> Float[Tensor, "M D"]:
        """The centres in the user's units."""
        return self.input_shift + self.input_scale * self.network.centers

    @property
    def epsilon(self) -> Float[Tensor, ...]:
        """The shape parameters per dimension in the user's units, (D,) or (M, D)."""
        return self.network.epsilon[..., None] / self.input_scale

    @property
    def weight(self) -> Float[Tensor, "M O"]:
        """The weights in the user's units."""
        return self.network.weight * self.output_scale

    @property
    def tail(self) -> Float[Tensor, "T O"]:
        """The coefficients of the tail in the user's units, without ``output_shift``."""
        return self.network.tail * self.output_scale

    def _inner_points(self, x: Tensor) -> Tensor:
        return (x - self.input_shift) / self.input_scale

    def _inner(self, op: Operator) -> Operator:
        """The operator in standardised coordinates that equals ``op`` in the user's."""

        def term(directions: tuple[Direction, ...], c: Coefficient) -> tuple[tuple[Direction, ...], Coefficient]:
            for v in directions:
                if not isinstance(v, Tensor):
                    c = c / scale[int(v)]
            return tuple(scaled.get(id(v), v) for v in directions), c

        scale = self.input_scale.tolist()
        scaled = {id(v): v / self.input_scale for ds, _ in op.terms for v in ds if isinstance(v, Tensor)}
        return Operator.of(term(*t) for t in op.terms)
