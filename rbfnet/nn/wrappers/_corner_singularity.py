"""CornerSingularity: what solutions of second order look like at a corner."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.nn.wrappers._singularity import Singularity
from rbfnet.operators import Operator

SIDES = {"dirichlet": (1.0, "sine"), "neumann": (1.0, "cosine"), "mixed": (0.5, "sine")}
"""The first exponent, in units of pi over the angle, and the function of the angle, by the conditions on the two sides."""


class CornerSingularity(Singularity):
    """r^(a_k + 2 j) sin(a_k theta), k = 1 ... terms, j = 0 ... powers - 1, at a corner in the plane, (B, 2) -> (B, T).

    With a_k = k pi / angle these functions vanish on both sides of the corner, and those with j = 0 are harmonic: the
    singular part of the solution of an elliptic equation with the Laplacian. ``sides="neumann"`` takes cosines;
    ``sides="mixed"`` has a_k = (k - 1/2) pi / angle, for a Dirichlet condition on the first side and a Neumann condition on the
    second. With z = r e^(i theta) each function is the imaginary (or real) part of z^(a + j) conj(z)^j, so all derivatives have
    closed forms; at the corner itself unbounded derivatives are infinite.

    Args:
        vertex: the corner, (x, y).
        start: the direction of the first side, in degrees counterclockwise from the x-axis.
        angle: from the first side to the second, through the domain, in degrees: 270 at a re-entrant right angle.
        sides: ``"dirichlet"``, ``"neumann"`` or ``"mixed"``.
        terms: the number of exponents; T = terms * powers.
        powers: the number of powers of r^2 for each: of equations with lower-order terms, as in eigenvalue problems.

    Raises:
        InputError: an angle that is not in (0, 360], sides of another name, or counts that are not positive.

    Example:
        >>> import torch
        >>> from rbfnet.nn import CornerSingularity
        >>> from rbfnet.operators import laplacian
        >>> corner = CornerSingularity((0.0, 0.0), start=0, angle=270, terms=1)  # r^(2/3) sin(2 theta / 3)
        >>> x = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
        >>> corner(x).item(), laplacian(corner, x).abs().max().item() < 1e-12
        (0.8660254037844386, True)

    Source: Grisvard, Elliptic problems in nonsmooth domains (1985), ch. 4; Fox, Henrici and Moler, SIAM J. Numer. Anal. 4 (1967).
    """

    def __init__(
        self,
        vertex: Sequence[float],
        start: float,
        angle: float,
        sides: str = "dirichlet",
        terms: int = 3,
        powers: int = 1,
    ) -> None:
        super().__init__(vertex, start, angle)
        if sides not in SIDES:
            raise InputError(f"sides of a corner must be one of {', '.join(SIDES)}, but got {sides!r}.")
        count = int(positive("terms", terms, whole=True))
        self.powers = int(positive("powers", powers, whole=True))
        first, self.kind = SIDES[sides]
        self.exponents = [(first + k) * math.pi / self.angle for k in range(count)]

    @property
    def out_features(self) -> int:
        """terms * powers."""
        return len(self.exponents) * self.powers

    def apply_operators(self, x: Float[Tensor, "B 2"], ops: Sequence[Operator]) -> Float[Tensor, "B T K"]:
        radius, theta = self._polar(x)
        channels = []
        for op in ops:
            total = x.new_zeros((len(x), self.out_features))
            for along, c in op.written_out(2):
                value = self._derivative(radius, theta, along.count(0), along.count(1))
                total = total + (c[:, None] if isinstance(c, Tensor) else c) * value
            channels.append(total)
        return torch.stack(channels, dim=-1)

    def _derivative(self, radius: Tensor, theta: Tensor, in_x: int, in_y: int) -> Float[Tensor, "B T"]:
        """That of order ``in_x`` and ``in_y``: d/dx = d/dz + d/dz*, d/dy = i (d/dz - d/dz*), for z in the turned coordinates."""
        turn = complex(math.cos(self.start), -math.sin(self.start))
        # The coefficients of d^m/dz^m d^(n-m)/dz*^(n-m).
        ahead: dict[tuple[int, int], complex] = {(0, 0): 1.0}
        for step in [(turn, turn.conjugate())] * in_x + [(1j * turn, (1j * turn).conjugate())] * in_y:
            grown: dict[tuple[int, int], complex] = {}
            for (m, n), c in ahead.items():
                grown[m + 1, n] = grown.get((m + 1, n), 0.0) + c * step[0]
                grown[m, n + 1] = grown.get((m, n + 1), 0.0) + c * step[1]
            ahead = grown
        columns = []
        for exponent in self.exponents:
            for j in range(self.powers):
                total = torch.zeros_like(torch.complex(radius, theta))
                for (m, n), c in ahead.items():
                    factor = c * _falling(exponent + j, m) * _falling(float(j), n)
                    if factor:
                        size = radius ** (exponent + 2 * j - m - n)
                        total = total + factor * torch.polar(size, (exponent - m + n) * theta)
                columns.append(total.imag if self.kind == "sine" else total.real)
        return torch.stack(columns, dim=1)


def _falling(power: float, times: int) -> float:
    """power (power - 1) ... : the factor of ``times`` derivatives of a power."""
    return math.prod(power - k for k in range(times))
