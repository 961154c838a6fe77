"""The protocol through which operators are applied, and its one free function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.errors import InputError, shape_of
from rbfnet.initialised import Initialised
from rbfnet.operators._autograd import autograd_operators
from rbfnet.operators._operator import Operator


class Differentiable(nn.Module, Initialised, ABC):
    """A module (B, D) -> (B, O) that knows its own derivatives.

    Example:
        >>> import torch
        >>> from rbfnet.operators import Differentiable, Operator, laplacian
        >>> class Square(Differentiable):
        ...     def apply_operators(self, x, ops):
        ...         known = {(): x**2, (0,): 2 * x, (0, 0): 2 * torch.ones_like(x)}
        ...         return torch.stack([sum(c * known[along] for along, c in op.terms) for op in ops], dim=-1)
        >>> laplacian(Square(), torch.ones(3, 1)).tolist()
        [[2.0], [2.0], [2.0]]
    """

    _needed: ClassVar[tuple[str, ...]] = ("_parameters",)

    @abstractmethod
    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        """Every operator applied to every output at every point. Evaluating several operators together shares the distances.

        Coordinates in ``ops`` are indices, and tensors have one row per point: the function of this name sees to it.
        """
        raise NotImplementedError

    def apply_operator(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B O"]:
        """One operator applied to every output at every point."""
        return self.apply_operators(x, [op])[..., 0]


class LinearModel(Differentiable):
    """A model that is linear (affine) in its coefficients: L u(x) = features(x, L) @ coefficients + offset(x, L).

    These methods are all that a solver needs to know about a model.

    Example:
        >>> import torch
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.operators import LinearModel, Operator
        >>> net, x = RBFNetwork(2, 1, 50), torch.rand(5, 2)
        >>> net.set_coefficients(torch.randn(50, 1))
        >>> isinstance(net, LinearModel)
        True
        >>> torch.allclose(net(x), net.features(x, Operator.identity()) @ net.coefficients, atol=1e-5)
        True
    """

    @abstractmethod
    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        """``op`` applied to each of the N basis functions."""
        raise NotImplementedError

    def offset(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B O"] | None:
        """``op`` applied to the model with zero coefficients; None stands for zero."""
        return None

    @property
    def coupled(self) -> tuple[int, ...]:
        """The outputs whose coefficients are not their own column; none, as a rule.

        These outputs, such as the components of a vector field, depend on all of the columns with their numbers. They have no
        :meth:`features` of their own, only :meth:`columns`.
        """
        return ()

    def columns(self, x: Float[Tensor, "B D"], ops: Mapping[int, Operator]) -> dict[int, Float[Tensor, "B N"]]:
        """The factors of each column of the coefficients in sum_o ops[o] u_o, without the offset; missing ones are zero.

        As a rule an output depends on its own column alone, and these are :meth:`features`.
        """
        return {output: self.features(x, op) for output, op in ops.items()}

    @property
    @abstractmethod
    def coefficients(self) -> Float[Tensor, "N O"]:
        """The linear unknowns."""
        raise NotImplementedError

    @abstractmethod
    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        """Write the linear unknowns in place."""
        raise NotImplementedError

    def moments(self) -> Float[Tensor, "N T"] | None:
        """Columns the coefficients are orthogonal to where the model interpolates at its own centres; None if it has no centres.

        They are the moment conditions of a polynomial tail, and make the square system symmetric.
        """
        return None


def with_closed_form(u: Any) -> Any:
    """The model of an object that holds one, such as a solution; any other object is returned unchanged.

    Example:
        >>> import rbfnet
        >>> from rbfnet.operators import with_closed_form
        >>> from rbfnet.problems import Poisson
        >>> solution = rbfnet.solve(Poisson(), num_centers=100)
        >>> with_closed_form(solution) is solution.model
        True
    """
    if isinstance(u, nn.Module):
        return u
    model = getattr(u, "model", None)
    return model if isinstance(model, Differentiable) else u


def dimensions(x: Float[Tensor, "B D"]) -> int:
    """D, once it is known that these are points.

    Raises:
        InputError: they are not (B, D).
    """
    if not isinstance(x, Tensor) or x.ndim != 2:
        raise InputError(f"Points must have shape (B, D), one row per point, but got {shape_of(x)}.")
    return x.shape[1]


def apply_operators(u: Callable[[Tensor], Tensor], x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
    """Apply operators to any model, by its closed form if it has one and otherwise by automatic differentiation.

    No operators give (B, O, 0).

    Raises:
        InputError: points that are not (B, D), or operators and models that do not fit them.

    Example:
        >>> import torch
        >>> from rbfnet.operators import Operator, apply_operators
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> apply_operators(u, x, [Operator.identity(), Operator.d(0), Operator.laplacian(0, 1)])
        tensor([[[ 8., 16., 28.]]])
    """
    u = with_closed_form(u)
    dimensions(x)
    if not callable(u) or isinstance(u, type):
        raise InputError(f"A model must be a module or a function of points, but got {u!r}.")
    if not ops:
        return apply_operators(u, x, [Operator.identity()])[..., :0]
    for op in ops:
        for tensor in op.tensors:
            if torch.promote_types(tensor.dtype, x.dtype) != x.dtype:
                raise InputError(
                    f"The points are {x.dtype}, but the operator {op} holds a tensor of {tensor.dtype}; convert one."
                )
    ops = [op.over(x.shape[0], x.shape[1]) for op in ops]
    return u.apply_operators(x, ops) if isinstance(u, Differentiable) else autograd_operators(u, x, ops)
