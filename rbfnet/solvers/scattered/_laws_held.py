"""How closely the known equations of a fit hold."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import LinearModel, Operator
from rbfnet.solvers.assembly import Equation, Measurement


def laws_held(model: LinearModel, rows: Sequence[Measurement], found: Float[Tensor, "U O"]) -> list[str]:
    """A sentence on the residual of known equations between their collocation points, relative to their largest term."""
    laws = [one for one in rows if one.fresh]
    if not laws:
        return []
    share = largest_share(model, laws, found)
    at, between = laws[0].equation.sample.num_points, laws[0].fresh[0].sample.num_points
    return [
        f"The equation is imposed at {at:,} points; at {between:,} others its root mean square residual is {share:.1g} of its "
        "largest term."
    ]


def largest_share(model: LinearModel, laws: Sequence[Measurement], found: Float[Tensor, "U O"]) -> float:
    """The largest root mean square residual of known equations at other points, relative to that of their largest terms."""
    return max(_share(model, equation, found) for one in laws for equation in one.fresh)


def _share(model: LinearModel, equation: Equation, found: Float[Tensor, "U O"]) -> float:
    """The root mean square residual, relative to that of the largest term."""
    (ops,), (x,) = equation.ops, equation.sample.sites
    total, sizes = equation.rest, [float(equation.rest.square().mean())]
    for output, op in ops.items():
        for directions, coefficient in op.terms:
            term = model.features(x, Operator.of([(directions, coefficient)])) @ found[:, output]
            sizes.append(float(term.square().mean()))
            total = total + term
    return float((total.square().mean() / max(max(sizes), 1e-300)).sqrt())
