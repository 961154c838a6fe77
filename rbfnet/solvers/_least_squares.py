"""The linear least-squares solver."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rbfnet.annotations import as_number
from rbfnet.errors import MOST_POINTS, InputError, number, positive
from rbfnet.memory import budget
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.problems.conditions import Law
from rbfnet.solvers._solver import Solver, Solving
from rbfnet.solvers.algebra import Moments, Regularization
from rbfnet.solvers.algebra.processes import agreed
from rbfnet.solvers.assembly import LinearSystem, Posed, inequalities_asked, measurements_asked, require_linear, values_asked
from rbfnet.solvers.scattered import DataFit, FunctionalFit, Smoothing, fit_locally, is_local
from rbfnet.solvers.selection import choose_shape, chosen, keep_enough, seen, too_few

COPIES = 3
"""Peak memory as a multiple of the matrix: the matrix itself and its factors."""

SHOWN = 10_000
"""Number of points at which the loss of local interpolants is evaluated, about."""

MANY = 2000
"""Number of centres suggested if using all points as centres needs too much memory."""


FOR_LAWS = "fit takes linear equations, and solve takes all, with Interior, Data and boundary conditions"
"""What to do about a nonlinear equation of a fit."""


class LeastSquares(Solver):
    """Solve for the weights: one weighted, column-scaled least-squares solve, for linear problems and data.

    If epsilon is ``"auto"``, it and the margin are chosen by the residual at held-out points, or for data by cross-validation
    (:func:`rbfnet.solvers.selection.choose_shape`). Otherwise centres and shape parameters are not changed.

    A problem that only prescribes values at points is **data**. By default cross-validation chooses the amount of smoothing:
    with the points as centres the model interpolates or is a smoothing spline; with fewer or other centres it is a penalised or
    plain least-squares fit. The moment conditions of the tail always hold. Rows at the same site are merged into one with their
    mean value, weighted by their number.

    For other problems, damping at the level of rounding and iterative refinement keep numerically undetermined directions from
    growing, so that wide, nearly dependent kernels, which are the accurate ones, can be used safely. The size, condition number
    and rank of the system are reported.

    Source: Fornberg and Flyer, A Primer on Radial Basis Functions (2015), ch. 3; Adcock and Huybrechs, Frames and numerical
    approximation, SIAM Review 61 (2019); Wahba, Spline Models for Observational Data (1990).

    Args:
        regularization: ``"damping"`` (at the level of rounding), ``"truncation"``, ``"ridge"`` or ``"gcv"``
            (:class:`rbfnet.solvers.algebra.Regularization`); all but the first make a plain least-squares fit of data
            too, without smoothing.
        level: the damping of ``"ridge"``, or the relative cutoff of ``"truncation"``.
        smoothing: for data, the weight of the penalty w^T K w relative to the squared errors: a number, zero for interpolation or
            plain least squares; one per row (N,), the variance of its error; or ``"auto"`` to choose by cross-validation, for
            each output, whether to smooth and how much. Same as SciPy's ``RBFInterpolator(smoothing=...)`` in the coordinates of
            the network (standardised for data).
        tolerance: a relative error. The centres of the network are then candidates, of which only as many are kept as the
            tolerance requires, chosen greedily by the weighted residual; epsilon is chosen with all of them. The error is an
            estimate, not a bound. None keeps all centres.

    Raises:
        InputError: unknown or incompatible arguments; at :meth:`check`, a nonlinear problem or model, a matrix too large for
            this machine's memory, smoothing for a problem other than data, or fewer points than the tail has terms.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import LeastSquares
        >>> solution = rbfnet.solve(Poisson(), num_centers=100, solver=LeastSquares(tolerance=1e-6), epsilon=2.0)
        >>> solution.verdict, solution.model.num_centers <= 100
        ('solved', True)
    """

    solves = True
    overlap = 3.5
    max_epochs = 1

    def __init__(
        self,
        regularization: str = "damping",
        level: float | None = None,
        smoothing: Smoothing = "auto",
        tolerance: float | None = None,
    ) -> None:
        self.regularization = Regularization(regularization, level)
        self.smoothing = _smoothing(smoothing)
        if regularization != "damping" and self._smooths:
            raise InputError(f"smoothing has no effect with regularization={regularization}; remove one of them.")
        self.tolerance = None if tolerance is None else positive("tolerance", tolerance)

    @property
    def _smooths(self) -> bool:
        """Whether smoothing was requested."""
        return isinstance(self.smoothing, Tensor) or self.smoothing not in (0.0, "auto")

    @property
    def interpolates(self) -> bool:
        """Whether data may be interpolated, as nothing else was requested."""
        return not self._smooths and self.regularization.how == "damping" and self.tolerance is None

    def shown(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> dict[str, Sample]:
        """All points, or with local interpolants some: at all of them it would take longer than the fit."""
        if not is_local(model):
            return samples
        return {name: sample.rows(slice(None, None, max(1, sample.num_points // SHOWN))) for name, sample in samples.items()}

    def distributes(self, problem: Problem) -> bool:
        # Rows of different kinds are weighed against each other in one process.
        return problem.sites() is None or (len(problem.named_conditions()) == 1 and not problem.bounds())

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return _Solve(model, self.regularization, self.smoothing, self.tolerance)

    def afford(self, sites: int, num_centers: int | None) -> None:
        if num_centers is not None and (not number(num_centers) or num_centers > MOST_POINTS):
            return  # An error is raised where centres are placed.
        centers = sites if num_centers is None else int(num_centers)
        # Rows are read block by block, unless they are all needed at once.
        at_once = self.tolerance is not None or self.regularization.how != "damping"
        needed, there = COPIES * 8 * (sites if at_once else centers) * centers, budget()
        if needed > there:
            what = f"interpolation at {sites:,} points" if num_centers is None else f"a fit with {centers:,} centres"
            fewer = min(MANY, int(there / (COPIES * 8 * sites)) if at_once else int((there / (COPIES * 8)) ** 0.5))
            raise InputError(
                f"least_squares takes about {needed / 1e9:,.0f} GB for {what}, more than half of this machine's memory "
                f"({there / 1e9:.0f} GB); use fewer centres: num_centers={fewer} (on the command line network=default "
                f"network.centers=farthest_point network.num_centers={fewer})."
            )

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, LinearModel):
            raise InputError(f"least_squares solves for linear weights, but {type(model).__name__} has none; use solver=lbfgs.")
        for name, unknown_parameter in problem.named_parameters():
            if unknown_parameter.requires_grad:
                raise InputError(
                    f"least_squares solves for weights only, but {name!r} of the problem is unknown too; use solver=gauss_newton."
                )
        laws = any(isinstance(condition, Law) for condition in problem.named_conditions().values())
        require_linear(problem, samples, FOR_LAWS if laws else "least_squares cannot solve it; use solver=gauss_newton")
        rows = sum(sample.num_rows for sample in samples.values())
        tail = 0 if (moments := model.moments()) is None else moments.shape[1]
        columns = model.coefficients.shape[0]
        values = values_asked(model, problem, samples)
        measured = measurements_asked(model, problem, samples)
        if is_local(model):
            self._require_interpolation(bool(measured))
        several = bool(measured)
        for one in measured:
            one.require_smooth(model)
        if (laws or problem.bounds()) and not several:
            raise InputError("equation and bounds are for plain RBF networks, without normalisation; remove them.")
        if problem.bounds():
            inequalities_asked(model, problem)
        if several and (self.regularization.how != "damping" or self.tolerance is not None or isinstance(self.smoothing, Tensor)):
            raise InputError(
                "A fit to derivatives or means, or with bounds or an equation, takes a smoothing that is a number or 'auto', no "
                "other regularization and no tolerance; remove them."
            )
        if values is None and not several and self._smooths:
            raise InputError(f"smoothing is for values at points, but {type(problem).__name__} has other conditions; remove it.")
        if isinstance(self.smoothing, Tensor) and len(self.smoothing) != rows:
            raise InputError(f"smoothing has {len(self.smoothing)} values for {rows} rows; give one per row.")
        if values is None or self.regularization.how != "damping" or self.tolerance is not None:
            self._require_memory(rows, columns, model.coefficients.element_size())
        network = innermost(model)
        if self.tolerance is not None and not (isinstance(network, RBFNetwork) and len(network.coefficients) == columns):
            raise InputError("tolerance is for an RBFNetwork with one weight per centre and output; remove it.")
        if rows < tail:
            raise InputError(
                f"{rows} points cannot determine a polynomial tail of {tail} terms; give at least {tail} points, or a lower "
                "degree."
            )

    def _require_interpolation(self, several: bool) -> None:
        """Raise InputError for what local interpolants do not have."""
        if several:
            raise InputError("network=local fits values at points, but other measurements were given too; use network=default.")
        if not self.interpolates:
            raise InputError(
                "network=local interpolates the data, but smoothing, regularization or tolerance was given; remove it, or use "
                "network=default with fewer centres."
            )

    def _require_memory(self, rows: int, columns: int, bytes_each: int) -> None:
        needed, there = COPIES * rows * columns * bytes_each, budget()
        if needed > there:
            raise InputError(
                f"least_squares holds a matrix of {rows} x {columns}, about {needed / 1e9:.0f} GB with its factors, more than "
                f"half of this machine's memory ({there / 1e9:.0f} GB); use fewer points or fewer centres."
            )


def _smoothing(given: Smoothing) -> Smoothing:
    given = as_number(given)
    if isinstance(given, str):
        if given != "auto":
            raise InputError(f"smoothing must be a non-negative number, one per point or 'auto', but got {given!r}.")
        return given
    if isinstance(given, Tensor):
        if given.ndim != 1 or not (torch.isfinite(given) & (given >= 0)).all():
            raise InputError(
                f"smoothing must be (N,) and non-negative, but got shape {tuple(given.shape)} with minimum {given.min()}."
            )
        return given
    return float(positive("smoothing", given, zero=True))


class _Solve(Solving):
    """Writes the solution of the linear system into the model, in one step."""

    def __init__(
        self, model: torch.nn.Module, regularization: Regularization, smoothing: Smoothing, tolerance: float | None
    ) -> None:
        super().__init__(list(model.parameters()))
        self.regularization, self.smoothing, self.tolerance = regularization, smoothing, tolerance

    def improve(self, posed: Posed) -> None:
        values = posed.values() if self.regularization.how == "damping" else None
        if measured := posed.measurements():
            self._from_data(posed, FunctionalFit(posed, measured, self.smoothing))
        elif values is not None and is_local(posed.model):
            unknowns, self.left_out, self.words = fit_locally(posed, values)
            posed.model.set_coefficients(unknowns)
        elif values is None:
            self._from_rows(posed)
        else:
            self._from_data(posed, DataFit(posed, values, self.smoothing))
        self.done = True

    def _from_data(self, posed: Posed, fit: DataFit) -> None:
        def missed() -> float:
            found, size = fit.missed()
            return found / size

        words = fit.train_metric()
        fit.look_around()
        words += choose_shape(posed, missed, lost=math.inf)
        if self.tolerance is not None:
            words += keep_enough(posed, posed.linear_system(), self.tolerance)
        unknowns, self.left_out, self.posterior, about = fit.solve()
        posed.model.set_coefficients(unknowns)
        self.words = [*about, *words]

    def _from_rows(self, posed: Posed) -> None:
        choice = chosen(posed, self.regularization)
        words = [*(choice.words if choice is not None else []), *too_few(posed)]
        if choice is not None and choice.whole and self.tolerance is None:
            self.words = [*choice.solved.words, *words]
            return
        system = seen(posed)
        if self.tolerance is not None:
            words += keep_enough(posed, system, self.tolerance)
            system = posed.linear_system()
        unknowns, about = self._solve(system, None if choice is None else choice.solved.damping)
        posed.model.set_coefficients(system.as_coefficients(agreed(unknowns), posed.model.coefficients.shape[1]))
        self.words = [*about, *words]

    def _solve(self, system: LinearSystem, damping: float | None) -> tuple[Tensor, list[str]]:
        regularization = self.regularization if damping is None else Regularization("ridge", damping)
        if system.moments is None:
            return regularization.solve(system.matrix, system.target)
        # Values do not constrain the solution between the points: without moment conditions, growing kernels would grow there.
        centers = len(system.moments) - system.moments.shape[1]
        moments = Moments(system.moments[:centers])
        free = moments.columns(system.matrix[:, :centers])
        found, words = regularization.solve(torch.cat([free, system.matrix[:, centers:]], dim=1), system.target)
        return torch.cat([moments.weights(found[: free.shape[1]]), found[free.shape[1] :]]), words
