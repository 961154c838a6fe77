"""Derivatives of a model or callable u at points x, always per sample: nothing is summed over points or outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, shape_of
from rbfnet.operators._operator import Operator
from rbfnet.operators._protocol import apply_operators, dimensions

Model = Callable[[Tensor], Tensor]
"""A module or callable (B, D) -> (B, O), or (B,) for a single output, that treats its rows independently."""

HIGHEST = 100
"""The most derivatives there may be along one input."""

Matrix = Tensor | Sequence[Sequence[float]]
"""A tensor, or plain numbers, row by row."""


def jacobian(u: Model, x: Float[Tensor, "B D"]) -> Float[Tensor, "B O D"]:
    """First derivatives du_o/dx_j, shape (B, O, D).

    Raises:
        InputError: points that are not (B, D); so do all functions here.

    Example:
        >>> import torch
        >>> from rbfnet.operators import jacobian
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> jacobian(u, x)
        tensor([[[16., 12.]]])
    """
    return apply_operators(u, x, [Operator.d(j) for j in range(dimensions(x))])


def hessian(u: Model, x: Float[Tensor, "B D"]) -> Float[Tensor, "B O D D"]:
    """Second derivatives d2u_o/dx_j dx_k, shape (B, O, D, D), from the D (D + 1) / 2 different ones.

    Example:
        >>> import torch
        >>> from rbfnet.operators import hessian
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> hessian(u, x)[0, 0]
        tensor([[16., 24.],
                [24., 12.]])
    """
    dims = dimensions(x)
    pairs = [(j, k) for j in range(dims) for k in range(j, dims)]
    packed = apply_operators(u, x, [Operator.d(j, k) for j, k in pairs])
    places = [pairs.index((min(j, k), max(j, k))) for j in range(dims) for k in range(dims)]
    return packed[..., places].unflatten(-1, (dims, dims))


def laplacian(u: Model, x: Float[Tensor, "B D"], dims: Sequence[int] | None = None) -> Float[Tensor, "B O"]:
    """The sum of second derivatives, sum_i d2u_o/dx_i2 over the inputs i in ``dims`` (all of them if None), shape (B, O).

    Raises:
        InputError: an index that is not an input.

    Example:
        >>> import torch
        >>> from rbfnet.operators import laplacian
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> laplacian(u, x), laplacian(u, x, dims=(0,))
        (tensor([[28.]]), tensor([[16.]]))
    """
    return apply_operators(u, x, [Operator.laplacian(*chosen(x, dims))])[..., 0]


def biharmonic(u: Model, x: Float[Tensor, "B D"], dims: Sequence[int] | None = None) -> Float[Tensor, "B O"]:
    """The Laplacian of the Laplacian, sum_ij d4u_o/dx_i2 dx_j2 over the inputs i, j in ``dims`` (all if None), shape (B, O).

    Raises:
        InputError: an index that is not an input.

    Example:
        >>> import torch
        >>> from rbfnet.operators import biharmonic
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> biharmonic(u, x)
        tensor([[48.]])
    """
    return apply_operators(u, x, [Operator.biharmonic(*chosen(x, dims))])[..., 0]


def gradient_of_laplacian(u: Model, x: Float[Tensor, "B D"], dims: Sequence[int] | None = None) -> Float[Tensor, "B O D"]:
    """d/dx_j of the Laplacian over the inputs ``dims`` (all of them if None), for every input j, shape (B, O, D).

    Raises:
        InputError: an index that is not an input.

    Example:
        >>> import torch
        >>> from rbfnet.operators import gradient_of_laplacian
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> gradient_of_laplacian(u, x)
        tensor([[[24., 30.]]])
    """
    inner = chosen(x, dims)
    return apply_operators(u, x, [Operator.of([((j, i, i), 1.0) for i in inner]) for j in range(dimensions(x))])


def partial(u: Model, x: Float[Tensor, "B D"], multi_index: Sequence[int]) -> Float[Tensor, "B O"]:
    """One mixed derivative, shape (B, O): ``multi_index[j]`` is how often u is differentiated along input j.

    ``partial(u, x, (2, 1))`` is u_xxy in two dimensions.

    Raises:
        InputError: the multi-index is not one non-negative whole number per input.

    Example:
        >>> import torch
        >>> from rbfnet.operators import partial
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> partial(u, x, (1, 2))  # u_xyy
        tensor([[24.]])
    """
    counts = list(multi_index) if isinstance(multi_index, (list, tuple)) else []
    if len(counts) != dimensions(x) or not all(type(n) is int and 0 <= n <= HIGHEST for n in counts):
        raise InputError(
            f"A multi-index needs one non-negative number for each of the {dimensions(x)} inputs, but got {multi_index!r}."
        )
    op = Operator.d(*[j for j, n in enumerate(multi_index) for _ in range(n)])
    return apply_operators(u, x, [op])[..., 0]


def directional(
    u: Model, x: Float[Tensor, "B D"], v: Float[Tensor, "B D"] | Float[Tensor, " D"], order: int = 1
) -> Float[Tensor, "B O"]:
    """The ``order``-th derivative along v, shape (B, O): J v for order 1, v^T H v for order 2, and so on.

    ``v`` has one row per point, or is one vector (D,) for all of them. Order 2 is einsum 'bi,boij,bj->bo' of the Hessian without
    the Hessian.

    Raises:
        InputError: ``v`` does not fit ``x``, or the order is negative.

    Example:
        >>> import torch
        >>> from rbfnet.operators import directional
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> directional(u, x, torch.tensor([1.0, 0.0])), directional(u, x, torch.tensor([1.0, 0.0]), order=2)
        (tensor([[16.]]), tensor([[16.]]))
    """
    dims = dimensions(x)
    # Ranks first: a comparison of sizes that mean different things would fix the number of points under torch.export.
    if not isinstance(v, Tensor):
        raise InputError(f"A direction must be a tensor, but got {v!r}.")
    if type(order) is not int or order > HIGHEST:
        raise InputError(f"The order of a derivative must be 0, 1, 2, ..., but got {order!r}.")
    if v.ndim not in (1, 2) or v.shape[-1] != dims or (v.ndim == 2 and v.shape[0] != x.shape[0]):
        raise InputError(
            f"A direction must have the shape of the points, {tuple(x.shape)}, or of one of them, but got {tuple(v.shape)}."
        )
    return apply_operators(u, x, [Operator.directional(v, order)])[..., 0]


def second_order(u: Model, x: Float[Tensor, "B D"], C: Matrix) -> Float[Tensor, "B O"]:
    """C : H, that is sum_ij C_ij d2u_o/dx_i dx_j, shape (B, O), as one operator, without the Hessian.

    ``C`` is (D, D), or (B, D, D) with a matrix for each point; only its symmetric part matters. As a tensor it may be trained:
    gradients reach it. As plain numbers (``C.tolist()``) it is part of the operator, which then has no terms for zeros.

    Raises:
        InputError: ``C`` does not fit ``x``.

    Example:
        >>> import torch
        >>> from rbfnet.operators import second_order
        >>> def u(x):
        ...     return x[:, :1] ** 2 * x[:, 1:] ** 3
        >>> x = torch.tensor([[1.0, 2.0]])
        >>> second_order(u, x, torch.tensor([[1.0, 0.0], [0.0, 2.0]]))  # u_xx + 2 u_yy
        tensor([[40.]])
    """
    dims = dimensions(x)
    rows = isinstance(C, (list, tuple)) and all(isinstance(row, (list, tuple)) for row in C)
    if not rows and not isinstance(C, Tensor):
        raise InputError(f"The coefficients of second derivatives must be a tensor or rows of numbers, but got {C!r}.")
    shape = tuple(C.shape) if isinstance(C, Tensor) else (len(C), *{len(row) for row in C})
    if len(shape) not in (2, 3) or shape[-2:] != (dims, dims) or (len(shape) == 3 and shape[0] != x.shape[0]):
        raise InputError(
            f"The coefficients of second derivatives must have shape ({dims}, {dims}) or ({x.shape[0]}, {dims}, {dims}), "
            f"but got {shape}."
        )

    def entry(j: int, k: int) -> Tensor | float:
        return C[..., j, k] if isinstance(C, Tensor) else float(C[j][k])

    pairs = [(j, k) for j in range(dims) for k in range(j, dims)]
    terms = [((j, k), entry(j, k) if j == k else entry(j, k) + entry(k, j)) for j, k in pairs]
    return apply_operators(u, x, [Operator.of([(pair, c) for pair, c in terms if isinstance(c, Tensor) or c != 0.0])])[..., 0]


def quadratic_form(x: Float[Tensor, "B D"], A: Float[Tensor, "D D"]) -> Float[Tensor, " B"]:
    """x_b^T A x_b for each row b, shape (B,): no cross terms x_b^T A x_c are formed.

    Its gradient is x_b (A + A^T), row by row.

    Example:
        >>> import torch
        >>> from rbfnet.operators import quadratic_form
        >>> quadratic_form(torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.diag(torch.tensor([1.0, 3.0])))
        tensor([13.,  3.])
    """
    dims = dimensions(x)
    if not isinstance(A, Tensor) or tuple(A.shape) != (dims, dims):
        raise InputError(f"The matrix of a quadratic form must be a tensor ({dims}, {dims}), but got {shape_of(A)}.")
    return ((x @ A) * x).sum(dim=-1)


def chosen(x: Float[Tensor, "B D"], dims: Sequence[int] | None) -> tuple[int, ...]:
    """The inputs ``dims``, all if None, once each is known to be one."""
    known = dimensions(x)
    if not isinstance(dims, (list, tuple, range, type(None))):
        raise InputError(f"dims must be a list of coordinate indices, as in [0, 1], but got {dims!r}.")
    wanted = tuple([*range(known)]) if dims is None else tuple(dims)
    for i in wanted:
        if isinstance(i, bool) or not isinstance(i, int) or not 0 <= i < known:
            raise InputError(f"Coordinate index {i} is out of range for {known} inputs (0 to {known - 1}).")
    return wanted
