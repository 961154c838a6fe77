from __future__ import annotations

from rbfnet.domains._box import Box
from rbfnet.errors import InputError


class Rectangle(Box):
    """A box of two coordinates: ``Rectangle(x=(0, 1), y=(0, 1))``."""

    def __init__(self, **sides: tuple[float, float]) -> None:
        if len(sides) != 2:
            raise InputError(f"A rectangle has two sides, but got {len(sides)}: {', '.join(sides) or 'none'}.")
        super().__init__(**sides)
