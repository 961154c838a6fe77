"""Axis-aligned boxes."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._gauss import unit
from rbfnet.domains._numbers import interval
from rbfnet.domains._piece import Piece
from rbfnet.domains._r_functions import conjunction
from rbfnet.domains._rejection import require_sampler
from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.sampling import IN_BOX


class Box(Domain):
    """An axis-parallel box in any dimension: ``Box(x=(0, 1), y=(0, 2), z=(-1, 1))``.

    The parts of its boundary are ``"x=low"``, ``"x=high"``, ``"y=low"``, ...

    Args:
        sides: for each coordinate its lowest and highest value.

    Raises:
        InputError: no side, or a side whose ends are not finite or not in ascending order.

    Example:
        >>> from rbfnet.domains import Box
        >>> box = Box(x=(0, 1), y=(0, 2), z=(-1, 1))
        >>> box.volume, box.parts
        (4.0, ('x=low', 'x=high', 'y=low', 'y=high', 'z=low', 'z=high'))
    """

    def __init__(self, **sides: tuple[float, float]) -> None:
        if not sides:
            raise InputError("A box needs at least one side, as in Box(x=(0, 1)).")
        ends = [interval(f"Side {name} of a box", side) for name, side in sides.items()]
        self.coords = tuple(sides)
        self._box = torch.tensor(ends, dtype=torch.float64).T

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        return self._box

    @property
    def volume(self) -> float:
        return (self._box[1] - self._box[0]).prod().item()

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        low, high = self._box.to(x)
        return ((x >= low - slack) & (x <= high + slack)).all(dim=1)

    def interior(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points inside; see :meth:`Domain.interior`. A ``"grid"`` is a full one, so n is k^D."""
        require_sampler(sampler)
        if sampler not in IN_BOX or (sampler == "halton" and len(self.coords) == 1):
            return super().interior(n, sampler)
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        return IN_BOX[sampler](self._box, n)

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        """The product of the rules of Gauss and Legendre along each side.

        N = k^D is next to n; it is exact for polynomials below degree 2k in each coordinate (of 512 for larger k). Where k were
        below 3 in more than three dimensions: n points of equal weight.
        """
        dims = len(self.coords)
        side = max(1, round(positive("The number of points", n, whole=True, most=MOST_POINTS) ** (1 / dims)))
        if dims > 3 and side < 3:
            return self.evenly(n)
        nodes, weights = unit(side)
        low, high = self._box
        x = low + (high - low) * torch.cartesian_prod(*[nodes] * dims).reshape(-1, dims)
        return x, self.volume * torch.cartesian_prod(*[weights] * dims).reshape(-1, dims).prod(dim=1)

    def surfaces(self, origin: Float[Tensor, " D"]) -> Float[Tensor, "S D+2"]:
        """The planes of its faces."""
        dims = len(self.coords)
        offsets = (self._box - origin).reshape(-1, 1)
        return torch.cat([torch.zeros_like(offsets), torch.eye(dims, dtype=offsets.dtype).repeat(2, 1), offsets], dim=1)

    @property
    def sliced(self) -> bool:
        return len(self.coords) <= 3

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P 2"]:
        """Both ends of the side."""
        k = x.shape[1]
        low, high = self._box[:, :k]
        inside = ((x >= low) & (x <= high)).all(dim=1, keepdim=True)
        return torch.where(inside, self._box[:, k], torch.nan)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(self._face(axis, side) for axis in range(len(self.coords)) for side in (0, 1))

    def _face(self, axis: int, side: int) -> Piece:
        others = [j for j in range(len(self.coords)) if j != axis]
        low, high = self._box[:, others]
        normal = torch.zeros(len(self.coords), dtype=torch.float64)
        normal[axis] = 2.0 * side - 1.0

        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            points = self._box[side].repeat(len(u), 1)
            points[:, others] = low + (high - low) * u
            return points, normal.repeat(len(u), 1)

        return Piece(f"{self.coords[axis]}={'low' if side == 0 else 'high'}", (high - low).prod().item(), len(others), at)

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """The R-conjunction of (x - a)(b - x) / (b - a) over all sides."""
        columns = self._parabolas(x)
        value = columns[0]
        for column in columns[1:]:
            value = conjunction(value, column)
        return value

    def distance(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """h prod_i (x_i - a_i)(b_i - x_i) / (h_i (b_i - a_i)), a polynomial and therefore smooth at corners too.

        h_i = (b_i - a_i) / 4, and h is the smallest h_i, the value at the centre.
        """
        quarter = (self._box[1] - self._box[0]) / 4
        value = torch.ones_like(x[:, 0])
        for column, height in zip(self._parabolas(x), quarter.tolist(), strict=True):
            value = value * (column / height)
        return quarter.min().item() * value

    def _parabolas(self, x: Tensor) -> list[Tensor]:
        return [(x[:, i] - a) * (b - x[:, i]) / (b - a) for i, (a, b) in enumerate(self._box.T.tolist())]

    def __repr__(self) -> str:
        sides = ", ".join(f"{c}=({a:g}, {b:g})" for c, (a, b) in zip(self.coords, self._box.T.tolist(), strict=True))
        return f"{type(self).__name__}({sides})"
