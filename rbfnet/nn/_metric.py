"""The metric of a layer: s = d^T A d, with A isotropic, diagonal or full, one for the layer or one per centre."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.errors import InputError, one_of
from rbfnet.nn.blocks import DiagonalGeometry, FullGeometry, Geometry, IsotropicGeometry, Pairs


class Metric(nn.Module, ABC):
    """A symmetric positive definite matrix A: s = (x - c)^T A (x - c). Positive by construction: its parameter is unconstrained.

    Args:
        epsilon: shape parameters, positive; see the subclasses for their shape.
        trainable: they are parameters rather than buffers.

    Attributes:
        raw: the unconstrained parameter or buffer.
        per_center: there is one matrix for each centre.

    Raises:
        InputError: shape parameters of another shape, or not positive and finite.

    Example:
        >>> from rbfnet import RBFLayer
        >>> layer = RBFLayer(3, 20, metric="full", per_center=True)
        >>> layer.metric.matrix(3).shape
        torch.Size([20, 3, 3])
    """

    raw: Tensor
    shared_ndim: ClassVar[int]
    """Of ``raw``, where there is one matrix for all centres."""

    def __init__(self, epsilon: Tensor, trainable: bool = True) -> None:
        super().__init__()
        if not (torch.isfinite(epsilon) & (epsilon > 0)).all():
            raise InputError(f"The shape parameter epsilon must be positive and finite, but got {epsilon.tolist()}.")
        raw = self._raw(epsilon).detach().clone(memory_format=torch.contiguous_format)
        if trainable:
            self.register_parameter("raw", nn.Parameter(raw))
        else:
            self.register_buffer("raw", raw)

    @abstractmethod
    def _raw(self, epsilon: Tensor) -> Tensor:
        """The unconstrained parameter for which the matrix is diag(epsilon^2)."""

    def factor(self) -> Tensor:
        """What A is made of: epsilon, or L for A = L L^T."""
        return self.raw.exp()

    def widen(self, factor: float) -> None:
        """Divide every shape parameter by ``factor``, in place."""
        with torch.no_grad():
            self.raw.sub_(math.log(factor))

    @abstractmethod
    def geometry(self, x: Tensor, centers: Tensor, factor: Tensor, pairs: Pairs) -> Geometry:
        """The distances of a block of pairs, with ``factor()`` given by the caller, who may differentiate in it."""

    @property
    def per_center(self) -> bool:
        """Whether each centre has a matrix of its own."""
        return self.raw.ndim > self.shared_ndim

    @property
    def epsilon(self) -> Float[Tensor, ...]:
        """The shape parameters."""
        return self.raw.exp()

    @abstractmethod
    def reach(self, dims: int) -> Float[Tensor, " D"]:
        """Lengths l_i for which s < 1 means sum_i (d_i / l_i)^2 < 1, whatever the centre."""

    @abstractmethod
    def matrix(self, dims: int) -> Float[Tensor, "... D D"]:
        """A, (D, D) or (M, D, D)."""

    def extra_repr(self) -> str:
        return f"per_center={self.per_center}"


class Isotropic(Metric):
    """A = epsilon^2 I: s = (epsilon r)^2, with epsilon () or (M,). ``raw`` is log epsilon.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Isotropic
        >>> Isotropic(torch.tensor(2.0)).matrix(2).tolist()
        [[4.0, 0.0], [0.0, 4.0]]
    """

    shared_ndim = 0

    def _raw(self, epsilon: Tensor) -> Tensor:
        _require(epsilon.ndim <= 1, "() or (M,)", "isotropic", epsilon)
        return epsilon.log()

    def geometry(self, x: Tensor, centers: Tensor, factor: Tensor, pairs: Pairs) -> Geometry:
        return IsotropicGeometry(x, centers, pairs, factor)

    def reach(self, dims: int) -> Float[Tensor, " D"]:
        return (1.0 / self.epsilon.min()).expand(dims)

    def matrix(self, dims: int) -> Float[Tensor, "... D D"]:
        return torch.diag_embed(self.epsilon.square()[..., None].expand(*self.raw.shape, dims))


class Diagonal(Metric):
    """A = diag(epsilon_1^2, ..., epsilon_D^2): a width for each input, epsilon (D,) or (M, D). ``raw`` is log epsilon.

    GPyTorch calls it automatic relevance determination, with lengthscale_i = 1 / epsilon_i up to the kernel's convention.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Diagonal
        >>> Diagonal(torch.tensor([1.0, 2.0])).matrix(2).tolist()
        [[1.0, 0.0], [0.0, 4.0]]
    """

    shared_ndim = 1

    def _raw(self, epsilon: Tensor) -> Tensor:
        _require(epsilon.ndim in (1, 2), "(D,) or (M, D)", "diagonal", epsilon)
        return epsilon.log()

    def geometry(self, x: Tensor, centers: Tensor, factor: Tensor, pairs: Pairs) -> Geometry:
        return DiagonalGeometry(x, centers, pairs, factor)

    def reach(self, dims: int) -> Float[Tensor, " D"]:
        return 1.0 / self.epsilon.reshape(-1, dims).amin(dim=0)

    def matrix(self, dims: int) -> Float[Tensor, "... D D"]:
        return torch.diag_embed(self.epsilon.square())


class Full(Metric):
    """A = L L^T with L lower triangular: widths along arbitrary directions. It starts as diag(epsilon^2), epsilon (D,) or (M, D).

    ``raw`` holds log L_11 ... log L_DD, then the entries below the diagonal, row by row: D (D + 1) / 2 numbers, for each centre
    if there is one matrix for each. ``epsilon`` is sqrt(A_ii), the shape parameter along each axis.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Full
        >>> Full(torch.tensor([1.0, 2.0])).matrix(2).shape
        torch.Size([2, 2])
    """

    shared_ndim = 1
    position: Tensor

    def __init__(self, epsilon: Tensor, trainable: bool = True) -> None:
        super().__init__(epsilon, trainable)
        dims = epsilon.shape[-1]
        # Where each entry of L is in (0, diagonal, below); 0 above the diagonal.
        position = torch.zeros(dims, dims, dtype=torch.long, device=epsilon.device)
        position[range(dims), range(dims)] = torch.arange(1, dims + 1, device=epsilon.device)
        rows, columns = torch.tril_indices(dims, dims, -1, device=epsilon.device)
        position[rows, columns] = torch.arange(dims + 1, dims + 1 + len(rows), device=epsilon.device)
        self.register_buffer("position", position, persistent=False)

    def _raw(self, epsilon: Tensor) -> Tensor:
        _require(epsilon.ndim in (1, 2), "(D,) or (M, D)", "full", epsilon)
        dims = epsilon.shape[-1]
        return torch.cat([epsilon.log(), epsilon.new_zeros((*epsilon.shape[:-1], dims * (dims - 1) // 2))], dim=-1)

    def factor(self) -> Tensor:
        dims = len(self.position)
        diagonal, below = self.raw[..., :dims], self.raw[..., dims:]
        entries = torch.cat([torch.zeros_like(diagonal[..., :1]), diagonal.exp(), below], dim=-1)
        return entries[..., self.position]

    def widen(self, factor: float) -> None:
        dims = len(self.position)
        with torch.no_grad():
            self.raw[..., :dims].sub_(math.log(factor))
            self.raw[..., dims:].div_(factor)

    def set_factor(self, lower: Float[Tensor, "... D D"]) -> None:
        """Write L in place: lower triangular, with a positive diagonal.

        Raises:
            InputError: another shape, a diagonal that is not positive, or entries above it.
        """
        dims = len(self.position)
        shape = (*self.raw.shape[:-1], dims, dims)
        if lower.shape != shape or not (lower.diagonal(dim1=-2, dim2=-1) > 0).all() or lower.triu(1).any():
            raise InputError(
                f"The factor L of a full metric is {shape}, lower triangular with a positive diagonal, but got "
                f"{tuple(lower.shape)} with diagonal {lower.diagonal(dim1=-2, dim2=-1).tolist()}."
            )
        rows, columns = torch.tril_indices(dims, dims, -1)
        with torch.no_grad():
            self.raw.copy_(torch.cat([lower.diagonal(dim1=-2, dim2=-1).log(), lower[..., rows, columns]], dim=-1))

    def geometry(self, x: Tensor, centers: Tensor, factor: Tensor, pairs: Pairs) -> Geometry:
        return FullGeometry(x, centers, pairs, factor)

    @property
    def epsilon(self) -> Float[Tensor, ...]:
        return self.factor().square().sum(dim=-1).sqrt()

    def reach(self, dims: int) -> Float[Tensor, " D"]:
        # |L^T d| >= (least singular value of L) |d|.
        return (1.0 / torch.linalg.matrix_norm(self.factor(), ord=-2).min()).expand(dims)

    def matrix(self, dims: int) -> Float[Tensor, "... D D"]:
        lower = self.factor()
        return lower @ lower.mT


METRICS: dict[str, type[Metric]] = {"isotropic": Isotropic, "diagonal": Diagonal, "full": Full}


def make_metric(
    metric: str, epsilon: Float[Tensor, ...], num_centers: int, dims: int, per_center: bool, trainable: bool
) -> Metric:
    """A metric by name, from shape parameters that are spread over the centres and inputs it has.

    Args:
        metric: ``"isotropic"``, ``"diagonal"`` or ``"full"``.
        epsilon: () or (M,); for the two others also (D,), (M, 1) and (M, D).
        per_center: one matrix for each centre, even if ``epsilon`` is one for all.

    Raises:
        InputError: an unknown name, or shape parameters that do not fit.
    """
    one_of("metric", metric, METRICS)
    if metric == "isotropic":
        shapes: tuple[tuple[int, ...], ...] = ((), (num_centers,))
        target: tuple[int, ...] = (num_centers,) if per_center or epsilon.ndim else ()
    else:
        shapes = ((), (dims,), (num_centers, 1), (num_centers, dims))
        target = (num_centers, dims) if per_center or epsilon.ndim == 2 else (dims,)
    if tuple(epsilon.shape) not in shapes:
        raise InputError(
            f"epsilon has shape {' or '.join(map(str, shapes))} for a metric that is {metric}, but got {tuple(epsilon.shape)}."
        )
    return METRICS[metric](epsilon.expand(target), trainable)


def _require(fits: bool, shape: str, name: str, epsilon: Tensor) -> None:
    if not fits:
        raise InputError(f"The shape parameters of a metric that is {name} are {shape}, but got {tuple(epsilon.shape)}.")
