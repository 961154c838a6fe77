"""What a run gives."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from rbfnet.problems import Problem
from rbfnet.training._arrays import predict
from rbfnet.training._model import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class Solution:
    """What a run gives.

    Attributes:
        model: the trained network, in the user's units.
        problem: what it solves.
        errors: rel_l2, max_abs, rmse and rel_std (:func:`rbfnet.training.errors_of`), against the reference or, with data, at
            rows that were held back or left out; None where there is nothing to measure by.
        summary: problem, kernel, solver, seed, centers, epsilon (the mean), parameters, epochs, seconds, loss, errors, errors_by
            (how they were measured: ``"reference"``, ``"held-out rows"``, ``"leave-one-out"`` or ``"fitted rows"``), verdict,
            reasons (sentences for it), residuals, estimated_error; with several outputs also errors_by_output, with unknown
            coefficients also unknowns, after a stop at a loss that was not finite also stopped, and words: sentences of a solver
            that solves.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> solution = rbfnet.solve(Poisson(), num_centers=200, epsilon=2.5)
        >>> solution.verdict, solution.errors["rel_l2"] < 1e-4
        ('solved', True)
    """

    model: Network
    problem: Problem
    errors: dict[str, float] | None
    summary: dict[str, Any]

    @property
    def verdict(self) -> str:
        """``"solved"``, ``"rough"`` or ``"not solved"`` (:func:`rbfnet.training.judge`); ``"not judged"`` if it was stopped."""
        return str(self.summary["verdict"])

    @property
    def residuals(self) -> list[dict[str, Any]]:
        """By how much each equation of each condition is missed at points that were not used, relative to its own terms."""
        return list(self.summary["residuals"])

    def predict(self, x: Any) -> Any:
        """The values at new points, in the user's units: (N,) for one output, (N, O) for several.

        Where complex values were fitted they are complex, (N,) or (N, O / 2).

        Args:
            x: (N, D), or (N,) for one coordinate: an array, a list, a data frame, or a tensor, which gives a tensor.

        Raises:
            InputError: points that are no numbers, or have another number of coordinates.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 20)
            >>> rbfnet.fit(x, x**2).predict([0.5]).round(3)
            array([0.25])
        """
        return predict(self.model, self.problem, x)

    def plot(self) -> Figure:
        """Fit, reference, error and centres in one figure."""
        from rbfnet.training._figures import overview

        return overview(self.model, self.problem)

    def __repr__(self) -> str:
        """Three lines: what was solved and how, the errors, the verdict."""
        s = self.summary
        errors = "none known" if self.errors is None else ", ".join(f"{name} {value:.2e}" for name, value in self.errors.items())
        how = f"{s['problem']}: {s['kernel']}, {s['centers']} centres, {s['solver']}, {s['seconds']:.2f} s"
        return f"Solution of {how}\nerrors: {errors}\nverdict: {' '.join([self.verdict, *s['reasons']])}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the same, and a table of residuals."""
        names = ("condition", "equation", "rms", "largest")
        head = "".join(f"<th>{name}</th>" for name in names)
        rows = "".join(
            f"<tr><td>{escape(row['condition'])}</td><td>{row['equation']}</td><td>{row['rms']:.1e}</td>"
            f"<td>{row['largest']:.1e}</td></tr>"
            for row in self.residuals
        )
        lines = "<br>".join(escape(line) for line in repr(self).splitlines())
        title = "residuals at points not used, relative to the terms of the equation"
        return f"<p>{lines}</p><table><caption>{title}</caption><tr>{head}</tr>{rows}</table>"
