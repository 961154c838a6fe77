"""Residual-based attention weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.solvers.balance._balance import Balance, Terms


class ResidualAttention(Balance):
    """Increase the weight of points with large residuals: l_i <- decay l_i + rate |r_i| / max |r|; the loss is mean (l r)^2.

    So 0 <= l <= rate / (1 - decay), starting from l = 0. The points must be fixed.

    Source: Anagnostopoulos, Toscano, Stergiopulos and Karniadakis, Comput. Methods Appl. Mech. Eng. 421 (2024) 116805.

    Args:
        rate: the weight of the new residual in each step.
        decay: the factor on the old weight in each step.

    Raises:
        InputError: a rate that is not positive, a decay outside of (0, 1).

    Example:
        >>> from rbfnet.solvers import Adam, ResidualAttention
        >>> Adam(balance=ResidualAttention(rate=0.1)).balance.rate
        0.1
    """

    per_point = True

    def __init__(self, rate: float = 0.01, decay: float = 0.999) -> None:
        self.rate, self.decay = positive("rate", rate), positive("decay", decay)
        if self.decay >= 1:
            raise InputError(f"decay must be below 1, but got {decay!r}.")

    def update(self, weights: Terms, squares: Mapping[str, list[Tensor]], parameters: Sequence[Tensor], step: int) -> Terms:
        return {
            name: [self._next(weights[name][i] if weights else None, term.detach().sqrt()) for i, term in enumerate(terms)]
            for name, terms in squares.items()
        }

    def _next(self, before: Tensor | None, size: Tensor) -> Tensor:
        largest = size.max()
        attention = self.rate * size / largest if largest > 0 else self.rate * (size + 1)
        # Stored squared, as the factor on squared residuals.
        return (attention if before is None else self.decay * before.to(size).sqrt() + attention).square()
