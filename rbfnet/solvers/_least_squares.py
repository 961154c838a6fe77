from __future__ import annotations

import math

import torch
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers._wrapper import innermost
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._choice import chosen, seen, too_few
from rbfnet.solvers._interpolation import Interpolation, is_symmetric
from rbfnet.solvers._linear_system import LinearSystem
from rbfnet.solvers._linearity import require_linear
from rbfnet.solvers._memory import budget
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._processes import agreed
from rbfnet.solvers._regularization import Regularization
from rbfnet.solvers._shape import choose_shape
from rbfnet.solvers._solver import Solver, Solving
from rbfnet.solvers._thin import keep_enough

COPIES = 3
"""How many times the matrix is held at the peak: itself, and what it is factored into."""


class LeastSquares(Solver):
    """Solve for the weights: one weighted, column-scaled least-squares solve, for linear problems and data.

    Where epsilon is ``"auto"``, it and the margin are chosen by the residual at points held back
    (:func:`rbfnet.solvers._shape.choose_shape`), in interpolation by leaving one out (Rippa 1999). Otherwise centres and shape
    parameters stay as they are. With the data points as centres the system is square and symmetric, and
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
        smoothing: in interpolation, how much the solution may miss each value: a number, one for each point (N,), or ``"auto"``
            for the number that generalised cross-validation chooses; as SciPy's ``RBFInterpolator(smoothing=...)`` in the
            coordinates and units of the network (standardised for data).
        tolerance: a relative error. The centres of the network are candidates then, of which only as many are kept as it needs,
            chosen by the residual (:func:`rbfnet.solvers._thin.thin`), with the weighted rows as they count in the loss; epsilon
            is chosen with all of them. The error is an estimate, not a bound. None keeps all.

    Raises:
        InputError: arguments that are not known or do not fit each other; at :meth:`check`, a problem or model that is not
            linear, a matrix beyond this machine's memory, smoothing without all points as centres, or fewer points than the tail
            has terms.
    """

    solves = True
    distributed = True
    overlap = 3.5
    max_epochs = 1

    def __init__(
        self,
        regularization: str = "damping",
        level: float | None = None,
        smoothing: float | str | Tensor = 0.0,
        tolerance: float | None = None,
    ) -> None:
        self.regularization = Regularization(regularization, level)
        self.smoothing = _smoothing(smoothing)
        if regularization != "damping" and (isinstance(self.smoothing, (str, Tensor)) or self.smoothing):
            raise InputError(f"smoothing is for interpolation, which regularization={regularization} replaces; leave one out.")
        self.tolerance = None if tolerance is None else positive("tolerance", tolerance)
        if tolerance is not None and (isinstance(self.smoothing, (str, Tensor)) or self.smoothing):
            raise InputError("smoothing needs all points as centres, and tolerance keeps a part of them; leave one out.")

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return _Solve(model, self.regularization, self.smoothing, self.tolerance)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, LinearModel):
            raise InputError(f"least_squares solves for linear weights, but {type(model).__name__} has none; take solver=lbfgs.")
        for name, unknown_parameter in problem.named_parameters():
            if unknown_parameter.requires_grad:
                raise InputError(
                    f"least_squares solves for weights alone, but {name!r} of the problem is to be found too: take "
                    "solver=gauss_newton."
                )
        require_linear(problem, samples, "least_squares cannot solve it: take solver=gauss_newton")
        rows = sum(sample.num_rows for sample in samples.values())
        tail = 0 if (moments := model.moments()) is None else moments.shape[1]
        columns = model.coefficients.shape[0]
        needed, there = COPIES * rows * columns * model.coefficients.element_size(), budget()
        if isinstance(self.smoothing, (Tensor, str)) or self.smoothing:
            if moments is None or rows != columns - tail:
                raise InputError(
                    f"smoothing needs all points as centres, but there are {rows} rows and {columns - tail} centres; take "
                    "network=points, or regularization=gcv instead."
                )
            if isinstance(self.smoothing, Tensor) and len(self.smoothing) != rows:
                raise InputError(f"smoothing has {len(self.smoothing)} values for {rows} points; give one for each.")
        if needed > there:
            raise InputError(
                f"least_squares holds a matrix of {rows} x {columns}, about {needed / 1e9:.0f} GB with its factors, more than "
                f"half of this machine's memory ({there / 1e9:.0f} GB); take fewer points, or fewer centres "
                "(network=default network.centers=kmeans network.num_centers=1000)."
            )
        network = innermost(model)
        if self.tolerance is not None and not (isinstance(network, RBFNetwork) and len(network.coefficients) == columns):
            raise InputError("tolerance is for an RBFNetwork with one weight per centre and output; leave it out.")
        if rows < tail:
            raise InputError(
                f"{rows} points cannot determine a polynomial tail of {tail} terms; give {tail} points at least, or a lower "
                "degree."
            )


Smoothing = float | str | Tensor


def _smoothing(given: Smoothing) -> Smoothing:
    if isinstance(given, str):
        if given != "auto":
            raise InputError(f"smoothing is zero or positive, one for each point, or 'auto', but got {given!r}.")
        return given
    if isinstance(given, Tensor):
        if given.ndim != 1 or not (torch.isfinite(given) & (given >= 0)).all():
            raise InputError(f"smoothing is (N,), zero or positive, but got {tuple(given.shape)} from {given.min()} on.")
        return given
    return positive("smoothing", given, zero=True)


class _Solve(Solving):
    """Writes the solution of the linear system into the model, in one step."""

    def __init__(
        self, model: torch.nn.Module, regularization: Regularization, smoothing: Smoothing, tolerance: float | None
    ) -> None:
        super().__init__(list(model.parameters()))
        self.regularization, self.smoothing, self.tolerance = regularization, smoothing, tolerance

    def improve(self, posed: Posed) -> None:
        # Values at as many points as there are centres: an interpolation, most likely.
        moments = posed.model.moments()
        rows = sum(sample.num_rows for sample in posed.samples.values())
        square = moments is not None and rows == moments.shape[0] - moments.shape[1]
        system = posed.linear_system() if square else None
        choice = None
        if system is not None and self._interpolates(system):
            words = choose_shape(posed, lambda: self._left_out(posed), lost=math.inf)
            system = posed.linear_system() if words else system
        else:
            choice = None if self._smooths else chosen(posed, self.regularization)
            words = [*(choice.words if choice is not None else []), *too_few(posed)]
            if choice is not None and choice.whole and self.tolerance is None:
                self.words, self.done = [*choice.solved.words, *words], True
                return
            system = seen(posed)
        if self.tolerance is not None:
            words += keep_enough(posed, system, self.tolerance)
            system = posed.linear_system()
        unknowns, about = self._solve(system, None if choice is None else choice.solved.damping)
        posed.model.set_coefficients(system.as_coefficients(agreed(unknowns), posed.model.coefficients.shape[1]))
        self.words, self.done = [*about, *words], True

    def _left_out(self, posed: Posed) -> float:
        """How far interpolation of all other values is from each of them, relative to these."""
        system = posed.linear_system()
        interpolation = self._interpolation(system)
        if interpolation is None or interpolation.failed:
            return math.inf
        return float(interpolation.leave_one_out(system.target).norm() / (system.target.norm() or 1.0))

    def _solve(self, system: LinearSystem, damping: float | None = None) -> tuple[Tensor, list[str]]:
        interpolation = self._interpolation(system)
        if interpolation is not None and not interpolation.failed:
            does = "smooths" if self._smooths else "interpolates"
            words = [f"All {system.matrix.shape[1]:,} unknowns are determined: the model {does}."]
            if self.smoothing == "auto":
                words.append(f"Generalised cross-validation chose smoothing = {interpolation.smoothing:.3g}.")
            return interpolation.solve(system.target), words
        if self._smooths:
            raise InputError(
                "Smoothing needs centres that are the points, each of them once, and not on a line or curve that leaves the tail "
                "undetermined; take centers=points and a lower degree, or regularization=gcv instead."
            )
        regularization = self.regularization if damping is None else Regularization("ridge", damping)
        return regularization.solve(system.matrix, system.target)

    @property
    def _smooths(self) -> bool:
        return isinstance(self.smoothing, (Tensor, str)) or bool(self.smoothing)

    def _interpolates(self, system: LinearSystem) -> bool:
        """Whether the rows are values at the centres."""
        if system.moments is None or self.regularization.how != "damping":
            return False
        return is_symmetric(system.matrix, system.matrix.shape[1] - system.moments.shape[1])

    def _interpolation(self, system: LinearSystem) -> Interpolation | None:
        """The system as a square symmetric one, where the rows are values at the centres."""
        if system.moments is None or not self._interpolates(system):
            return None
        num_centers = system.matrix.shape[1] - system.moments.shape[1]
        kernel, tail = system.matrix[:, :num_centers], system.matrix[:, num_centers:]
        if isinstance(self.smoothing, str):
            plain = Interpolation(kernel, tail)
            return Interpolation(kernel, tail, plain.cross_validated(system.target)) if plain.inner.numel() else plain
        return Interpolation(kernel, tail, self.smoothing)
