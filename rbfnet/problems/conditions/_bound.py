"""Inequalities that a fit to data satisfies."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import torch

from rbfnet.errors import InputError
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample
from rbfnet.problems.text import parse
from rbfnet.sampling import halton

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem

SIGN = re.compile(r"\s*(<=|>=)\s*")
"""What separates the sides of an inequality."""

SHAPES = ("convex", "concave")
"""Inequalities by name."""

ANGLES = 8
"""Number of directions in the plane along which the second derivative has a sign."""

ON_A_LINE, IN_SPACE = 500, 2000
"""Number of points at which a bound is held."""


class Bound(Condition):
    """Quantities that are not negative in the bounding box of the data.

    Args:
        text: ``"u >= 0"``, ``"0 <= u <= 1"``, ``"u_x >= 0"`` (increasing along x); ``"convex"`` or ``"concave"``, in one or two
            dimensions, along 8 directions in the plane.

    Raises:
        InputError: a text that is none of these.
    """

    weight = 1.0

    def __init__(self, text: str) -> None:
        self.name = text
        if not isinstance(text, str) or (text.strip() not in SHAPES and not SIGN.search(text)):
            raise InputError(f"A bound must be a text such as 'u >= 0', 'u_x <= 1', 'convex' or 'concave', but got {text!r}.")

    def sample(self, problem: Problem) -> Sample:
        low, high = region = problem.region()
        if len(low) == 1:
            return Sample((torch.linspace(float(low[0]), float(high[0]), ON_A_LINE, dtype=low.dtype)[:, None],))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Sample((torch.cat([problem.support().to(low), halton(region, IN_SPACE)]),))

    def fresh(self, problem: Problem) -> Sample:
        """Other points, to check how closely the bound holds between those."""
        low, high = problem.region()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return Sample((low + (high - low) * torch.rand((4 * IN_SPACE, len(low)), dtype=low.dtype),))

    def residual(self, u: Field) -> Residual:
        """Quantities that are to be at least zero."""
        if self.name.strip() in SHAPES:
            return self._curvatures(u, 1.0 if self.name.strip() == "convex" else -1.0)
        sides = SIGN.split(self.name.strip())
        parts = [parse(side, u.coords, u.outputs, space=u.space)(u) for side in sides[::2]]
        signs = [1.0 if sign == "<=" else -1.0 for sign in sides[1::2]]
        return tuple([sign * (right - left) for left, right, sign in zip(parts, parts[1:], signs, strict=False)])

    def _curvatures(self, u: Field, sign: float) -> Residual:
        """Second derivatives along directions of unit length, where each coordinate is measured by its side of the box."""
        if len(u.outputs) > 1 or len(u.coords) > 2:
            raise InputError(f"The bound {self.name!r} is for one output and one or two coordinates; bound derivatives instead.")
        if len(u.coords) == 1:
            return sign * u.d(u.coords[0], u.coords[0])
        x, y = u.coords
        a, b = (u.points.amax(dim=0) - u.points.amin(dim=0)).tolist()
        xx, xy, yy = u.d(x, x), u.d(x, y), u.d(y, y)
        angles = [math.pi * k / ANGLES for k in range(ANGLES)]
        return tuple(
            [
                sign * ((a * math.cos(t)) ** 2 * xx + 2 * a * b * math.cos(t) * math.sin(t) * xy + (b * math.sin(t)) ** 2 * yy)
                for t in angles
            ]
        )


def bounds_of(texts: object) -> tuple[Bound, ...]:
    """The bounds that are given as a text or a list of them."""
    given = [texts] if isinstance(texts, str) else texts
    if not isinstance(given, (list, tuple)):
        raise InputError(f"bounds must be texts, as in bounds=['u >= 0'], but got {texts!r}.")
    return tuple([Bound(text) for text in given])
