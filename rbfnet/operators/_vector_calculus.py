"""Vector calculus of a model u with as many outputs as inputs: u_i is the component along x_i."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators._functions import Model, directional, jacobian
from rbfnet.operators._protocol import dimensions


def divergence(u: Model, x: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
    """sum_i du_i/dx_i, shape (B,).

    Raises:
        InputError: the model does not have one output for each input.

    Example:
        >>> import torch
        >>> from rbfnet.operators import divergence
        >>> def u(x):
        ...     return torch.stack([x[:, 0] * x[:, 1], x[:, 1] ** 2], dim=1)
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> divergence(u, x)  # y + 2 y
        tensor([6.])
    """
    return _square_jacobian(u, x).diagonal(dim1=1, dim2=2).sum(dim=-1)


def curl(u: Model, x: Float[Tensor, "B D"]) -> Tensor:
    """The rotation: du_2/dx_1 - du_1/dx_2, shape (B,), in two dimensions; the vector nabla x u, shape (B, 3), in three.

    Raises:
        InputError: another dimension, or a model that does not have one output for each input.

    Example:
        >>> import torch
        >>> from rbfnet.operators import curl
        >>> def u(x):
        ...     return torch.stack([x[:, 0] * x[:, 1], x[:, 1] ** 2], dim=1)
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> curl(u, x)  # -x
        tensor([-1.])
    """
    dims = dimensions(x)
    if dims not in (2, 3):
        raise InputError(f"The curl needs points in two or three dimensions, but they have {dims}.")
    j = _square_jacobian(u, x)
    if dims == 2:
        return j[:, 1, 0] - j[:, 0, 1]
    return torch.stack([j[:, b, a] - j[:, a, b] for a, b in ((1, 2), (2, 0), (0, 1))], dim=-1)


def symmetric_gradient(u: Model, x: Float[Tensor, "B D"]) -> Float[Tensor, "B D D"]:
    """(du_i/dx_j + du_j/dx_i) / 2, shape (B, D, D): the linear strain of a displacement, the strain rate of a velocity.

    Raises:
        InputError: the model does not have one output for each input.

    Example:
        >>> import torch
        >>> from rbfnet.operators import symmetric_gradient
        >>> def u(x):
        ...     return torch.stack([x[:, 0] * x[:, 1], x[:, 1] ** 2], dim=1)
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> symmetric_gradient(u, x)
        tensor([[[2.0000, 0.5000],
                 [0.5000, 4.0000]]])
    """
    j = _square_jacobian(u, x)
    return (j + j.mT) / 2


def advection(u: Model, x: Float[Tensor, "B D"], w: Float[Tensor, "B D"] | Float[Tensor, " D"]) -> Float[Tensor, "B O"]:
    """(w . grad) u_o = sum_i w_i du_o/dx_i, shape (B, O), for any number of outputs; w has a row for each point, or is one (D,).

    It is the directional derivative along w, by the name it has in a transport equation.

    Raises:
        InputError: ``w`` does not fit ``x``.

    Example:
        >>> import torch
        >>> from rbfnet.operators import advection
        >>> def u(x):
        ...     return torch.stack([x[:, 0] * x[:, 1], x[:, 1] ** 2], dim=1)
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> advection(u, x, torch.tensor([1.0, 0.0]))
        tensor([[2., 0.]])
    """
    return directional(u, x, w)


def _square_jacobian(u: Model, x: Tensor) -> Tensor:
    j = jacobian(u, x)
    if j.shape[1] != j.shape[2]:
        raise InputError(
            f"One output is needed for each of the {j.shape[2]} inputs, but the model has {j.shape[1]}; "
            "a Field pairs named outputs with coordinates."
        )
    return j
