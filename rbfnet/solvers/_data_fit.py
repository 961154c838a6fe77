"""The fit of a problem that asks for nothing but values at points."""

from __future__ import annotations

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import RBFNetwork, Wrapper
from rbfnet.nn.wrappers._wrapper import innermost
from rbfnet.operators import Operator
from rbfnet.solvers._at_centers import AtCenters
from rbfnet.solvers._fewer_centers import FewerCenters
from rbfnet.solvers._linear_system import Values
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._scattered import Smoothing, scattered
from rbfnet.solvers._smoothing import Choice

ROWS = 4
"""Widths are compared with so many rows for each unknown, where there are more."""


class DataFit:
    """Interpolation, smoothing or least squares, by where the centres are, and by cross-validation.

    Args:
        posed: the problem, for a model whose widths may change between calls.
        values: what it asks.
        smoothing: zero or positive, one for each row, or ``"auto"`` to choose.
    """

    def __init__(self, posed: Posed, values: Values, smoothing: Smoothing) -> None:
        self.posed, self.smoothing = posed, smoothing
        self.data = scattered(values, posed.problem.sites(), smoothing)
        self.strength = None if isinstance(smoothing, str) else 1.0 if isinstance(smoothing, Tensor) else smoothing

    @property
    def network(self) -> RBFNetwork:
        """The network inside the model."""
        return cast(RBFNetwork, innermost(self.posed.model))

    def missed(self) -> tuple[float, float]:
        """The root of the mean square of what is missed at points left out, infinite on failure, and the size of the values."""
        fit: AtCenters | FewerCenters
        if self._at_centers():
            fit = AtCenters(self.network, self.data)
        else:
            fit = FewerCenters(self.posed.model, self.network, self.data, self._some_rows())
        found = float(fit.choose().missed.sum()) if self.strength is None else fit.missed(self.strength)
        return math.sqrt(found), math.sqrt(len(self.data.spread))

    def solve(self) -> tuple[Float[Tensor, "U O"], Float[Tensor, "N O"], list[str]]:
        """The unknowns, by how much each row is missed when its site is left out (NaN where this is not known), and words."""
        if self._at_centers():
            at = AtCenters(self.network, self.data)
            choice = at.choose() if self.strength is None else None
            found = at.solve(self._strength(choice), forced=choice is not None)
            if found is not None:
                return found[0], self.data.by_row(found[1]), self._words(choice, "interpolation")
        fewer = FewerCenters(self.posed.model, self.network, self.data)
        choice = fewer.choose() if self.strength is None else None
        unknowns, missed = fewer.solve(self._strength(choice))
        words = self._words(choice, "least squares")
        if self.strength == 0.0 and fewer.undetermined:
            words.append(
                f"{self.data.rows:,} rows leave nothing to check {len(unknowns):,} unknowns by, so the model may be anything "
                "between them; take smoothing=auto, or fewer centres."
            )
        return unknowns, self.data.by_row(missed), words

    def _at_centers(self) -> bool:
        """Whether the centres are the sites, as they are where nothing has moved them since, and the kernel is symmetric."""
        z, model = self.data.x, self.posed.model
        while isinstance(model, Wrapper):
            z, _ = model.inner(z, [Operator.identity().over(*z.shape)])
            model = model.network
        return not self.network.metric.per_center and torch.equal(z, self.network.centers)

    def _some_rows(self) -> Tensor | None:
        wanted, sites = ROWS * self.posed.model.coefficients.shape[0], len(self.data.x)
        return None if sites <= wanted else torch.linspace(0, sites - 1, wanted, dtype=torch.float64).round().long()

    def _strength(self, choice: Choice | None) -> Float[Tensor, " O"]:
        return choice.strength if choice is not None else torch.full_like(self.data.spread, cast(float, self.strength))

    def _words(self, choice: Choice | None, plain: str) -> list[str]:
        if choice is None:
            if isinstance(self.smoothing, Tensor):
                return ["Smoothing, as given for each row."]
            return [f"Smoothing by {self.strength:.3g}, as given." if self.strength else f"{plain.capitalize()}, as asked for."]
        words = []
        for name, strength, missed, without in zip(
            self.posed.problem.outputs, *(t.tolist() for t in (choice.strength, choice.missed, choice.plain)), strict=True
        ):
            by = f"values of {name} that are left out are missed by {_percent(missed)} of their spread"
            if strength:
                other = f", with {plain} by {_percent(without)}" if without < math.inf else ""
                words.append(f"Smoothing by {strength:.3g}: {by}{other}.")
            else:
                words.append(f"{plain.capitalize()}: {by}, and smoothing would lower this by little or nothing.")
        return words


def _percent(square: float) -> str:
    if square == math.inf:
        return "an unknown part"
    share = 100 * math.sqrt(square)
    return f"{share:.2g} %" if share < 100 else f"{share:,.0f} %"
