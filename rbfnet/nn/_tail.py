"""The polynomial tail: monomials up to a degree, and every operator of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.nn.blocks import PAIRS, blockwise
from rbfnet.operators import Direction, Operator, tensors_of


def num_terms(in_features: int, degree: int) -> int:
    """T = C(D + degree, D), the number of monomials in D coordinates up to a total degree."""
    return math.comb(in_features + degree, in_features)


class PolynomialTail(nn.Module):
    """The T = C(D + degree, D) monomials of z = (x - shift) / scale up to a total degree; none for degree -1.

    Shift and scale take the centres to [-1, 1], so that the columns stay comparable wherever the data lie. For degree 1 the
    columns are 1, z_1, ..., z_D.

    Args:
        in_features: the dimension D.
        degree: the highest total degree, -1 for no tail.
        points: (N, D), what is to be taken to [-1, 1].
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, in_features: int, degree: int, points: Float[Tensor, "N D"]) -> None:
        super().__init__()
        self.degree = degree
        self.powers = [
            tuple(chosen.count(i) for i in range(in_features))
            for total in range(degree + 1)
            for chosen in combinations_with_replacement(range(in_features), total)
        ]
        low, high = points.detach().amin(dim=0), points.detach().amax(dim=0)
        half = (high - low) / 2
        self.register_buffer("shift", (low + high) / 2)
        self.register_buffer("scale", torch.where(half > 0, half, 1.0))

    def __len__(self) -> int:
        return len(self.powers)

    def features(self, x: Float[Tensor, "B D"], op: Operator) -> Float[Tensor, "B T"]:
        """``op`` of each monomial."""
        if not self.powers:
            return x.new_zeros((x.shape[0], 0))
        z = (x - self.shift) / self.scale
        columns = []
        for power in self.powers:
            column: Tensor | float = 0.0
            for directions, c in op.terms:
                column = column + c * self._derivative(z, power, directions)
            columns.append(torch.broadcast_to(torch.as_tensor(column, dtype=x.dtype, device=x.device), (x.shape[0],)))
        return torch.stack(columns, dim=-1)

    def contract(self, x: Float[Tensor, "B D"], ops: Sequence[Operator], weight: Float[Tensor, "T O"]) -> Float[Tensor, "B O K"]:
        """Each operator of sum_t p_t(x) weight_to, without the B x T columns being held."""
        if not ops:
            return x.new_zeros((x.shape[0], weight.shape[1], 0))
        ops = [op.over(x.shape[0], x.shape[1]) for op in ops]
        tensors = tensors_of(ops)

        def block(x: Tensor, *rest: Tensor) -> Tensor:
            per_point, weight = rest[:-1], rest[-1]
            sliced = [op.substitute(tensors, per_point) for op in ops]
            return torch.stack([self.features(x, op) @ weight for op in sliced], dim=-1)

        return blockwise(block, [x, *tensors], [weight], max(1, PAIRS // max(1, len(self.powers))))

    def _derivative(self, z: Tensor, power: tuple[int, ...], directions: Sequence[Direction]) -> Tensor | float:
        if len(directions) > sum(power):
            return 0.0
        if not directions:
            product = torch.ones_like(z[:, 0])
            for i, n in enumerate(power):
                if n:
                    product = product * z[:, i] ** n
            return product
        v, rest = directions[0], directions[1:]
        total: Tensor | float = 0.0
        for i, n in enumerate(power):
            along = v[:, i] if isinstance(v, Tensor) else float(v == i)
            if n and not (isinstance(along, float) and along == 0.0):
                lower = (*power[:i], n - 1, *power[i + 1 :])
                total = total + n * along / self.scale[i] * self._derivative(z, lower, rest)
        return total

    def extra_repr(self) -> str:
        return f"degree={self.degree}"
