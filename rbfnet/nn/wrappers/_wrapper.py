"""Wrapper: a model made of another one, whose operators are operators on that one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, cast

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn._inputs import points
from rbfnet.nn._layer import require_smooth
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn._of_network import OfNetwork
from rbfnet.operators import LinearModel, Operator


class Wrapper(OfNetwork):
    """A model u made of a network n such that L u(x) = L' n(z) + rest, where L', z and rest do not depend on the weights.

    A subclass says what L' and z are (:meth:`inner`) and, where there is any, the rest (:meth:`outer`). As the directions and
    coefficients of an operator may vary from point to point, products, quotients and new coordinates are all of this form. So
    wrappers nest in any order, stay linear in the weights and keep closed forms, exact at the centres too.

    Args:
        network: an :class:`RBFNetwork` or another wrapper, or any LinearModel with their attributes.

    Attributes:
        network: what is wrapped. kernel, num_centers, in_features, out_features, centers (M, D), epsilon, weight (M, O),
        tail (T, O), coefficients (N, O): those of the network, unless a subclass says otherwise.

    Raises:
        InputError: ``network`` is no such model; on evaluation, points that are not (B, D), or an operator of higher order than
            the kernel is smooth.

    Example:
        >>> import torch
        >>> from rbfnet import Operator
        >>> from rbfnet.nn import RBFNetwork, Wrapper
        >>> class Reversed(Wrapper):
        ...     def inner(self, x, ops):  # u(x) = network(-x)
        ...         return -x, [Operator.of([(along, (-1.0) ** len(along) * c) for along, c in op.terms]) for op in ops]
        >>> net, x = RBFNetwork(1, 1, 9), torch.tensor([[0.3]])
        >>> net.set_coefficients(torch.arange(9.0)[:, None])
        >>> torch.equal(Reversed(net)(x), net(-x))
        True
    """

    _needed = ("_parameters", "network")
    _keeps_vectors: ClassVar[bool] = False
    """Whether a vector field without divergence or rotation stays one in this wrapper."""

    def __init__(self, network: RBFNetwork | Wrapper | LinearModel) -> None:
        super().__init__()
        if not isinstance(network, LinearModel):
            raise InputError(
                f"{type(self).__name__} needs an RBFNetwork or a wrapper of one as its first argument, but got {network!r}."
            )
        if network.coupled and not self._keeps_vectors:
            raise InputError(
                f"{type(self).__name__} would spoil the {type(network).__name__} in it; wrap the other way round, as in "
                f"{type(network).__name__}({type(self).__name__}(network, ...))."
            )
        self.network = cast(RBFNetwork | Wrapper, network)

    @abstractmethod
    def inner(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> tuple[Float[Tensor, "B E"], list[Operator]]:
        """The points z, and for each operator on this model at x the one on the wrapped model at z.

        The tensors in ``ops`` have their full shapes.
        """
        raise NotImplementedError

    def outer(
        self, x: Float[Tensor, "B D"], ops: Sequence[Operator], values: Float[Tensor, "B O K"] | None
    ) -> Float[Tensor, "B O K"] | None:
        """This model's values of ``ops`` from those of the wrapped one; None stands for zero, in and out."""
        return values

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... O"]:
        """The value of the model."""
        x = points(x, self.in_features)
        flat = x.reshape(-1, x.shape[-1])
        return self.apply_operator(flat, Operator.identity()).reshape(*x.shape[:-1], self.out_features)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        ops = self._checked(x, ops)
        return cast(Tensor, self.outer(x, ops, self.network.apply_operators(*self.inner(x, ops))))

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        z, (inner,) = self.inner(x, self._checked(x, [op]))
        return self.network.features(z, inner)

    def offset(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B O"] | None:
        ops = self._checked(x, [op])
        z, (inner,) = self.inner(x, ops)
        wrapped = self.network.offset(z, inner)
        total = self.outer(x, ops, None if wrapped is None else wrapped[..., None])
        return None if total is None else total[..., 0]

    def _checked(self, x: Tensor, ops: Sequence[Operator]) -> list[Operator]:
        """The operators with full tensors, once they are known to fit; here, so that they are named as the user knows them."""
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise InputError(f"The points must have shape (B, {self.in_features}), but got {tuple(x.shape)}.")
        require_smooth(self.kernel, ops)
        return [op.over(x.shape[0], self.in_features) for op in ops]

    @property
    def coefficients(self) -> Float[Tensor, "N O"]:
        return self.network.coefficients

    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        self.network.set_coefficients(values)


def innermost(model: LinearModel) -> LinearModel:
    """What is inside all wrappers."""
    while isinstance(model, Wrapper):
        model = model.network
    return model


def require_callable(name: str, given: Any) -> None:
    """Raise InputError for what cannot be called."""
    if not callable(given):
        raise InputError(f"{name} must be a function of points (B, D), but got {given!r}.")


def require_shape(name: str, values: Float[Tensor, "B O K"], x: Tensor, size: int) -> None:
    """Raise InputError where a user's function does not give ``size`` numbers a point, of the dtype of the points."""
    if values.shape[:-1] != (x.shape[0], size):
        wanted = f"({x.shape[0]}, {size})" + (f" or ({x.shape[0]},)" if size == 1 else "")
        raise InputError(f"{name} must give shape {wanted} for {x.shape[0]} points, but gave {tuple(values.shape[:-1])}.")
    if values.dtype != x.dtype:
        raise InputError(f"{name} must keep the dtype of the points, {x.dtype}, but gave {values.dtype}.")
