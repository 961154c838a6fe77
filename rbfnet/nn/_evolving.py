"""Evolving: a network in space whose weights are functions of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.polynomial import chebyshev
from torch import Tensor, nn

from rbfnet.errors import InputError, positive
from rbfnet.nn._inputs import points
from rbfnet.nn._layer import require_smooth
from rbfnet.nn._metric import Full, Isotropic
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn._of_network import OfNetwork
from rbfnet.nn.local import LocalNetwork
from rbfnet.operators import Along, Coefficient, Operator, in_space_and_time


class Evolving(OfNetwork):
    """u(x, t) = sum_j phi_j(x) w_j(t), where each w_j is a Chebyshev polynomial on each piece of time, (..., D) -> (..., O).

        w_j(t) = sum_k w_kj T_k(s),   s = 2 (t - b_i) / (b_(i+1) - b_i) - 1   for b_i <= t <= b_(i+1).

    Time is the last coordinate. Derivatives in space are those of the network, those in time those of the polynomials, so that
    every linear differential operator is exact. Outside of all pieces u stays as it is at the nearest end.

    Args:
        network: the basis in space, an :class:`RBFNetwork` or :class:`LocalNetwork` with d = D - 1 inputs; its own weights
            take no part.
        start, end: of the one piece there is at first.
        degree: K, of the polynomials.
        point: there is no space but one point: D = 1, and the network, of one input, is taken at zero.

    Attributes:
        breaks: (S + 1,), the ends of the pieces. carried: (S, K + 1, N, O), for the M kernels and T terms of the tail.
        kernel, num_centers, centers (M, d), epsilon, shape_matrix: of the network in space.
        weight (M, O), tail (T, O): at the end.

    Raises:
        InputError: pieces that do not rise, or shapes that do not fit.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Evolving, RBFNetwork
        >>> from rbfnet.operators import Field
        >>> model = Evolving(RBFNetwork(1, 1, 20), start=0.0, end=1.0, degree=5)
        >>> u = Field(model, torch.rand(4, 2), ("x", "t"))
        >>> u.d("t").shape, u.d("xx").shape
        (torch.Size([4]), torch.Size([4]))
    """

    breaks: Tensor
    slope: Tensor

    def __init__(self, network: RBFNetwork | LocalNetwork, start: float, end: float, degree: int, point: bool = False) -> None:
        super().__init__()
        positive("degree", degree, whole=True, most=1000)
        if not end > start:
            raise InputError(f"The end of time must be after its start, but got start={start!r} and end={end!r}.")
        self.network, self.degree, self.is_point = network, degree, point
        like = network.weight
        if point:
            # In the state, so that it is known where a model is read.
            self.register_buffer("point", like.new_zeros((1, 1)))
        self.register_buffer("breaks", torch.tensor([start, end], dtype=like.dtype, device=like.device))
        self.carried = nn.Parameter(like.new_zeros((1, degree + 1, network.coefficients.shape[0], network.out_features)))
        slope = np.zeros((degree + 1, degree + 1))
        for k, row in enumerate(np.eye(degree + 1)):
            derivative = chebyshev.chebder(row)
            slope[: len(derivative), k] = derivative
        self.register_buffer("slope", torch.from_numpy(slope).to(like), persistent=False)

    def set_pieces(self, breaks: Float[Tensor, " S+1"], carried: Float[Tensor, "S K+1 N O"]) -> None:
        """Replace all pieces.

        Raises:
            InputError: shapes that do not fit, or ends that do not rise.
        """
        if carried.shape[1:] != self.carried.shape[1:] or breaks.shape != (len(carried) + 1,) or not len(carried):
            raise InputError(
                f"Pieces need (S + 1,) ends and coefficients (S, {', '.join(map(str, self.carried.shape[1:]))}), but got "
                f"{tuple(breaks.shape)} and {tuple(carried.shape)}."
            )
        if not (breaks.diff() > 0).all():
            raise InputError(f"The ends of the pieces must increase, but got {breaks.tolist()}.")
        self.breaks = breaks.to(self.breaks)
        self.carried.data = carried.detach().to(self.carried)

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... O"]:
        """The value of the model."""
        x = points(x, self.in_features)
        flat = x.reshape(-1, x.shape[-1])
        return self.apply_operator(flat, Operator.identity()).reshape(*x.shape[:-1], self.out_features)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        terms, alongs, orders = self._terms(x, ops)
        inner = self.network
        total = x.new_zeros((len(x), self.out_features, len(ops)))
        count, place = self.degree + 1, self._piece(x)
        for piece in place.unique().tolist():
            rows = (place == piece).nonzero()[:, 0]
            flat = self.carried[piece].transpose(0, 1).flatten(1)
            in_space = [Operator.d(*along) for along in alongs]
            space = self._space(x[rows])
            values = inner.contract(space, in_space, flat)
            values = values.reshape(len(rows), count, self.out_features, len(alongs))
            times = {q: self._in_time(x[rows, -1], piece, q) for q in orders}
            columns = []
            for found in terms:
                column = x.new_zeros((len(rows), self.out_features))
                for along, q, c in found:
                    term = torch.einsum("bk,bko->bo", times[q], values[..., alongs.index(along)])
                    column = column + (c[rows, None] if isinstance(c, Tensor) else c) * term
                columns.append(column)
            total = total.index_copy(0, rows, torch.stack(columns, dim=-1))
        return total

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B N"]:
        """``op`` of every product phi_j(x) T_k(t), zero on other pieces: N = S (K + 1) (M + T) columns."""
        (terms,), alongs, orders = self._terms(x, [op])
        place = self._piece(x)
        space = self._space(x)
        values = {along: self.network.features(space, Operator.d(*along)) for along in alongs}
        size = self.carried.shape[2]
        total = x.new_zeros((len(x), len(self.carried), self.degree + 1, size))
        for piece in place.unique().tolist():
            rows = (place == piece).nonzero()[:, 0]
            times = {q: self._in_time(x[rows, -1], piece, q) for q in orders}
            for along, q, c in terms:
                factor = c[rows, None, None] if isinstance(c, Tensor) else c
                total[rows, piece] += factor * times[q][:, :, None] * values[along][rows][:, None]
        return total.flatten(1)

    def _terms(
        self, x: Tensor, ops: Sequence[Operator]
    ) -> tuple[list[list[tuple[Along, int, Coefficient]]], list[Along], set[int]]:
        """The terms of each operator, and what they need of space and time."""
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise InputError(f"The points must have shape (B, {self.in_features}), but got {tuple(x.shape)}.")
        terms = [in_space_and_time(op.over(len(x), self.in_features), self.in_features - 1) for op in ops]
        needed = [term for found in terms for term in found]
        alongs = list(dict.fromkeys(along for along, *_ in needed)) or [()]
        require_smooth(self.kernel, [Operator.d(*along) for along in alongs])
        return terms, alongs, {q for _, q, _ in needed}

    def _space(self, x: Tensor) -> Tensor:
        return x.new_zeros((len(x), 1)) if self.is_point else x[:, :-1].contiguous()

    def _piece(self, x: Tensor) -> Tensor:
        return torch.searchsorted(self.breaks[1:-1].contiguous(), x[:, -1].detach().contiguous())

    def _in_time(self, t: Float[Tensor, " B"], piece: int, order: int) -> Float[Tensor, "B K+1"]:
        """A derivative of the Chebyshev polynomials."""
        low, high = self.breaks[piece], self.breaks[piece + 1]
        s = 2 * (t - low) / (high - low) - 1
        inside = (s.detach() >= -1) & (s.detach() <= 1)
        s = s.clamp(-1, 1)
        columns = [torch.ones_like(s), s]
        while len(columns) < self.degree + 1:
            columns.append(2 * s * columns[-1] - columns[-2])
        values = torch.stack(columns[: self.degree + 1], dim=1)
        for _ in range(order):
            values = values @ self.slope * (2 / (high - low))
        return values * inside[:, None] if order else values

    @property
    def coefficients(self) -> Float[Tensor, "N O"]:
        """The coefficients of all pieces."""
        return self.carried.flatten(0, 2)

    def set_coefficients(self, values: Float[Tensor, "N O"]) -> None:
        """Write the coefficients in place."""
        with torch.no_grad():
            self.carried.copy_(values.reshape(self.carried.shape))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # How many pieces there are, and of which degree they are, is known from the state alone.
        for name in ("breaks", "carried"):
            if (given := state_dict.get(prefix + name)) is not None:
                own = getattr(self, name)
                own.data = own.new_zeros(given.shape)
        # A solver may give all kernels widths that differ by direction.
        raw = state_dict.get(prefix + "network.layer.metric.raw")
        if (
            raw is not None
            and (layer := self.network.layer)
            and not layer.metric.per_center
            and raw.shape != layer.metric.raw.shape
        ):
            if raw.shape == (self.metric_size,):
                layer.metric = Full(layer.centers.new_ones(layer.in_features), isinstance(layer.metric.raw, nn.Parameter))
            elif not raw.ndim:
                layer.metric = Isotropic(layer.centers.new_ones(()), isinstance(layer.metric.raw, nn.Parameter))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @property
    def metric_size(self) -> int:
        """How many numbers a full metric for all kernels has."""
        dims = self.network.in_features
        return dims * (dims + 1) // 2

    @property
    def in_features(self) -> int:
        """D."""
        return 1 if self.is_point else self.network.in_features + 1

    @property
    def weight(self) -> Float[Tensor, "M O"]:
        """The weights of the kernels at the end."""
        return self.carried[-1, :, : self.num_centers].sum(dim=0)

    @property
    def tail(self) -> Float[Tensor, "T O"]:
        """The coefficients of the tail at the end."""
        return self.carried[-1, :, self.num_centers :].sum(dim=0)
