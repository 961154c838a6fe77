"""MatrixKernel: vector fields whose basis functions are columns of second derivatives of a kernel."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, number
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._wrapper import Wrapper, innermost
from rbfnet.operators import LinearModel, Operator

ORDER = 2
"""Of the derivatives of the kernel that the values of a field are."""


class MatrixKernel(Wrapper):
    """u_i = sum_k P_ik n_k for i < d, u_i = n_i for the others, with P a (d, d) matrix of derivatives of second order.

    So u(x) = sum_j (P phi)(x - c_j) w_j with vectors w_j: each output depends on all columns of the coefficients.

    Args:
        network: the :class:`RBFNetwork` of n, or a wrapper of one, with one output for each component; without a tail, of a
            kernel that is positive definite or of order 1.
        components: d, how many coordinates and outputs, the first ones, make the vector; None takes all coordinates. The other
            coordinates may be a time or parameters, the other outputs a pressure.

    Raises:
        InputError: a network or a kernel that does not fit, or fewer coordinates, outputs or components than a vector has.
    """

    def __init__(self, network: RBFNetwork | Wrapper, components: int | None = None) -> None:
        super().__init__(network)
        name, d = type(self).__name__, number(network.in_features if components is None else components)
        if not isinstance(d, int) or not 2 <= d <= min(network.in_features, network.out_features):
            raise InputError(
                f"{name} needs from two components to as many as there are inputs and outputs, but got "
                f"{d if components is None else components!r} components with {network.in_features} inputs and "
                f"{network.out_features} outputs."
            )
        require_potential(name, innermost(network))
        self.components = d
        # Saved with the model: its shape tells how many components there are.
        self.register_buffer("along", torch.arange(d, device=network.weight.device))
        self._entries = [[self.entry(i, k) for k in range(d)] for i in range(d)]

    @abstractmethod
    def entry(self, i: int, k: int) -> Operator:
        """P_ik."""
        raise NotImplementedError

    @property
    def coupled(self) -> tuple[int, ...]:
        """The components."""
        return tuple(range(self.components))

    def inner(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> tuple[Float[Tensor, "B D"], list[Operator]]:
        """The points are the same. An operator on one component is one on every output of the network: see :meth:`columns`."""
        return x, list(ops)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        return cast(Tensor, self._combined(self._checked(x, ops), lambda inner: self.network.apply_operators(x, inner)))

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        raise InputError(
            f"The outputs of a {type(self).__name__} have no features of their own; use columns(x, {{output: operator}})."
        )

    def columns(self, x: Float[Tensor, "B D"], ops: Mapping[int, Operator]) -> dict[int, Float[Tensor, "B N"]]:
        """The factors of each column k: of the operator sum_i ops[i] P_ik on the basis functions."""
        return self.network.columns(x, self.by_column(dict(zip(ops, self._checked(x, list(ops.values())), strict=True))))

    def by_column(self, ops: Mapping[int, Operator]) -> dict[int, Operator]:
        """sum_i ops[i] P_ik for each column k, without terms that cancel each other."""
        inner: dict[int, Operator] = {}
        for i, op in ops.items():
            parts = dict(enumerate(self._entries[i])) if i < self.components else {i: Operator.identity()}
            for k, entry in parts.items():
                inner[k] = inner[k] + op @ entry if k in inner else op @ entry
        return {k: _nonzero(op) for k, op in inner.items()}

    def moments(self) -> Float[Tensor, "N 0"] | None:
        return self.network.moments()

    def offset(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B O"] | None:
        def of_network(inner: list[Operator]) -> Tensor | None:
            found = [self.network.offset(x, one) for one in inner]
            return None if found[0] is None else torch.stack(cast(list[Tensor], found), dim=-1)

        total = self._combined(self._checked(x, [op]), of_network)
        return None if total is None else total[..., 0]

    def _combined(
        self, ops: list[Operator], of_network: Callable[[list[Operator]], Float[Tensor, "B O Q"] | None]
    ) -> Float[Tensor, "B O K"] | None:
        """The values of operators from those of derivatives of the network, each of which is taken once.

        A divergence is then a difference of equal numbers.
        """
        d = self.components
        # Derivatives of the network, by directions.
        parts = {along: Operator.d(*along) for row in self._entries for entry in row for along, _ in entry.terms}
        asked = list(dict.fromkeys([*ops, *(op @ part for op in ops for part in parts.values())]))
        values = of_network(asked)
        if values is None:
            return None
        place = {op: values[..., n] for n, op in enumerate(asked)}
        found = []
        for op in ops:
            derivative = {along: place[op @ part] for along, part in parts.items()}
            components = [
                sum(
                    (cast(float, c) * derivative[along][:, k] for k in range(d) for along, c in self._entries[i][k].terms),
                    values.new_zeros(()),
                )
                for i in range(d)
            ]
            found.append(torch.cat([torch.stack(components, dim=1), place[op][:, d:]], dim=1))
        return torch.stack(found, dim=-1)

    def _checked(self, x: Tensor, ops: Sequence[Operator]) -> list[Operator]:
        smooth = self.kernel.smoothness - ORDER
        for op in ops:
            if op.order > smooth:
                raise InputError(
                    f"The operator {op} has order {op.order}, but a {type(self).__name__} of {self.kernel} has only {smooth:g} "
                    f"continuous derivatives; use a smoother kernel, such as {_smooth(op.order)}."
                )
        return super()._checked(x, ops)


def require_potential(name: str, network: LinearModel) -> None:
    """Raise InputError where the second derivatives of a network's kernels are no positive definite matrix."""
    if not isinstance(network, RBFNetwork):
        raise InputError(f"{name} needs an RBFNetwork inside, but got {type(network).__name__}.")
    kernel = network.kernel
    if kernel.smoothness < ORDER or kernel.order is None or kernel.order > 1:
        has = f"{kernel.smoothness:g} continuous derivatives" if kernel.smoothness < ORDER else f"order {kernel.order}"
        raise InputError(
            f"{name} needs a kernel with at least {ORDER} continuous derivatives that is positive definite or of order 1, but "
            f"{kernel} has {has}; use {_smooth(0)}, wendland or multiquadric."
        )
    if len(network.tail):
        raise InputError(f"{name} needs a network without a tail, but this one has {len(network.tail)} terms; use degree=-1.")


def _smooth(order: int) -> str:
    return "gaussian or matern with nu=3.5" if order <= 4 else "gaussian"


def _nonzero(op: Operator) -> Operator:
    """Without the terms that cancel each other."""
    return Operator.of([(along, c) for along, c in op.terms if isinstance(c, Tensor) or c != 0.0])
