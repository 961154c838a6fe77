from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.errors import InputError, unknown
from rbfnet.nn.initializers import IN_BOX


class Box(Domain):
    """An axis-parallel box in any dimension: ``Box(x=(0, 1), y=(0, 2), z=(-1, 1))``.

    Args:
        sides: for each coordinate its lowest and highest value.

    Raises:
        InputError: no side, or one whose ends are not finite and rising.
    """

    def __init__(self, **sides: tuple[float, float]) -> None:
        if not sides:
            raise InputError("A box needs at least one side, as in Box(x=(0, 1)).")
        for name, (low, high) in sides.items():
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise InputError(f"Side {name} of a box goes from a lower to a higher number, but got ({low}, {high}).")
        self.coords = tuple(sides)
        self._box = torch.tensor(list(sides.values()), dtype=torch.float64).T

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        return self._box

    def contains(self, x: Float[Tensor, "N D"]) -> Bool[Tensor, " N"]:
        low, high = self._box.to(x)
        return ((x >= low) & (x <= high)).all(dim=1)

    def interior(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points inside, by ``"halton"``, ``"random"`` or ``"grid"`` (then n is k^D)."""
        if sampler not in IN_BOX:
            raise unknown("sampler", sampler, IN_BOX)
        return IN_BOX[sampler](self._box, n)

    def boundary(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points on the faces, each face with a share that goes with its area.

        The two ends of an interval are the two points there are.
        """
        dims = len(self.coords)
        if dims == 1:
            return self._box.clone()
        lengths = self._box[1] - self._box[0]
        areas = (lengths.prod() / lengths).repeat_interleave(2)
        ends = torch.round(torch.cumsum(areas, 0) / areas.sum() * n).long().tolist()
        faces = []
        for face, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            axis, side = divmod(face, 2)
            others = [j for j in range(dims) if j != axis]
            points = self._box[side].repeat(end - start, 1)
            if end > start:
                points[:, others] = self._face(self._box[:, others], end - start, sampler)
            faces.append(points)
        return torch.cat(faces)

    def _face(self, box: Tensor, n: int, sampler: str) -> Tensor:
        if box.shape[1] == 1 and sampler != "random":
            # On a line midpoints are the even choice; they leave out the corners, which two faces share.
            return box[0] + (box[1] - box[0]) * ((torch.arange(n, dtype=box.dtype) + 0.5) / n)[:, None]
        return IN_BOX["random" if sampler == "random" else "halton"](box, n)

    def __repr__(self) -> str:
        sides = ", ".join(f"{c}=({a:g}, {b:g})" for c, (a, b) in zip(self.coords, self._box.T.tolist(), strict=True))
        return f"{type(self).__name__}({sides})"


class Rectangle(Box):
    """A box of two coordinates: ``Rectangle(x=(0, 1), y=(0, 1))``."""

    def __init__(self, **sides: tuple[float, float]) -> None:
        if len(sides) != 2:
            raise InputError(f"A rectangle has two sides, but got {len(sides)}: {', '.join(sides) or 'none'}.")
        super().__init__(**sides)
