"""RBFLayer: the radial basis functions themselves."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from rbfnet.errors import InputError, flag, positive
from rbfnet.kernels import Kernel, KernelLike, as_kernel
from rbfnet.nn._inputs import points as as_points
from rbfnet.nn._inputs import size
from rbfnet.nn._metric import make_metric
from rbfnet.nn._sums import contract
from rbfnet.nn.blocks import PAIRS, AllPairs, Pairs, blockwise, radial_columns
from rbfnet.nn.initializers import automatic_margin, epsilon_from_spacing, place
from rbfnet.operators import Differentiable, Operator, tensors_of
from rbfnet.sampling import IN_BOX

Finish = Callable[..., Tensor]
"""Cached quantities of a block of points."""


WIDEST = 1000
"""The largest margin."""


class RBFLayer(Differentiable):
    """M radial basis functions: (B, D) -> (B, M), with phi_bj = phi(s), s = (x_b - c_j)^T A_j (x_b - c_j).

    The metric A is epsilon^2 I, diag(epsilon_i^2) or any symmetric positive definite matrix, one for all centres or one for each.

    Every linear differential operator of it is known in closed form, is exact at the centres too, and is evaluated block by
    block: nothing of size B x M is held but what is asked for.

    Args:
        in_features: the dimension D.
        num_centers: the number of centres M; None takes it from ``centers`` or, for ``"points"``, all distinct ``points``.
        kernel: a Kernel, its name, or a plain function of s; copied if its parameters have another dtype or device.
        centers: (M, D), or how to place them (see ``rbfnet.nn.initializers``): ``"halton"``, ``"grid"``, ``"random"`` in the
            bounding box of ``points``; ``"kmeans"``, ``"farthest_point"``, ``"points"`` from them.
        epsilon: the shape parameter, positive: a number, (M,), or ``"auto"``: 1 / (overlap x spacing of the centres).
            Metrics that are diagonal or full take one for each input too: (D,), (M, 1) or (M, D).
        points: (N, D), where the layer will be used; the corners of the unit box if None.
        overlap: how many spacings the width 1 / epsilon is, for ``"auto"``.
        margin: how far centres that fill a box reach beyond it, as a fraction of each side; ``"auto"``: by overlap and dimension
            (:func:`rbfnet.nn.initializers.automatic_margin`).
        per_center: one metric for each centre rather than one for all.
        trainable_centers: centres are parameters rather than buffers.
        trainable_epsilon: the metric has parameters (log epsilon, so that it stays positive definite) rather than buffers.
        metric: ``"isotropic"``, ``"diagonal"`` or ``"full"``.
        compiled: sums over basis functions, and their gradients, run in blocks compiled by torch.compile: several times faster,
            after some ten seconds of compilation for each new set of operators; needs a C++ compiler.
        dtype, device: of the parameters.

    Attributes:
        centers: (M, D).
        metric: the Metric; ``metric.matrix(D)`` is A.
        epsilon: () or (M,), positive; (D,) or (M, D) for a metric that is diagonal or full.
        kernel: the Kernel.
        automatic: epsilon was left to be chosen: a solver may choose better than by the spacing alone.
        margin: how far centres reach beyond their box, where that was left to be chosen too; else None.

    Raises:
        InputError: anything above that does not fit, in one sentence.

    Example:
        >>> import torch
        >>> from rbfnet import RBFLayer
        >>> layer = RBFLayer(2, 50, kernel="matern", metric="diagonal", per_center=True)
        >>> layer(torch.rand(5, 2)).shape, layer.epsilon.shape
        (torch.Size([5, 50]), torch.Size([50, 2]))
    """

    centers: Tensor

    def __init__(
        self,
        in_features: int,
        num_centers: int | None,
        kernel: KernelLike = "gaussian",
        centers: Tensor | str = "halton",
        epsilon: Tensor | float | str = "auto",
        *,
        points: Float[Tensor, "N D"] | None = None,
        overlap: float = 1.0,
        margin: float | str = "auto",
        per_center: bool = False,
        trainable_centers: bool = True,
        trainable_epsilon: bool = True,
        metric: str = "isotropic",
        compiled: bool = False,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        for name, value in {"per_center": per_center, "trainable_centers": trainable_centers}.items():
            flag(name, value)
        flag("trainable_epsilon", trainable_epsilon)
        flag("compiled", compiled)
        positive("overlap", overlap)
        dtype = dtype or torch.get_default_dtype()
        self.in_features = size("in_features", in_features)
        reach = _margin(margin, in_features, overlap)
        self.compiled = compiled
        self.kernel = _cast(as_kernel(kernel), dtype, device)
        if in_features > self.kernel.max_dims:
            raise InputError(
                f"{self.kernel} is positive definite in {self.kernel.max_dims} dimensions at most, but in_features is "
                f"{in_features}; use another kernel, such as matern."
            )
        placed = _placed(in_features, num_centers, centers, points, reach, dtype).to(device=device)
        self.automatic = isinstance(epsilon, str)
        self.margin = reach if isinstance(margin, str) and isinstance(centers, str) and centers in IN_BOX else None
        shape = _shape(epsilon, placed, overlap, per_center and metric == "isotropic")
        self.metric = make_metric(metric, shape, len(placed), in_features, per_center, trainable_epsilon)
        placed = placed.detach().clone(memory_format=torch.contiguous_format)
        if trainable_centers:
            self.register_parameter("centers", nn.Parameter(placed))
        else:
            self.register_buffer("centers", placed)

    @property
    def num_centers(self) -> int:
        """M."""
        return len(self.centers)

    @property
    def epsilon(self) -> Float[Tensor, ...]:
        """The positive shape parameters, of shape () or (M,), or (D,) or (M, D) for diagonal and full metrics."""
        return self.metric.epsilon

    def shrink(self, factor: float) -> None:
        """Scale the centres about their midpoint, and the kernel widths with them, in place."""
        low, high = self.centers.detach().aminmax(dim=0)
        middle = (low + high) / 2
        with torch.no_grad():
            self.centers.copy_(middle + factor * (self.centers - middle))
        self.metric.widen(factor)

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... M"]:
        """The values of the basis functions."""
        x = as_points(x, self.in_features)
        flat = x.reshape(-1, x.shape[-1])
        return self.apply_operator(flat, Operator.identity()).reshape(*x.shape[:-1], self.num_centers)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B M K"]:
        if not ops:
            return x.new_zeros((x.shape[0], self.num_centers, 0))
        return self.evaluate(x, ops, lambda x, ops, columns: torch.stack(columns, dim=-1))

    def evaluate(self, x: Float[Tensor, "B D"], ops: Sequence[Operator], finish: Finish) -> Tensor:
        """The results of ``finish(x, ops, columns)`` for the columns (b, M) of each operator, block by block.

        Raises:
            InputError: points that are not (B, D), or an operator of higher order than the kernel is smooth.
        """
        ops = self._checked(x, ops)
        pairs = AllPairs()
        block = self.block(ops, lambda x: pairs, lambda x, ops, columns, pairs: finish(x, ops, columns))
        return blockwise(block, [x, *tensors_of(ops)], self.tensors(), self.rows_per_block)

    def contract(self, x: Float[Tensor, "B D"], ops: Sequence[Operator], weight: Float[Tensor, "M O"]) -> Float[Tensor, "B O K"]:
        """Each operator applied to the sums over basis functions sum_j phi_j(x) weight_jo, without storing the columns.

        Raises:
            InputError: as for :meth:`evaluate`.
        """
        return contract(self, x, self._checked(x, ops), weight)

    @property
    def rows_per_block(self) -> int:
        """Number of points per block."""
        return max(1, PAIRS * 8 // self.centers.element_size() // self.num_centers)

    def tensors(self) -> list[Tensor]:
        """The tensors that the basis functions depend on: centres, metric, parameters of the kernel."""
        return [self.centers, self.metric.factor(), *self.kernel.parameters()]

    def block(self, ops: Sequence[Operator], pairing: Callable[[Tensor], Pairs], finish: Finish) -> Callable[..., Tensor]:
        """A function of points, the tensors of the operators, those of the layer, and what ``finish`` takes beside the columns.

        Args:
            ops: the operators, over all points.
            pairing: the pairs of some points.
            finish: ``(x, ops, columns, pairs, *extra)`` -> what is kept.
        """
        swapped = tensors_of(ops)
        names = [name for name, _ in self.kernel.named_parameters()]
        kernel, metric = self.kernel, self.metric

        def block(x: Tensor, *rest: Tensor) -> Tensor:
            per_point, (centers, factor, *others) = rest[: len(swapped)], rest[len(swapped) :]
            own, extra = dict(zip(names, others, strict=False)), others[len(names) :]
            sliced = [op.substitute(swapped, per_point) for op in ops]
            pairs = pairing(x)
            geometry = metric.geometry(x, centers, factor, pairs)

            def rungs(s: Tensor, orders: Sequence[int]) -> Sequence[Tensor]:
                return functional_call(kernel, own, (s, orders)) if names else kernel.derivatives(s, orders)

            return finish(x, sliced, radial_columns(rungs, sliced, geometry), pairs, *extra)

        return block

    def _checked(self, x: Tensor, ops: Sequence[Operator]) -> list[Operator]:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise InputError(f"The points must have shape (B, {self.in_features}), but got {tuple(x.shape)}.")
        if x.dtype != self.centers.dtype:
            raise InputError(
                f"The points are {x.dtype} and the network {self.centers.dtype}; convert one, as by x.to(network.centers)."
            )
        require_smooth(self.kernel, ops)
        return [op.over(x.shape[0], self.in_features) for op in ops]

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, num_centers={self.num_centers}"


def require_smooth(kernel: Kernel, ops: Sequence[Operator]) -> None:
    """Raise InputError for an operator of higher order than the kernel has continuous derivatives.

    At the centres its values would be finite and wrong.
    """
    for op in ops:
        if op.order > kernel.smoothness:
            smooth = "gaussian or matern with nu=3.5" if op.order <= 6 else "gaussian"
            raise InputError(
                f"The operator {op} has order {op.order}, but {kernel} has only {kernel.smoothness:g} continuous derivatives at "
                f"its centre; use a smoother kernel, such as {smooth}."
            )


def _cast(kernel: Kernel, dtype: torch.dtype, device: torch.device | str | None) -> Kernel:
    """The kernel itself where its parameters fit; a copy where not, as another network may use it as it is."""
    wanted = torch.empty(0, dtype=dtype, device=device)
    own = [t for t in (*kernel.parameters(), *kernel.buffers()) if t.is_floating_point()]
    if all(t.dtype == wanted.dtype and t.device == wanted.device for t in own):
        return kernel
    return copy.deepcopy(kernel).to(device=device, dtype=dtype)


def _placed(
    in_features: int, num_centers: int | None, centers: Tensor | str, points: Tensor | None, margin: float, dtype: torch.dtype
) -> Tensor:
    if isinstance(centers, Tensor):
        if centers.ndim != 2 or centers.shape[1] != in_features or num_centers not in (None, len(centers)):
            wanted = "M" if num_centers is None else num_centers
            raise InputError(f"The centres must have shape ({wanted}, {in_features}), but got {tuple(centers.shape)}.")
        if not torch.isfinite(centers).all():
            raise InputError("The centres must be finite, but some are NaN or infinite.")
        size("num_centers", len(centers))
        return centers.to(dtype)
    if not isinstance(centers, str):
        raise InputError(f"The centres must be a tensor (M, {in_features}) or the name of an initialiser, but got {centers!r}.")
    if points is None:
        points = torch.tensor([[0.0] * in_features, [1.0] * in_features])
    if points.ndim != 2 or points.shape[1] != in_features or not len(points):
        raise InputError(f"The points must have shape (N, {in_features}), but got {tuple(points.shape)}.")
    if num_centers is None:
        if centers != "points":
            raise InputError(f"num_centers must be given to place centres by {centers!r}; only 'points' takes all points.")
        num_centers = len(torch.unique(points, dim=0))
    return place(centers, size("num_centers", num_centers), points.to(dtype), margin)


def _margin(margin: float | str, dims: int, overlap: float) -> float:
    if isinstance(margin, str):
        if margin != "auto":
            raise InputError(f"margin must be non-negative or 'auto', but got {margin!r}.")
        return automatic_margin(dims, overlap)
    if (reach := positive("margin", margin, zero=True)) > WIDEST:
        raise InputError(f"margin must be a fraction of each side, at most {WIDEST}, but got {margin!r}.")
    return reach


def _shape(epsilon: Tensor | float | str, centers: Tensor, overlap: float, per_center: bool) -> Tensor:
    if isinstance(epsilon, str):
        if epsilon != "auto":
            raise InputError(f"epsilon must be a positive number, one per centre or 'auto', but got {epsilon!r}.")
        return epsilon_from_spacing(centers, overlap, per_center)
    if not isinstance(epsilon, Tensor):
        positive("The shape parameter epsilon", epsilon)
    found = torch.as_tensor(epsilon, dtype=centers.dtype, device=centers.device)
    limits = torch.finfo(found.dtype)
    if not (((square := found.square()) >= limits.tiny) & (square <= limits.max)).all():
        low, high = math.sqrt(limits.tiny), math.sqrt(limits.max)
        raise InputError(
            f"The shape parameter epsilon must be between {low:.0e} and {high:.0e} in {found.dtype}, but got {epsilon!r}."
        )
    return found
