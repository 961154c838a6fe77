"""Discs."""

from __future__ import annotations

from collections.abc import Sequence

from rbfnet.domains._ball import Ball
from rbfnet.domains._numbers import finite


class Disc(Ball):
    """A ball of two dimensions: ``Disc(center=(0, 0), radius=1)``. Its boundary is one part, ``"circle"``.

    Example:
        >>> import torch
        >>> from rbfnet.domains import Disc
        >>> points, normals = Disc((0, 0), 1).boundary_with_normals(8)
        >>> torch.allclose(points, normals)
        True
    """

    surface = "circle"

    def __init__(self, center: Sequence[float], radius: float, coords: Sequence[str] = ("x", "y")) -> None:
        super().__init__(finite("The centre of a disc", center, (2,)).tolist(), radius, coords)
