"""Affine: a model in standardised units that is used in the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn._metric import Isotropic
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._numbered import Key, Numbered, times
from rbfnet.nn.wrappers._wrapper import Wrapper
from rbfnet.operators import Coefficient, Direction, LinearModel, Operator


class Affine(Wrapper):
    """u(x) = output_shift + output_scale * network((x - input_shift) / input_scale), (..., D) -> (..., O).

    Data with units are trained where everything is of order one, while points, predictions, derivatives and centres stay in
    the user's units. Closed forms pass through: a derivative along x_i is one along z_i divided by its scale.

    Args:
        network: the network in standardised units, an :class:`RBFNetwork`, a wrapper of one, or a
            :class:`LocalNetwork`.
        input_shift, input_scale: (D,). output_shift, output_scale: (O,). Scales are positive.

    Attributes:
        centers (M, D), epsilon (D,) or (M, D), weight (M, O), tail (T, O), coefficients (N, O): in the user's units.

    Raises:
        InputError: shapes that do not fit, or a scale that is not positive.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Affine, RBFNetwork
        >>> shift, scale = torch.tensor([300.0]), torch.tensor([50.0])  # temperatures, say
        >>> model = Affine(RBFNetwork(1, 1, 10), shift, scale, torch.tensor([0.0]), torch.tensor([1e5]))
        >>> model.centers.shape, model(torch.tensor([[310.0]])).shape
        (torch.Size([10, 1]), torch.Size([1, 1]))
    """

    _keeps_vectors = True
    input_shift: Tensor
    input_scale: Tensor
    output_shift: Tensor
    output_scale: Tensor

    def __init__(
        self,
        network: RBFNetwork | Wrapper | LinearModel,
        input_shift: Tensor,
        input_scale: Tensor,
        output_shift: Tensor,
        output_scale: Tensor,
    ) -> None:
        super().__init__(network)
        sizes = {"input": self.network.in_features, "output": self.network.out_features}
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
            components = value[list(network.coupled)] if name.endswith("scale") else value[:0]
            if not (components == components[:1]).all():
                raise InputError(
                    f"The components of a {type(network).__name__} need one {name} for all, but got {components.tolist()}."
                )
            self.register_buffer(name, value.detach().clone().to(self.network.weight))

    def inner(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> tuple[Float[Tensor, "B D"], list[Operator]]:
        numbered = Numbered(ops)
        # As numbers, so that equal coefficients can be told to be equal; a trace cannot look at them.
        scale = self.input_scale if torch.compiler.is_compiling() else self.input_scale.tolist()
        along = [v / self.input_scale if isinstance(v, Tensor) else v for v in numbered.directions]
        slope = [1.0 if isinstance(v, Tensor) else 1.0 / scale[int(v)] for v in numbered.directions]

        def scaled(key: Key, c: Coefficient) -> tuple[tuple[Direction, ...], Coefficient]:
            for n in key:
                c = times(1.0, slope[n], c)
            return tuple(along[n] for n in key), c

        return (x - self.input_shift) / self.input_scale, [Operator.of(scaled(*t) for t in terms) for terms in numbered.terms]

    def outer(
        self, x: Float[Tensor, "B D"], ops: Sequence[Operator], values: Float[Tensor, "B O K"] | None
    ) -> Float[Tensor, "B O K"]:
        def of_one(op: Operator) -> Tensor:
            total = torch.zeros_like(x[:, 0])
            for directions, c in op.terms:
                total = total if directions else total + c
            return total

        shifts = torch.stack([of_one(op) for op in ops], dim=-1)[:, None] * self.output_shift[:, None]
        return shifts if values is None else self.output_scale[:, None] * values + shifts

    def columns(self, x: Float[Tensor, "B D"], ops: Mapping[int, Operator]) -> dict[int, Float[Tensor, "B N"]]:
        z, inner = self.inner(x, self._checked(x, list(ops.values())))
        return self.network.columns(z, dict(zip(ops, inner, strict=True)))

    @property
    def coupled(self) -> tuple[int, ...]:
        """Those of the network, as their components have one scale and the factors of the coefficients are the network's."""
        return self.network.coupled

    def offset(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B O"]:
        return cast(Tensor, super().offset(x, op))

    @property
    def coefficients(self) -> Float[Tensor, "N O"]:
        return self.network.coefficients * self.output_scale

    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        self.network.set_coefficients(values / self.output_scale)

    def moments(self) -> Float[Tensor, "N T"] | None:
        return self.network.moments()

    @property
    def centers(self) -> Float[Tensor, "M D"]:
        """The centres in the user's units."""
        return self.input_shift + self.input_scale * self.network.centers

    @property
    def epsilon(self) -> Float[Tensor, ...]:
        """The shape parameters per dimension in the user's units, (D,) or (M, D)."""
        epsilon = self.network.epsilon
        return (epsilon if _by_dimension(self.network) else epsilon[..., None]) / self.input_scale

    @property
    def shape_matrix(self) -> Float[Tensor, "... D D"]:
        """A of the metric in the user's units, (D, D) or (M, D, D)."""
        return self.network.shape_matrix / (self.input_scale[:, None] * self.input_scale)

    @property
    def weight(self) -> Float[Tensor, "M O"]:
        """The weights in the user's units."""
        return self.network.weight * self.output_scale

    @property
    def tail(self) -> Float[Tensor, "T O"]:
        """The coefficients of the tail in the user's units, without ``output_shift``."""
        return self.network.tail * self.output_scale


def _by_dimension(model: RBFNetwork | Wrapper) -> bool:
    """Whether a model has one epsilon a dimension."""
    if isinstance(model, Wrapper):
        return isinstance(model, Affine) or _by_dimension(model.network)
    return not isinstance(getattr(model, "metric", None), Isotropic)
