"""Enriched: a network with a few functions of the user's added to its basis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.errors import InputError
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._wrapper import Wrapper, require_callable
from rbfnet.operators import LinearModel, Operator, apply_operators


class Enriched(Wrapper):
    """u(x) = network(x) + sum_k a_k s_k(x), (..., D) -> (..., O), with the a_k (O,) as further linear unknowns.

    Radial basis functions converge fast where the solution is smooth, and slowly where it is singular. If the form of the
    singularity is known (:class:`CornerSingularity`, log(r) at a point source, exp(-x / delta) in a boundary layer), the
    network only has to represent the rest. Derivatives of the s_k are taken in closed form where they have one
    (``Differentiable``), by automatic differentiation elsewhere.

    Args:
        network: the :class:`RBFNetwork`, or a wrapper of one.
        functions: each maps points (B, D) to (B, T), or (B,) for one function; all together there are K. They treat rows
            independently and are as smooth as the operators need at the points where these are applied.

    Attributes:
        amplitude: (K, O), the a_k. coefficients: (N + K, O), those of the network and then these.

    Raises:
        InputError: no functions, or values of another shape or dtype.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Enriched, RBFNetwork
        >>> model = Enriched(RBFNetwork(1, 1, 9), [lambda x: torch.exp(-100 * x)])
        >>> model.coefficients.shape, model.amplitude.shape
        (torch.Size([10, 1]), torch.Size([1, 1]))

    Source: Strang and Fix, An analysis of the finite element method (1973), ch. 8.
    """

    def __init__(self, network: RBFNetwork | Wrapper | LinearModel, functions: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__(network)
        self.functions = list(functions)
        if not self.functions:
            raise InputError("Enriched needs at least one function of points (B, D) -> (B, T), but got none.")
        for function in self.functions:
            require_callable("A function of the enrichment", function)
        # Parameters of modules are trained and saved with the model.
        self.trained = nn.ModuleList([f for f in self.functions if isinstance(f, nn.Module)])
        weight = self.network.weight
        with torch.no_grad():
            counts = self._columns(self.network.centers[:1].detach() + 0.1, [Operator.identity()]).shape[1]
        self.amplitude = nn.Parameter(weight.new_zeros((counts, self.out_features)))

    def inner(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> tuple[Float[Tensor, "B D"], list[Operator]]:
        return x, list(ops)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        added = torch.einsum("btk,to->bok", self._columns(x, self._checked(x, ops)), self.amplitude)
        return self.network.apply_operators(x, ops) + added

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        """``op`` of the basis functions of the network, then of the K added ones."""
        return torch.cat([super().features(x, op), self._columns(x, self._checked(x, [op]))[..., 0]], dim=1)

    @property
    def coefficients(self) -> Float[Tensor, "N O"]:
        """Those of the network, then the amplitudes."""
        return torch.cat([self.network.coefficients, self.amplitude])

    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        """Write both in place."""
        self.network.set_coefficients(values[: -len(self.amplitude)])
        with torch.no_grad():
            self.amplitude.copy_(values[-len(self.amplitude) :])

    def _columns(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B K L"]:
        """Each operator applied to each added function."""
        found = [apply_operators(function, x, ops) for function in self.functions]
        for values in found:
            if values.dtype != x.dtype:
                raise InputError(
                    f"Functions of an enrichment must keep the dtype of the points, {x.dtype}, but gave {values.dtype}."
                )
        return torch.cat(found, dim=1)
