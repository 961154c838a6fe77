"""Choose the shape parameter of a nonlinear problem by its linearisation at a solution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import RBFLayer
from rbfnet.operators import LinearModel
from rbfnet.solvers.algebra import Factored, processes, triangle
from rbfnet.solvers.assembly import Equation, Posed, Unknowns, linearised, stacked
from rbfnet.solvers.assembly import row_blocks as rows
from rbfnet.solvers.selection._candidates import Attempts, Solved
from rbfnet.solvers.selection._choose_width import choose_shape
from rbfnet.solvers.selection._unseen_columns import unseen
from rbfnet.solvers.validation import Yardstick, kept_apart


@dataclass(frozen=True)
class Quasilinear:
    """A problem linearised at a function u_0, for any basis: the linearised equations are stored, the features are not.

    A row is L u = L u_0 - r, where L and r are the derivative and the residual at u_0. This is the Newton step, for any kernel
    widths of the model.
    """

    posed: Posed
    equations: dict[str, list[tuple[Equation, Tensor]]]

    @classmethod
    def at(cls, posed: Posed) -> Quasilinear:
        """Linearise at the current function of the model."""
        here = posed.model.coefficients.T.reshape(-1)
        outputs = len(posed.problem.outputs)

        def target(equation: Equation) -> Tensor:
            return stacked(posed.model, equation, outputs) @ here - equation.sample.contract(equation.rest)

        found = linearised(posed.problem, posed.samples, posed.model, posed.known)
        return cls(posed, {name: [(e, target(e)) for e in equations] for name, equations in found.items()})

    def rows(self, model: LinearModel) -> tuple[Float[Tensor, "R U"], Float[Tensor, "R 1"]]:
        """The weighted rows for the current basis of ``model``, zero in unseen columns, and their right-hand side."""
        scaled = [
            (self.posed.factor(scale, equation.sample), equation, target)
            for name, equations in self.equations.items()
            for (equation, target), scale in zip(equations, self.posed.scales[name], strict=True)
        ]
        outputs = len(self.posed.problem.outputs)
        matrix = torch.cat([factor * stacked(model, equation, outputs) for factor, equation, _ in scaled])
        faint = unseen(model, self.posed.problem, self.posed.everywhere.values())
        matrix[:, faint.repeat(outputs)] = 0.0
        target = torch.cat([factor * target for factor, _, target in scaled])[:, None]
        if processes.count() == 1:
            return matrix, target
        both = triangle([torch.cat([matrix, target], dim=1)])
        return both[:, :-1], both[:, -1:]


def automatic(posed: Posed) -> bool:
    """Whether there are automatic widths."""
    return any(isinstance(part, RBFLayer) and part.automatic for part in posed.model.modules())


def chosen_shape(posed: Posed, unknowns: Unknowns) -> tuple[list[str], Float[Tensor, " N"] | None]:
    """Choose automatic values of epsilon and margin (:func:`rbfnet.solvers.selection.choose_shape`).

    Afterwards the equations are weighted by the sizes of their terms (:class:`rbfnet.solvers.selection.Attempts`).

    Returns:
        Sentences on the choice, and the new coefficients if they changed.
    """
    apart = kept_apart(posed.problem, posed.everywhere)
    if apart is None or not rows.whole_fits(posed, unknowns):
        return [], None
    model, outputs = posed.model, len(posed.problem.outputs)
    whole, used = Quasilinear.at(posed), Quasilinear.at(replace(posed, samples=posed.own(apart[0])))

    def solution(part: Quasilinear) -> Tensor:
        matrix, target = part.rows(model)
        return processes.agreed(Factored(matrix).solve(target, refinements=1)[:, 0])

    yardstick = Yardstick.at(model, posed.problem, apart[1], posed.known)
    attempts = Attempts(used.posed, yardstick, lambda: Solved(solution(used).reshape(outputs, -1).T, []))
    words = choose_shape(posed, attempts)
    if attempts.count <= 1:
        return words, None
    attempts.finish()
    return words, solution(whole)
