"""Fits to data that satisfy inequalities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import LinearModel
from rbfnet.solvers.algebra import least_distance
from rbfnet.solvers.assembly import Equation, Inequality
from rbfnet.solvers.scattered._by_functionals import ByFunctionals


def bounded(
    model: LinearModel, fit: ByFunctionals, strength: Float[Tensor, " O"], inequalities: Sequence[Inequality]
) -> tuple[Float[Tensor, "U O"], list[str]]:
    """The minimiser of the objective of the fit among the functions that satisfy the inequalities, and how closely it does.

    With H the second derivative of the objective, the change of the unknowns v is the least in the norm v^T H v, and H^-1 is the
    covariance of the fit: in coordinates in which that is the identity, the change is a shortest vector (:func:`least_distance`).

    Raises:
        InputError: inequalities that contradict the data or each other.
    """
    found = fit.solve(strength)
    spread = fit.rows.values.spread
    for o, s in enumerate(fit.used(strength).tolist()):
        mine = [one for one in inequalities if one.output == o]
        if not mine:
            continue
        features = torch.cat([one.equation.columns(model)[o] for one in mine])
        rest = torch.cat([one.equation.rest for one in mine])
        along, inner = fit.coordinates(features)
        root = (s / (fit.sizes.square() + s)).sqrt()
        seen = inner @ fit.right.T
        rows = torch.cat([s**0.5 * along, seen * root, inner - seen @ fit.right], dim=1)
        p = least_distance(rows, -(features @ found[:, o] + rest) / spread[o])
        tail, kernels, unseen = p.split([along.shape[1], len(root), inner.shape[1]])
        change = fit.unknowns((s**0.5 * tail)[:, None], (fit.right.T @ (root * kernels) + unseen)[:, None])
        found[:, o] += change[:, o]
    names = dict.fromkeys(one.name for one in inequalities)
    return found, [_held([one for one in inequalities if one.name == name], model, found) for name in names]


def _held(parts: Sequence[Inequality], model: LinearModel, found: Float[Tensor, "U O"]) -> str:
    """How closely a bound holds at the points where it is held, and at others."""

    def least(equation: Equation, output: int) -> float:
        return float((equation.columns(model)[output] @ found[:, output] + equation.rest).min())

    at = max(0.0, *(-least(one.equation, one.output) for one in parts))
    between = max(0.0, *(-least(one.fresh, one.output) for one in parts))
    return (
        f"The bound {parts[0].name!r} is held at {parts[0].equation.sample.num_points:,} points to {at:.1g}; at "
        f"{parts[0].fresh.sample.num_points:,} others it is exceeded by at most {between:.1g}."
    )
