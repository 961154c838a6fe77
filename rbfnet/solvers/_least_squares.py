from __future__ import annotations

import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._interpolation import interpolate, is_symmetric
from rbfnet.solvers._linear_system import LinearSystem
from rbfnet.solvers._linearity import require_linear
from rbfnet.solvers._memory import budget
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._processes import agreed
from rbfnet.solvers._regularization import Regularization
from rbfnet.solvers._solver import Solver, Solving

COPIES = 3
"""How many times the matrix is held at the peak: itself, and what it is factored into."""


class LeastSquares(Solver):
    """Solve for the weights: one weighted, column-scaled least-squares solve, for linear problems and data.

    Centres and shape parameters stay as they are. With the data points as centres the system is square and symmetric, and
    is solved as such (interpolation). Otherwise damping at the level of rounding and iterative refinement keep the directions
    that rounding leaves undetermined from growing, so that wide, nearly dependent kernels, which are the accurate ones, do no
    harm. The size, condition number and rank of the system are reported in words.

    Source: Fornberg and Flyer, A Primer on Radial Basis Functions (2015), ch. 3; Adcock and Huybrechs, Frames and numerical
    approximation, SIAM Review 61 (2019).

    Args:
        regularization: ``"damping"`` (at the level of rounding), ``"truncation"``, ``"ridge"`` or ``"gcv"``
            (:class:`rbfnet.solvers._regularization.Regularization`); all but the first make a least-squares fit of interpolation
            too.
        level: the damping of ``"ridge"``, or the relative cut of ``"truncation"``.

    Raises:
        InputError: a regularisation that is not known, or a level it does not take; at :meth:`check`, a problem or model that is not linear, a matrix beyond this machine's memory, or fewer
            points than the tail has terms.
    """

    solves = True
    distributed = True
    overlap = 3.5
    max_epochs = 1

    def __init__(self, regularization: str = "damping", level: float | None = None) -> None:
        self.regularization = Regularization(regularization, level)

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return _Solve(model, self.regularization)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, LinearModel):
            raise InputError(f"least_squares solves for linear weights, but {type(model).__name__} has none; take solver=lbfgs.")
        for name, unknown_parameter in problem.named_parameters():
            if unknown_parameter.requires_grad:
                raise InputError(
                    f"least_squares solves for weights alone, but {name!r} of the problem is to be found too: take solver=gauss_newton."
                )
        require_linear(problem, samples, "least_squares cannot solve it: take solver=gauss_newton")
        rows = sum(sample.num_rows for sample in samples.values())
        tail = 0 if (moments := model.moments()) is None else moments.shape[1]
        columns = model.coefficients.shape[0]
        needed, there = COPIES * rows * columns * model.coefficients.element_size(), budget()
        if needed > there:
            raise InputError(
                f"least_squares holds a matrix of {rows} x {columns}, about {needed / 1e9:.0f} GB with its factors, more than "
                f"half of this machine's memory ({there / 1e9:.0f} GB); take fewer points, or fewer centres "
                "(network=default network.centers=kmeans network.num_centers=1000)."
            )
        if rows < tail:
            raise InputError(
                f"{rows} points cannot determine a polynomial tail of {tail} terms; give {tail} points at least, or a lower "
                "degree."
            )


class _Solve(Solving):
    """Writes the solution of the linear system into the model, in one step."""

    def __init__(self, model: torch.nn.Module, regularization: Regularization) -> None:
        super().__init__(list(model.parameters()))
        self.regularization = regularization

    def improve(self, posed: Posed) -> None:
        system, model = posed.linear_system(), posed.model
        unknowns = _interpolated(system) if self.regularization.how == "damping" else None
        if unknowns is not None:
            self.words = [f"All {len(unknowns):,} unknowns are determined: the model interpolates."]
        else:
            unknowns, self.words = self.regularization.solve(system.matrix, system.target)
        model.set_coefficients(system.as_coefficients(agreed(unknowns), model.coefficients.shape[1]))
        self.done = True


def _interpolated(system: LinearSystem) -> Tensor | None:
    """The solution where the rows are values at the centres, and rounding lets it be had."""
    if system.moments is None:
        return None
    num_centers = system.matrix.shape[1] - system.moments.shape[1]
    if not is_symmetric(system.matrix, num_centers):
        return None
    return interpolate(system.matrix[:, :num_centers], system.matrix[:, num_centers:], system.target)
