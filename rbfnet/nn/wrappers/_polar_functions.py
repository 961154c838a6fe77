"""PolarFunctions: powers of the distance and the angle, and logarithms, at a point in the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, number
from rbfnet.nn.wrappers._singularity import Singularity
from rbfnet.operators import Operator

Terms = dict[tuple[float, float, int, int], complex]
"""Coefficients of z^a conj(z)^b theta^k log(r)^n, by (a, b, k, n)."""


class PolarFunctions(Singularity):
    """r^p theta^k log(r)^n cos(m theta) and the same with the sine for each (p, m, k, n), (B, 2) -> (B, T).

    Solutions of elliptic equations and of Stokes' and Navier-Stokes' equations are sums of such functions near a corner where
    boundary values jump, and near a point source. In a driven cavity the velocity is discontinuous in the corners below the lid;
    its stream function starts with r theta cos(theta) and r theta sin(theta), and its pressure with 1/r. As columns of the basis
    (:class:`rbfnet.nn.Enriched`) they leave a smooth rest to the network.

    With z = r e^(i theta) all derivatives have closed forms; at the vertex itself unbounded ones are infinite or undefined. For
    m = 0 there is no sine.

    Args:
        vertex: the point, (x, y).
        terms: (p, m, k, n): numbers p and m, whole numbers k and n of at least 0.
        start, angle: see :class:`Singularity`.

    Raises:
        InputError: no terms, terms of another form, a vertex that is no point, or an angle that is not in (0, 360].

    Example:
        >>> import torch
        >>> from rbfnet.nn import PolarFunctions
        >>> from rbfnet.operators import laplacian
        >>> source = PolarFunctions((0.0, 0.0), [(0, 0, 0, 1)])  # log r
        >>> x = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
        >>> bool(source(x).abs() < 1e-15), bool(laplacian(source, x).abs() < 1e-15)
        (True, True)

    Source: Moffatt, Viscous and resistive eddies near a sharp corner, J. Fluid Mech. 18 (1964); Botella and Peyret, Computers &
    Fluids 27 (1998).
    """

    def __init__(
        self, vertex: Sequence[float], terms: Sequence[Sequence[float]], start: float = 0.0, angle: float = 360.0
    ) -> None:
        super().__init__(vertex, start, angle)
        if not terms:
            raise InputError("PolarFunctions needs at least one term (p, m, k, n), but got none.")
        self._functions = [function for term in terms for function in _pair(term)]
        self._derivatives: dict[tuple[int, int], list[Terms]] = {(0, 0): self._functions}

    @property
    def out_features(self) -> int:
        """T."""
        return len(self._functions)

    def apply_operators(self, x: Float[Tensor, "B 2"], ops: Sequence[Operator]) -> Float[Tensor, "B T K"]:
        values = _Values(*self._polar(x))
        channels = []
        for op in ops:
            total = x.new_zeros((len(x), self.out_features))
            for along, c in op.written_out(2):
                found = torch.stack([values.of(terms) for terms in self._derivative(along.count(0), along.count(1))], dim=1)
                total = total + (c[:, None] if isinstance(c, Tensor) else c) * found
            channels.append(total)
        return torch.stack(channels, dim=-1)

    def _derivative(self, in_x: int, in_y: int) -> list[Terms]:
        """Of each function, as terms."""
        if (in_x, in_y) not in self._derivatives:
            # z is turned: d/dx = e^(-i start) d/dz + its conjugate, d/dy = i e^(-i start) d/dz + its conjugate.
            turn = complex(math.cos(self.start), -math.sin(self.start)) * (1j if in_y else 1)
            before = self._derivative(in_x, in_y - 1) if in_y else self._derivative(in_x - 1, 0)
            self._derivatives[in_x, in_y] = [_along(terms, turn) for terms in before]
        return self._derivatives[in_x, in_y]


class _Values:
    """Values of terms at points; powers and exponentials are computed once."""

    def __init__(self, radius: Tensor, theta: Tensor) -> None:
        self.radius, self.theta = radius, theta
        self._powers: dict[float, Tensor] = {}
        self._waves: dict[float, tuple[Tensor, Tensor]] = {}

    def of(self, terms: Terms) -> Float[Tensor, " B"]:
        """The real part of their sum."""
        total = torch.zeros_like(self.radius)
        for (a, b, k, n), c in terms.items():
            cosine, sine = self._wave(a - b)
            value = self._power(a + b) * (c.real * cosine - c.imag * sine)
            if k:
                value = value * self.theta**k
            if n:
                value = value * self.radius.log() ** n
            total = total + value
        return total

    def _power(self, p: float) -> Tensor:
        if p not in self._powers:
            self._powers[p] = self.radius**p
        return self._powers[p]

    def _wave(self, m: float) -> tuple[Tensor, Tensor]:
        if m not in self._waves:
            self._waves[m] = (m * self.theta).cos(), (m * self.theta).sin()
        return self._waves[m]


def _pair(term: Sequence[float]) -> list[Terms]:
    """The cosine and the sine of one (p, m, k, n)."""
    if len(term) != 4 or any(number(v) is None for v in term) or any(v != int(v) or v < 0 for v in term[2:]):
        raise InputError(f"A term must be (p, m, k, n) with whole k and n of at least 0, but got {term!r}.")
    p, m, k, n = float(term[0]), float(term[1]), int(term[2]), int(term[3])
    a, b = (p + m) / 2, (p - m) / 2
    # The real part of z^a conj(z)^b is r^p cos(m theta), that of -i times it the sine.
    return [{(a, b, k, n): 1.0}] if m == 0 else [{(a, b, k, n): 1.0}, {(a, b, k, n): -1j}]


def _along(terms: Terms, turn: complex) -> Terms:
    """turn d/dz + conj(turn) d/dconj(z): with the right ``turn``, a derivative in x or y."""
    found: Terms = {}

    def add(key: tuple[float, float, int, int], c: complex) -> None:
        if c:
            found[key] = found.get(key, 0.0) + c

    for (a, b, k, n), c in terms.items():
        for step, p, q, sign in ((turn, a - 1, b, -0.5j), (turn.conjugate(), a, b - 1, 0.5j)):
            add((p, q, k, n), c * step * (a if p < a else b))
            # theta = (log z - log conj z) / 2i and log r = (log z + log conj z) / 2.
            if k:
                add((p, q, k - 1, n), c * step * k * sign)
            if n:
                add((p, q, k, n - 1), c * step * n * 0.5)
    return found
