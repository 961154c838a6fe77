"""R-functions: from functions positive inside two shapes to one that is positive inside their union or intersection.

Source: Rvachev, Sheiko, Shapiro and Tsukanov, Comput. Mech. 25 (2000); Shapiro, Acta Numerica 16 (2007).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def conjunction(a: Float[Tensor, " B"], b: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """a + b - sqrt(a^2 + b^2): positive where both are. Where one is 0 and the other positive it has the first one's gradient.

    At a = b = 0 (a corner) it is 0 and has no derivative; the sum of both gradients is returned there, and all is finite.
    """
    square = a.square() + b.square()
    corner = square == 0
    root = torch.where(corner, 0.0, torch.where(corner, 1.0, square).sqrt())
    # The same without the cancellation that would leave the values on the boundary at rounding errors instead of zero.
    total = a + b
    inside = total > 0
    return torch.where(inside, 2 * a * b / torch.where(inside, total + root, 1.0), total - root)


def disjunction(a: Float[Tensor, " B"], b: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """a + b + sqrt(a^2 + b^2): positive where one of them is."""
    return -conjunction(-a, -b)
