"""Regularised least squares, with a report on the system."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, one_of, positive
from rbfnet.solvers.algebra._damped_qr import Factored

REGULARIZATIONS = ("damping", "truncation", "ridge", "gcv")

REFINEMENTS = 2
"""Refinement steps: the first removes most of the bias of the damping, the second the rest."""


class Regularization:
    """x for A x = b, the columns of A scaled to length one by S, in one of four ways.

    - ``damping``: |A x - b|^2 + mu^2 |S x|^2 at the level of rounding, refined (:class:`Factored`): no direction that the rows
        determine is lost.
    - ``ridge``: the same with mu = ``level``, for noisy rows.
    - ``gcv``: the same with the mu of generalised cross-validation: the least of R |A x - b|^2 / (R - trace H)^2, where H takes b
      to A x and R is the number of rows; for noisy rows with unknown noise.
    - ``truncation``: the solution of least length in the directions with singular values above ``level`` times the largest (None:
      the rounding unit).

    Source: Golub, Heath and Wahba, Technometrics 21 (1979); Hansen, Rank-Deficient and Discrete Ill-Posed Problems (1998).
    Equivalents: on scaled columns, scikit-learn ``Ridge(alpha=mu**2, fit_intercept=False)``, NumPy ``lstsq(rcond=level)``.

    Args:
        how: the name of the method.
        level: mu of ``ridge``, or the cutoff of ``truncation``; the others take none.

    Raises:
        InputError: an unknown name, or a level that is missing, not positive, or not applicable.
    """

    def __init__(self, how: str = "damping", level: float | None = None) -> None:
        one_of("regularization", how, REGULARIZATIONS)
        if level is not None:
            positive("level", level)
        if how == "ridge" and level is None:
            raise InputError("regularization=ridge needs its level, as in level=1e-3; regularization=gcv finds one itself.")
        if how in ("damping", "gcv") and level is not None:
            raise InputError(f"regularization={how} finds its level itself, but got level={level!r}; use ridge or truncation.")
        self.how, self.level = how, level

    def solve(self, matrix: Float[Tensor, "R U"], target: Float[Tensor, "R C"]) -> tuple[Float[Tensor, "U C"], list[str]]:
        """x, and sentences about the system."""
        return self.solve_factored(Factored(matrix), target)

    def solve_factored(self, factored: Factored, target: Float[Tensor, "R C"]) -> tuple[Float[Tensor, "U C"], list[str]]:
        """The same for a matrix that is already factored."""
        matrix = factored.matrix
        begin = f"The system has {matrix.shape[0]:,} rows and {matrix.shape[1]:,} unknowns; condition number "
        if self.how == "truncation":
            x, condition, rank = self._truncated(factored, target)
            return x, [f"{begin}{condition:.0e}; truncated to rank {rank:,} of {matrix.shape[1]:,}."]
        if self.how == "damping":
            x = factored.solve(target, refinements=REFINEMENTS)
            measure, words = "numerical rank", []
        else:
            mu = self.level if self.level is not None else cross_validated(factored, target)
            x = factored.solve(target, mu)
            measure = "effective degrees of freedom"
            words = [f"Generalised cross-validation chose the damping {mu:.1e}."] if self.how == "gcv" else []
        rank = round(factored.rank())
        return x, [f"{begin}{factored.condition():.0e}; {measure} {rank:,} of {matrix.shape[1]:,}.", *words]

    def _truncated(self, factored: Factored, target: Tensor) -> tuple[Tensor, float, int]:
        if not torch.isfinite(target).all():
            raise InputError("The linear system holds NaN or infinity; check the residuals and their coefficients.")
        left, values, right = torch.linalg.svd(factored.square)
        cut = torch.finfo(values.dtype).eps if self.level is None else self.level
        kept = values > cut * values[0]
        inner = right[kept].T @ ((left[:, kept].T @ factored.reduced(target)) / values[kept, None])
        condition = float(values[0] / values[-1])
        return factored.expanded(inner) / factored.scale, condition, int(kept.sum())


def cross_validated(factored: Factored, target: Float[Tensor, "R C"]) -> float:
    """The damping chosen by generalised cross-validation, one for all columns, to within four per cent."""
    left, values, _ = torch.linalg.svd(factored.square)
    reduced = factored.reduced(target)
    along = (left.T @ reduced).square().sum(dim=1)
    beyond = (target.square().sum() - reduced.square().sum()).clamp(min=0.0)
    top = float(values[0].log10())
    mu = torch.logspace(top - 16, top + 1, 1000, dtype=values.dtype, device=values.device)[:, None]
    mu = mu[mu[:, 0] >= factored.rounding]
    lost = mu**2 / (values**2 + mu**2)
    free = len(target) - len(values) + lost.sum(dim=1)
    score = ((lost**2 * along).sum(dim=1) + beyond) / free.square()
    return float(mu[score.argmin(), 0])
