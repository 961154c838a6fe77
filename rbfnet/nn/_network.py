"""RBFNetwork: radial basis functions, a polynomial tail, and weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.errors import InputError, number
from rbfnet.kernels import Kernel, KernelLike
from rbfnet.nn._inputs import points, size
from rbfnet.nn._layer import RBFLayer
from rbfnet.nn._metric import Metric
from rbfnet.nn._tail import PolynomialTail, num_terms
from rbfnet.operators import LinearModel, Operator


class RBFNetwork(LinearModel):
    """u(x) = sum_j phi(epsilon_j^2 |x - c_j|^2) w_j + sum_t p_t(x) a_t, (..., D) -> (..., O).

    Linear in its weights, and every linear differential operator of it is known in closed form. Weights start at zero: as
    the network is linear in them there is no symmetry to break.

    Args:
        in_features: the dimension D.
        out_features: the number of outputs O.
        num_centers: the number of centres M (see :class:`RBFLayer`).
        kernel, centers, epsilon, points, overlap, margin, metric, per_center: see :class:`RBFLayer`.
        trainable_centers, trainable_epsilon, compiled, dtype, device: see :class:`RBFLayer`.
        degree: of the polynomial tail; None takes the least the kernel's order needs, -1 means no tail (as in SciPy).

    Attributes:
        centers: (M, D). epsilon: () or (M,), positive; (D,) or (M, D) for metrics that are diagonal or full. metric: the Metric.
        weight: (M, O). tail: (T, O), for the monomials that ``basis`` holds (of coordinates taken to [-1, 1]).
        kernel: the Kernel.

    Raises:
        InputError: anything that does not fit, fewer centres than the tail has terms among it.

    Example:
        >>> import torch
        >>> from rbfnet import RBFNetwork
        >>> from rbfnet.operators import laplacian
        >>> net, x = RBFNetwork(2, 1, 200, kernel="multiquadric"), torch.rand(50, 2)
        >>> loss = (laplacian(net, x) + 1).square().mean()
        >>> loss.backward()
        >>> net.weight.grad.shape, net.centers.grad.shape
        (torch.Size([200, 1]), torch.Size([200, 2]))
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        num_centers: int | None,
        kernel: KernelLike = "gaussian",
        centers: Tensor | str = "halton",
        epsilon: Tensor | float | str = "auto",
        degree: int | None = None,
        **layer: Any,
    ) -> None:
        super().__init__()
        self.layer = RBFLayer(in_features, num_centers, kernel, centers, epsilon, **layer)
        self.out_features = size("out_features", out_features)
        if degree is None:
            degree = (self.kernel.order or 0) - 1
        highest = number(degree)
        if not isinstance(highest, int) or highest < -1:
            raise InputError(f"The degree of the polynomial tail must be -1 (no tail), 0, 1, ..., but got {degree!r}.")
        # Before any of them is made: there are very many of a high degree.
        terms, most = num_terms(in_features, highest), self.layer.num_centers
        if most < terms:
            fits = next(lower for lower in count(-1) if num_terms(in_features, lower + 1) > most)
            shown = terms if terms < 10**15 else "more than 10^15"
            raise InputError(
                f"A polynomial tail of degree {degree} in {in_features} dimensions has {shown} terms, more than the {most} "
                f"centres; use at least {shown} centres, or a degree of at most {fits}."
            )
        self.basis = PolynomialTail(in_features, highest, self.centers)
        self.weight = nn.Parameter(self.centers.new_zeros((self.layer.num_centers, out_features)))
        self.tail = nn.Parameter(self.centers.new_zeros((len(self.basis), out_features)))

    @property
    def in_features(self) -> int:
        """D."""
        return self.layer.in_features

    @property
    def num_centers(self) -> int:
        """M."""
        return self.layer.num_centers

    @property
    def kernel(self) -> Kernel:
        """The radial kernel."""
        return self.layer.kernel

    @property
    def centers(self) -> Float[Tensor, "M D"]:
        """The centres."""
        return self.layer.centers

    @property
    def epsilon(self) -> Float[Tensor, ...]:
        """The shape parameters, () or (M,), positive; (D,) or (M, D) for metrics that are diagonal or full."""
        return self.layer.epsilon

    @property
    def metric(self) -> Metric:
        """The metric of the layer."""
        return self.layer.metric

    @property
    def shape_matrix(self) -> Float[Tensor, "... D D"]:
        """The matrix A of the metric s = (x - c)^T A (x - c), of shape (D, D) or (M, D, D)."""
        return self.metric.matrix(self.in_features)

    def replace_centers(
        self, centers: Float[Tensor, "M D"], raw: Float[Tensor, "M ..."], weight: Float[Tensor, "M O"] | None = None
    ) -> None:
        """Replace the centres by any number of others. Optimizers that hold the old parameters have to be created again.

        The tail and its coordinates stay. Solvers no longer choose the widths.

        Args:
            centers: (M, D).
            raw: of the metric (see :class:`Metric`), one row per centre; all of it where it is one for all centres.
            weight: (M, O); None for zeros.

        Raises:
            InputError: shapes that do not fit.
        """
        weight = centers.new_zeros((len(centers), self.out_features)) if weight is None else weight
        owners: list[tuple[nn.Module, str, Tensor]] = [
            (self.layer, "centers", centers), (self.metric, "raw", raw), (self, "weight", weight)
        ]  # fmt: skip
        for owner, name, new in owners:
            old = getattr(owner, name)
            shape = (len(centers), *old.shape[1:]) if name != "raw" or self.metric.per_center else tuple(old.shape)
            if new.shape != shape:
                raise InputError(f"{name} of {len(centers)} centres must be {shape}, but got {tuple(new.shape)}.")
            new = new.detach().to(old, copy=True).contiguous()
            setattr(owner, name, nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new)
        self.layer.automatic = False

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... O"]:
        """The value of the network."""
        x = points(x, self.in_features)
        flat = x.reshape(-1, x.shape[-1])
        return self.apply_operator(flat, Operator.identity()).reshape(*x.shape[:-1], self.out_features)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        # An empty tail is added too: a parameter that takes no part has no gradient to ask for.
        return self.layer.contract(x, ops, self.weight) + self.basis.contract(x, ops, self.tail)

    def contract(
        self, x: Float[Tensor, "B D"], ops: Sequence[Operator], coefficients: Float[Tensor, "N C"]
    ) -> Float[Tensor, "B C K"]:
        """Several operators of the basis, summed with other coefficients than the network's own."""
        weight, tail = coefficients[: self.num_centers], coefficients[self.num_centers :]
        return self.layer.contract(x, ops, weight) + self.basis.contract(x, ops, tail)

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        """``op`` of the M kernels, then of the T monomials: N = M + T columns."""

        def join(x: Tensor, ops: Sequence[Operator], columns: list[Tensor]) -> Tensor:
            return torch.cat([columns[0], self.basis.features(x, ops[0])], dim=1)

        return self.layer.evaluate(x, [op], join)

    def moments(self) -> Float[Tensor, "N T"]:
        """The monomials at the centres, then zeros: sum_j w_j p_t(c_j) = 0 for each t."""
        at_centers = self.basis.features(self.centers, Operator.identity())
        return torch.cat([at_centers, at_centers.new_zeros((len(self.basis), len(self.basis)))])

    @property
    def coefficients(self) -> Float[Tensor, "N O"]:
        """The weights, then the coefficients of the tail."""
        return torch.cat([self.weight, self.tail])

    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        """Write weights and tail in place."""
        with torch.no_grad():
            self.weight.copy_(values[: self.num_centers])
            self.tail.copy_(values[self.num_centers :])
