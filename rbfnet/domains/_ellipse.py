"""Ellipses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._gauss import in_ball
from rbfnet.domains._numbers import above_zero, finite, names
from rbfnet.domains._piece import Piece
from rbfnet.errors import MOST_POINTS, positive


class Ellipse(Domain):
    """((x - cx) / a)^2 + ((y - cy) / b)^2 <= 1. Its boundary is one part, ``"ellipse"``.

    Args:
        center: (cx, cy).
        radii: the half axes (a, b), positive.
        coords: names.

    Raises:
        InputError: non-finite numbers, or half axes that are not positive.

    Example:
        >>> import torch
        >>> from rbfnet.domains import Ellipse
        >>> Ellipse((0, 0), (2, 1)).contains(torch.tensor([[1.9, 0.0], [0.0, 1.9]])).tolist()
        [True, False]
    """

    def __init__(self, center: Sequence[float], radii: Sequence[float], coords: Sequence[str] = ("x", "y")) -> None:
        self._center = finite("The centre of an ellipse", center, (2,))
        self._radii = finite("The half axes of an ellipse", radii, (2,))
        for half in self._radii.tolist():
            above_zero("A half axis of an ellipse", half)
        self.coords = names(coords, 2)

    @property
    def box(self) -> Float[Tensor, "2 2"]:
        return torch.stack([self._center - self._radii, self._center + self._radii])

    @property
    def volume(self) -> float:
        return math.pi * self._radii.prod().item()

    def within(self, x: Float[Tensor, "N 2"], slack: float) -> Bool[Tensor, " N"]:
        scaled = (x - self._center.to(x)) / self._radii.to(x)
        length = torch.linalg.vector_norm(scaled, dim=1)
        # How far the boundary is, to first order: (1 - length) / |grad length|.
        slope = torch.linalg.vector_norm(scaled / self._radii.to(x), dim=1)
        return (length - 1) * length <= slack * slope

    @property
    def pieces(self) -> tuple[Piece, ...]:
        from scipy.special import ellipe, ellipeinc

        a, b = self._radii.tolist()
        # The arc from the end of the half axis b on is a E(angle | 1 - b^2 / a^2); its inverse is interpolated: points lie on the
        # ellipse to rounding, and are evenly spaced to 1e-7.
        parameter = 1 - (b / a) ** 2
        angles = np.linspace(0.0, 2 * math.pi, 8193)
        arcs = a * ellipeinc(angles, parameter)

        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            angle = torch.from_numpy(np.interp(u[:, 0].numpy() * arcs[-1], arcs, angles))
            unit = torch.stack([angle.sin(), angle.cos()], dim=1)
            normals = unit / self._radii
            return self._center + self._radii * unit, normals / torch.linalg.vector_norm(normals, dim=1, keepdim=True)

        return (Piece("ellipse", 4 * a * float(ellipe(parameter)), 1, at),)

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N 2"], Float[Tensor, " N"]]:
        """That of a disc; see :meth:`Ball.quadrature`."""
        points, weights = in_ball(int(positive("The number of points", n, whole=True, most=MOST_POINTS)), 2)
        return self._center + self._radii * points, self.volume * weights

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P 2"]:
        """Both ends along one coordinate."""
        k = x.shape[1]
        away = ((x - self._center[:k]) / self._radii[:k]).abs().sum(dim=1)
        half = self._radii[k] * ((1 - away) * (1 + away)).sqrt()
        return torch.stack([self._center[k] - half, self._center[k] + half], dim=1)

    def implicit(self, x: Float[Tensor, "N 2"]) -> Float[Tensor, " N"]:
        """min(a, b) / 2 (1 - ((x - cx) / a)^2 - ((y - cy) / b)^2): a polynomial."""
        scaled = (x - self._center.to(x)) / self._radii.to(x)
        return self._radii.min().item() / 2 * (1 - scaled.square().sum(dim=1))

    def __repr__(self) -> str:
        (x, y), (a, b) = self._center.tolist(), self._radii.tolist()
        return f"Ellipse(center=({x:g}, {y:g}), radii=({a:g}, {b:g}))"
