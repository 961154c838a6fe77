"""The fit of a data problem with several kinds of measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.problems import Problem
from rbfnet.solvers.assembly import Measurement, Posed, Values, inequalities_asked
from rbfnet.solvers.scattered._bounded import bounded
from rbfnet.solvers.scattered._by_functionals import ByFunctionals, Rows
from rbfnet.solvers.scattered._data_fit import DataFit
from rbfnet.solvers.scattered._laws_held import largest_share, laws_held
from rbfnet.solvers.scattered._posterior import Posterior
from rbfnet.solvers.scattered._scattered_values import Smoothing

HELD = 10.0
"""How much more the relative residual of an equation counts than the error at points left out, where widths are compared: narrow
kernels satisfy an equation at its points and evade it between them."""


def _where(problem: Problem, values: Measurement) -> tuple[Tensor, Measurement | None]:
    """The points of the values; for means over cells their centres, and the means."""
    points = values.equation.sample.sites
    sites = problem.sites()
    return (points[0], None) if len(points) == 1 or sites is None else (sites.x.to(points[0]), values)


class FunctionalFit(DataFit):
    """A fit to values, derivatives and means, weighed by their noise.

    A measurement whose noise is not known is as uncertain as the values are, relative to the size of what was measured.

    Args:
        posed: the problem.
        measured: the measurements, the values first.
        smoothing: a non-negative number, or ``"auto"`` to choose.

    Raises:
        InputError: noise that is known of others, but not of the values.
    """

    def __init__(self, posed: Posed, measured: Sequence[Measurement], smoothing: Smoothing) -> None:
        values, *self.others = measured
        # Means over cells are told by the centres of these.
        points, self.means = _where(posed.problem, values)
        super().__init__(posed, Values(points, values.target), smoothing)
        self.precision = [self._precision(values, other) for other in self.others]

    def missed(self) -> tuple[float, float]:
        """The leave-one-out error together with that of exact equations between their points, and the size of the values."""
        fit = self._fit()
        choice = fit.choose() if self.strength is None else None
        found = fit.missed(self.strength or 0.0) if choice is None else float(choice.score.sum())
        if exact := [one for one in self.others if one.exact]:
            strength = torch.full_like(self.data.spread, self.strength or 0.0) if choice is None else choice.strength
            found += (HELD * largest_share(self.posed.model, exact, fit.solve(strength))) ** 2 * len(self.data.spread)
        return math.sqrt(found), math.sqrt(len(self.data.spread))

    def solve(self) -> tuple[Float[Tensor, "U O"], Float[Tensor, "N O"] | None, Posterior, list[str]]:
        fit = self._fit()
        choice = fit.choose() if self.strength is None else None
        strength = torch.full_like(self.data.spread, self.strength or 0.0) if choice is None else choice.strength
        inequalities = inequalities_asked(self.posed.model, self.posed.problem)
        bars = Posterior(self.posed.model, self.data, strength, False, fit)
        missed = fit.left_out(strength)
        words = [*self._counted(), *self._told(strength, missed)]
        unknowns = fit.solve(strength)
        if inequalities:
            unknowns, held = bounded(self.posed.model, fit, strength, inequalities)
            words += held
        words += laws_held(self.posed.model, self.others, unknowns)
        measured = self.posed.problem.test_set() is None
        return unknowns, self.data.by_row(missed) if measured else None, bars, words

    def _fit(self) -> ByFunctionals:
        return ByFunctionals(
            self.posed.model, self.network, Rows(self.data, self.others, self.precision, self.placed, self.means)
        )

    def _precision(self, values: Measurement, other: Measurement) -> float:
        """That of each row, relative to that of a value, both divided by the spread of the values."""
        if other.exact:
            return math.inf
        if other.deviation is None:
            size = other.target.square().mean(dim=0).sqrt() / self.data.spread
            return float(torch.where(size > 0, size, 1.0).log().mean().exp()) ** -2
        if values.deviation is None:
            raise InputError(
                f"The noise of {other.name!r} is given, but not that of the values; give noise for both, or for none."
            )
        return float((values.deviation / other.deviation).log().mean().exp()) ** 2

    def _counted(self) -> list[str]:
        """What was fitted."""
        rows: dict[str, int] = {}
        for one in [one for one in self.others if not one.fresh]:
            rows[one.name] = rows.get(one.name, 0) + one.target.numel()
        parts = ", ".join(f"{count:,} of {name!r}" for name, count in rows.items())
        return [f"Fitted to {self.data.values.numel():,} values and other measurements: {parts}."] if parts else []

    def _told(self, strength: Float[Tensor, " O"], missed: Float[Tensor, "S O"]) -> list[str]:
        """Whether it was smoothed, and how much the values are missed by where nothing is given."""
        share = missed.square().nanmean(dim=0).sqrt() / self.data.spread
        return [
            f"{f'Smoothing by {s:.3g}' if s else 'Interpolation'}: the error of {name} at a point left out with all that was "
            f"measured there is {100 * part:.2g} % of its spread."
            for name, s, part in zip(self.posed.problem.outputs, strength.tolist(), share.tolist(), strict=True)
        ]
