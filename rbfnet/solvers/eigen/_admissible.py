"""The functions of a network that satisfy the homogeneous conditions of a problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import LinearModel, Operator, Recorder
from rbfnet.problems import Condition, Problem, Sample
from rbfnet.solvers.assembly import AtZero, Equation, equations_of
from rbfnet.solvers.time import Constraints, orthonormal

COARSE, FINE = 4, 16
"""Points of the quadrature for each function: enough for products of resolved functions, and of singular ones."""

HELD = 1e-6
"""Directions in which the conditions are felt by less than this, of the most, are left free."""


@dataclass(frozen=True)
class Admissible:
    """Functions that are orthonormal and satisfy the conditions, by their coefficients.

    Attributes:
        free: (O, N, f). x, weights: of a quadrature, whose weights sum to one.
    """

    model: LinearModel
    problem: Problem
    free: Float[Tensor, "O N f"]
    x: Float[Tensor, "B D"]
    weights: Float[Tensor, " B"]

    @classmethod
    def of(cls, model: LinearModel, problem: Problem, samples: Mapping[str, Sample], per_function: int = COARSE) -> Admissible:
        """By the null space method.

        Args:
            model: whose functions they are. problem: whose conditions they satisfy. samples: the points of these.
            per_function: points of the quadrature for each function.

        Raises:
            InputError: a condition that is not homogeneous, or no function left.
        """
        outputs = len(problem.outputs)
        x, weights = problem.domain.quadrature(per_function * len(model.coefficients))
        weights = weights / weights.sum()
        basis = orthonormal(model, x, weights)
        every = torch.stack([_only(basis, o, outputs) for o in range(outputs)])
        whole = cls(model, problem, every, x, weights)
        rows = [found for name, sample in samples.items() for found, _ in whole.edge(name, sample)]
        kept = Constraints.of(torch.cat(rows) if rows else basis.new_zeros((0, every.shape[2])), HELD).free
        if not kept.shape[1]:
            raise InputError(
                f"{len(basis)} basis functions are too few for {type(problem).__name__}: none but zero satisfies its "
                "conditions; use more centres (num_centers)."
            )
        return cls(model, problem, every @ kept, x, weights)

    def edge(self, name: str, sample: Sample) -> list[tuple[Float[Tensor, "R f"], int]]:
        """What each equation of a condition makes of each function, and its order."""
        found = []
        for equation in self._equations(self.problem.named_conditions()[name], sample):
            if equation.rest.abs().max() > 0:
                raise InputError(
                    f"The conditions of an eigenvalue problem must be homogeneous, but {name!r} has a right-hand side that "
                    "is not zero."
                )
            order = max((op.order for ops in equation.ops for op in ops.values()), default=0)
            found.append((self._applied(equation), order))
        return found

    def applied(self, condition: Condition, x: Float[Tensor, "B D"]) -> Float[Tensor, "B E f"]:
        """What the equations of a condition make of each function at points."""
        equations = self._equations(condition, Sample((x,)))
        if len(equations) != len(self.problem.outputs):
            raise InputError(
                f"Condition {condition.name!r} has {len(equations)} equations for {len(self.problem.outputs)} outputs; an "
                "eigenvalue problem needs as many."
            )
        if any(equation.rest.abs().max() > 0 for equation in equations):
            raise InputError(f"Condition {condition.name!r} must be linear in u, without terms that do not have it.")
        return torch.stack([self._applied(equation) for equation in equations], dim=1)

    def values(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B O f"]:
        """The functions at points."""
        features = self.model.features(x, Operator.identity())
        return torch.stack([features @ functions for functions in self.free], dim=1)

    def _equations(self, condition: Condition, sample: Sample) -> list[Equation]:
        recorders = [Recorder(len(self.problem.outputs), AtZero(self.model)) for _ in sample.sites]
        return equations_of(condition, self.problem, recorders, sample)

    def _applied(self, equation: Equation) -> Float[Tensor, "R f"]:
        total = self.free.new_zeros((equation.sample.num_rows, self.free.shape[2]))
        for k, factors in equation.columns(self.model).items():
            total += factors @ self.free[k]
        return total


def _only(basis: Float[Tensor, "N n"], output: int, outputs: int) -> Float[Tensor, "N On"]:
    """The functions in one of the outputs."""
    return torch.cat([basis if o == output else torch.zeros_like(basis) for o in range(outputs)], dim=1)
