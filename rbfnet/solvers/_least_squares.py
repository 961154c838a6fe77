from __future__ import annotations

from typing import cast

import scipy.linalg
import torch
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._interpolation import interpolate, is_symmetric
from rbfnet.solvers._linear_system import LinearSystem
from rbfnet.solvers._linearity import require_linear
from rbfnet.solvers._memory import budget
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._processes import agreed
from rbfnet.solvers._solver import Solver, Solving

COPIES = 3
"""How many times the matrix is held at the peak: itself, and what it is factored into."""


class LeastSquares(Solver):
    """Solve for the weights: one weighted, column-scaled, rank-revealing least-squares solve, for linear problems and data.

    Centres and shape parameters stay as they are. With the data points as centres the system is square and symmetric, and
    is solved as such (interpolation). Otherwise QR with column pivoting truncates the directions that rounding leaves
    undetermined, so that wide, nearly dependent kernels, which are the accurate ones, do no harm.

    Source: Fornberg and Flyer, A Primer on Radial Basis Functions (2015), ch. 3; Golub and Van Loan, Matrix Computations (2013),
    section 5.4.

    Args:
        rcond: singular directions below this fraction of the largest are truncated; None takes the rounding unit of the
            dtype.

    Raises:
        InputError: ``rcond`` is not positive; at :meth:`check`, a problem or model that is not linear, a matrix beyond this
            machine's memory, or fewer points than the tail has terms.
    """

    solves = True
    distributed = True
    overlap = 5.0
    max_epochs = 1

    def __init__(self, rcond: float | None = None) -> None:
        self.rcond = None if rcond is None else positive("rcond", rcond)

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return _Solve(cast(LinearModel, model), self.rcond)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, LinearModel):
            raise InputError(f"least_squares solves for linear weights, but {type(model).__name__} has none; take solver=lbfgs.")
        for name, unknown_parameter in problem.named_parameters():
            if unknown_parameter.requires_grad:
                raise InputError(
                    f"least_squares solves for weights alone, but {name!r} of the problem is to be found too: take solver=lbfgs."
                )
        require_linear(problem, samples, "least_squares cannot solve it: take solver=lbfgs or solver=adam")
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

    def __init__(self, model: LinearModel, rcond: float | None) -> None:
        super().__init__(list(model.parameters()), {"rcond": rcond})

    def improve(self, posed: Posed) -> None:
        system, model = posed.linear_system(), posed.model
        unknowns = agreed(_solve(system, self.param_groups[0]["rcond"]))
        model.set_coefficients(system.as_coefficients(unknowns, model.coefficients.shape[1]))
        self.done = True


def _solve(system: LinearSystem, rcond: float | None) -> Tensor:
    if system.moments is not None:
        num_centers = system.matrix.shape[1] - system.moments.shape[1]
        if is_symmetric(system.matrix, num_centers):
            kernel, tail = system.matrix[:, :num_centers], system.matrix[:, num_centers:]
            solution = interpolate(kernel, tail, system.target)
            if solution is not None:
                return solution
    return _rank_revealing(system.matrix, system.target, rcond)


def _rank_revealing(matrix: Tensor, target: Tensor, rcond: float | None) -> Tensor:
    """Least squares by QR with column pivoting, of columns scaled to norm one (LAPACK gelsy)."""
    scale = matrix.norm(dim=0)
    scale = torch.where(scale > 0, scale, 1.0)
    cut = torch.finfo(matrix.dtype).eps if rcond is None else rcond
    if not (torch.isfinite(matrix).all() and torch.isfinite(target).all()):
        raise InputError("The linear system holds NaN or infinity; look at what the residuals and their coefficients give.")
    # SciPy's: PyTorch hands LAPACK a pivot array it has not cleared, so that its result changes from call to call (issue 187411).
    scaled, values = (matrix / scale).cpu().numpy(), target.cpu().numpy()
    solution = scipy.linalg.lstsq(scaled, values, cond=cut, lapack_driver="gelsy", check_finite=False)[0]
    return torch.from_numpy(solution).to(matrix) / scale[:, None]
