"""Scales of the equations from the sizes of their terms in a solution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rbfnet.problems import Problem
from rbfnet.solvers.assembly import rounded
from rbfnet.solvers.validation._relative_residuals import Miss


def relative_scales(
    problem: Problem, scales: Mapping[str, Sequence[float]], found: Sequence[Miss], value: float, together: bool = False
) -> dict[str, list[float]]:
    """The factor of each equation in the loss, from the sizes of its terms in a solution.

    With the scale weight x u^2 / size^2 a residual counts relative to its equation. Automatic scales compare equations on single
    basis functions instead. Where these are much wider than the features of the solution, they make too much of equations of high
    order, and conditions on the boundary are ignored; where they are narrower, what is left varies over lengths as short and does
    little to the solution. So equations of lower order get the larger of the two, relative to those of the highest.

    Args:
        problem: the problem.
        scales: the automatic scales.
        found: the result of :func:`rbfnet.solvers.validation.misses` for a solution.
        value: the mean of u^2 of the solution.
        together: equations of a condition whose scales are the same keep to one: outputs that have nothing to do with each other
            and satisfy the same equations are one system then.
    """
    conditions = problem.named_conditions()
    alike: dict[tuple[str, float], list[float]] = {}
    for miss in found:
        scale = scales[miss.condition][miss.equation]
        alike.setdefault((miss.condition, scale if together else miss.equation), []).append(miss.size**2)

    def change(miss: Miss) -> float:
        """By what its scale would change."""
        before = scales[miss.condition][miss.equation]
        sizes = alike[miss.condition, before if together else miss.equation]
        square = sum(sizes) / len(sizes)
        return conditions[miss.condition].weight * value / square / before if square and value else 1.0

    changes = [change(miss) for miss in found]
    highest = max(miss.order for miss in found)
    least = min(by for miss, by in zip(found, changes, strict=True) if miss.order == highest)
    new = {name: list(each) for name, each in scales.items()}
    for miss, by in zip(found, changes, strict=True):
        new[miss.condition][miss.equation] = rounded(scales[miss.condition][miss.equation] * max(by, least))
    return new
