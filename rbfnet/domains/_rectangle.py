"""Rectangles."""

from __future__ import annotations

from rbfnet.domains._box import Box
from rbfnet.errors import InputError


class Rectangle(Box):
    """A box of two coordinates: ``Rectangle(x=(0, 1), y=(0, 1))``.

    Example:
        >>> from rbfnet.domains import Rectangle
        >>> square = Rectangle(x=(0, 1), y=(0, 1))
        >>> square.interior(100).shape, square.boundary(20, part="x=low").shape
        (torch.Size([100, 2]), torch.Size([20, 2]))
    """

    def __init__(self, **sides: tuple[float, float]) -> None:
        if len(sides) != 2:
            raise InputError(f"A rectangle has two sides, but got {len(sides)}: {', '.join(sides) or 'none'}.")
        super().__init__(**sides)
