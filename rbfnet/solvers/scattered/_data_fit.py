"""The fit of a problem that only prescribes values at points."""

from __future__ import annotations

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.kernels import Polyharmonic
from rbfnet.nn import RBFNetwork, Wrapper
from rbfnet.nn.wrappers import MatrixKernel, innermost
from rbfnet.operators import Operator
from rbfnet.solvers.assembly import Posed, Values
from rbfnet.solvers.scattered._at_centers import AtCenters
from rbfnet.solvers.scattered._choose_smoothing import CAUTION, Choice
from rbfnet.solvers.scattered._fewer_centers import FewerCenters
from rbfnet.solvers.scattered._posterior import Posterior
from rbfnet.solvers.scattered._scattered_values import Smoothing, scattered
from rbfnet.solvers.scattered._train_metric import train_metric
from rbfnet.solvers.scattered._vector_fit import VectorFit

FIRST, FARTHEST = (-1, -2, 1), 4
"""Powers of two, times the automatic width, from which the search may start, and its range if these help."""

ROWS = 4
"""Maximum number of rows per unknown used to compare widths."""


class DataFit:
    """Interpolation, smoothing or least squares, depending on the centres and on cross-validation.

    Args:
        posed: the problem, for a model whose widths may change between calls.
        values: the points and values.
        smoothing: non-negative, one per row, or ``"auto"`` to choose.
    """

    def __init__(self, posed: Posed, values: Values, smoothing: Smoothing) -> None:
        self.posed, self.smoothing = posed, smoothing
        self.data = scattered(values, posed.problem.sites(), smoothing, posed.problem.row_weights())
        self.strength = None if isinstance(smoothing, str) else 1.0 if isinstance(smoothing, Tensor) else smoothing

    @property
    def network(self) -> RBFNetwork:
        """The network inside the model."""
        return cast(RBFNetwork, innermost(self.posed.model))

    def train_metric(self) -> list[str]:
        """Train an automatic metric that is diagonal or full; returns sentences on it."""
        network, metric = self.network, self.network.metric
        if (
            self.posed.model.coupled
            or not network.layer.automatic
            or metric.per_center
            or metric.shared_ndim == 0
            or network.in_features == 1
        ):
            return []
        train_metric(network, self._inner_sites, self.data)
        each = ", ".join(f"{epsilon:.3g}" for epsilon in metric.epsilon.tolist())
        return [f"The metric was trained by the marginal likelihood, which gave epsilon = {each}."]

    def look_around(self) -> None:
        """Start the search for a width from the best of a coarse set.

        The error for rough, sparse or noisy data changes slowly with the width and has several minima.
        """
        layer = self.network.layer
        if not layer.automatic or isinstance(layer.kernel, Polyharmonic):
            return
        least, size = self.missed()
        if least < torch.finfo(self.data.y.dtype).eps ** 0.5 * size:
            return  # Below half of the digits the error is due to rounding.
        best, ahead = 0, [*FIRST]
        while ahead:
            step = ahead.pop()
            layer.metric.widen(2.0**step)
            found, _ = self.missed()
            layer.metric.widen(2.0**-step)
            if found < least:
                best, least = step, found
                farther = step + (1 if step > 0 else -1)
                ahead += [farther] if abs(farther) <= FARTHEST and farther not in FIRST else []
        layer.metric.widen(2.0**best)

    def missed(self) -> tuple[float, float]:
        """The root mean square leave-one-out error, and the size of the values."""
        at_centers = self._at_centers()
        fit = self._kind(at_centers, None if at_centers else self._some_rows())
        found = float(fit.choose().score.sum()) if self.strength is None else fit.missed(self.strength)
        return math.sqrt(found), math.sqrt(len(self.data.spread))

    def solve(self) -> tuple[Float[Tensor, "U O"], Float[Tensor, "N O"] | None, Posterior | None, list[str]]:
        """The unknowns, the leave-one-out error of each row (NaN if unknown), the error bars, and sentences.

        Leave-one-out errors are None if a reference or held-out rows measure the fit.
        """
        interpolates = self._at_centers()
        fit = self._kind(interpolates)
        choice = fit.choose() if self.strength is None else None
        strength = torch.full_like(self.data.spread, self.strength or 0.0) if choice is None else choice.strength
        unknowns = fit.solve(strength)
        if unknowns is None:
            # Kernels that are too flat for a Cholesky factorisation can still be fitted to their data.
            unknowns = self._fewer().solve(strength)
        model = self.posed.model
        bars = Posterior(model, self.data, strength, interpolates, fit if isinstance(fit, VectorFit) else None)
        words = self._words(choice, "interpolation" if interpolates else "least squares")
        if self.strength == 0.0 and not interpolates and len(unknowns) * CAUTION > self.data.rows:
            words.append(
                f"{self.data.rows:,} rows are too few to validate {len(unknowns):,} unknowns, so the model may be wrong between "
                "the points; use smoothing=auto or fewer centres."
            )
        if self.posed.problem.test_set() is not None:
            return unknowns, None, bars, words
        missed = fit.left_out(strength)
        # Without the only site there is nothing to fit.
        return unknowns, self.data.by_row(missed if len(missed) > 1 else torch.full_like(missed, torch.nan)), bars, words

    def _kind(self, at_centers: bool, rows: Tensor | None = None) -> AtCenters | FewerCenters | VectorFit:
        if self.posed.model.coupled:
            return VectorFit(self.posed.model, self._field, self.data, at_centers, rows)
        return AtCenters(self.network, self.data) if at_centers else self._fewer(rows)

    @property
    def _field(self) -> MatrixKernel:
        """The vector field inside the model."""
        model = self.posed.model
        while not isinstance(model, MatrixKernel):
            model = cast(Wrapper, model).network
        return model

    def _fewer(self, rows: Tensor | None = None) -> FewerCenters:
        return FewerCenters(self.posed.model, self.network, self.data, rows)

    def _at_centers(self) -> bool:
        """Whether the centres are still the sites, and the kernel is symmetric."""
        symmetric = not self.posed.model.coupled or self._field.network is self.network
        return symmetric and not self.network.metric.per_center and torch.equal(self._inner_sites, self.network.centers)

    @property
    def _inner_sites(self) -> Float[Tensor, "S D"]:
        """The sites in the coordinates of the network."""
        return self.placed(self.data.x)

    def placed(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N E"]:
        """Points in the coordinates of the network."""
        z, model = x, self.posed.model
        while isinstance(model, Wrapper):
            z, _ = model.inner(z, [Operator.identity().over(*z.shape)])
            model = model.network
        return z

    def _some_rows(self) -> Tensor | None:
        wanted, sites = ROWS * self.posed.model.coefficients.shape[0], len(self.data.x)
        return None if sites <= wanted else torch.linspace(0, sites - 1, wanted, dtype=torch.float64).round().long()

    def _words(self, choice: Choice | None, plain: str) -> list[str]:
        if choice is None:
            if isinstance(self.smoothing, Tensor):
                return ["Smoothing, as given for each row."]
            return [f"Smoothing by {self.strength:.3g}, as given." if self.strength else f"{plain.capitalize()}, as requested."]
        words = []
        coupled = self.posed.model.coupled
        for o, (name, strength, missed, without) in enumerate(
            zip(self.posed.problem.outputs, *(t.tolist() for t in (choice.strength, choice.missed, choice.plain)), strict=True)
        ):
            if o in coupled[1:]:
                continue  # Told with the first component.
            if o in coupled:
                name = ", ".join(self.posed.problem.outputs[k] for k in coupled)
            by = f"the leave-one-out error of {name} is {_percent(missed)} of its spread"
            if strength:
                other = f", with {plain} by {_percent(without)}" if without < math.inf else ""
                words.append(f"Smoothing by {strength:.3g}: {by}{other}.")
            elif not choice.enough:
                words.append(f"{plain.capitalize()}: there are too few points to tell noise from signal.")
            else:
                words.append(f"{plain.capitalize()}: {by}, and smoothing would hardly lower it.")
        return words


def _percent(square: float) -> str:
    if square == math.inf:
        return "an unknown share"
    share = 100 * math.sqrt(square)
    return f"{share:.2g} %" if share < 99.5 else f"{share:,.0f} %"
