"""The method of lines: equations, boundary conditions and start of a problem as a system in time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Condition, Initial, Interior, Problem, Sample
from rbfnet.solvers.time._constraints import HELD, Constraints, level
from rbfnet.solvers.time._semidiscrete import Rows
from rbfnet.solvers.time._space_basis import orthonormal


@dataclass(frozen=True)
class Linearised:
    """The system near a state.

    Attributes:
        constraints: by the boundary conditions.
        tests: from residuals to those that are made zero, of boundary conditions with a derivative in time and of the equations.
        free, held: the derivatives of those in y, y', y'' along what is free and what is held.
    """

    constraints: Constraints
    tests: tuple[Float[Tensor, "R g"], Float[Tensor, "Q h"]]
    free: Float[Tensor, "p+1 f f"]
    held: Float[Tensor, "p+1 f r"]


class Lines:
    """F(t, y, y', y'') = 0 for the state y (O n), coordinates in a basis in space that is orthonormal at points.

    Boundary conditions are eliminated: y = held c + free z with an orthonormal basis of the null space of their rows
    (:class:`Constraints`), so that they are satisfied at all times and are no equations of a differential-algebraic system; those
    with a derivative in time of their own are equations for z. The residuals inside are tested with the derivatives of the
    equations in the highest derivative in time of z: least squares for that derivative, which for u_t is the method of Galerkin.
    With points of a quadrature that integrates products of these functions it keeps what the equation conserves, and no
    eigenvalue is in the right half plane where (u, L u) <= 0 for all u that satisfy the boundary conditions.

    Args:
        problem: whose conditions they are.
        network: the model in space.
        samples: points of the conditions; those of :class:`Interior` conditions are not used.
        points, weights: where equations and start are satisfied, and what the square of a residual there counts.

    Attributes:
        basis: (N, n). order: p, of the highest derivative in time. start: (p, O n), y and y' at first; jump: by how much,
        relative, the given start had to be changed for it to satisfy the boundary conditions; given: (O n), y before that.
        constant: whether one linearisation is that of all states and times.

    Raises:
        InputError: a problem that is not of this form.

    Source: Gottlieb, Hussaini and Orszag, Theory and applications of spectral methods (1984), for stability by Galerkin's method.
    """

    def __init__(
        self,
        problem: Problem,
        network: RBFNetwork,
        samples: dict[str, Sample],
        points: Float[Tensor, "B d"],
        weights: Float[Tensor, " B"],
    ) -> None:
        self.problem, self.network, self.outputs = problem, network, len(problem.outputs)
        self.begin = begin = float(problem.domain.box[0, -1])
        at_begin = torch.cat([points, torch.full_like(points[:, :1], begin)], dim=1)
        weights = weights / weights.sum()
        self.basis = orthonormal(network, points, weights)
        self.inside: list[Rows] = []
        self.edge: list[Rows] = []
        first: list[Rows] = []
        for name, condition in problem.named_conditions().items():
            if isinstance(condition, Interior):
                here = condition.holds(at_begin)
                self.inside.append(Rows(condition, Sample((at_begin[here],)), network, self.basis, weights[here]))
            elif isinstance(condition, Initial) and not samples[name].data:
                first.append(Rows(condition, Sample((at_begin,)), network, self.basis, weights))
            elif starts(problem, samples[name]):
                first.append(Rows(condition, samples[name], network, self.basis))
            else:
                self.edge.append(Rows(condition, distinct(samples[name]), network, self.basis))
        self.size = self.basis.shape[1] * self.outputs
        self._times = torch.tensor([begin], dtype=points.dtype)
        self.order = self._order()
        self.moving = self._moving()
        self.held = self._held()
        self.given, self.start, self.jump = self._start(first)
        self.constant = self._is_constant()

    def _order(self) -> int:
        """The order of the highest derivative in time.

        Raises:
            InputError: an equation, or an output, without one.
        """
        zero = self.basis.new_zeros((3, 1, self.outputs, self.basis.shape[1]))
        found = [self._matrices(rows, zero, self._times, torch.ones_like(self._times)) for rows in self.inside]
        sizes = [
            part.reshape(3, -1, len(rows.root), self.size).abs().amax(dim=(2, 3))
            for part, rows in zip(found, self.inside, strict=True)
        ]
        order = 2 if any(float(size[2].max()) > 0 for size in sizes) else 1
        for size, rows in zip(sizes, self.inside, strict=True):
            if not (size[order] > 0).all():
                raise InputError(
                    f"Each equation of condition {rows.condition.name!r} needs the derivative of order {order} in time for "
                    "evolve, but one has none; take solver=gauss_newton."
                )
        highest = torch.cat(found, dim=1)[order].reshape(-1, self.outputs, self.basis.shape[1])
        for output, name in enumerate(self.problem.outputs):
            if not highest[:, output].any():
                raise InputError(
                    f"No equation has the derivative of order {order} in time of the output {name!r}, which evolve needs; "
                    "take solver=gauss_newton."
                )
        return order

    def _start(self, first: list[Rows]) -> tuple[Tensor, Tensor, float]:
        size, order, one = self.basis.shape[1], self.order, torch.ones_like(self._times)
        if not first:
            raise InputError(
                f"{type(self.problem).__name__} has no initial condition, which evolve starts from; yield an Initial."
            )
        y = self.basis.new_zeros((order, self.size))
        for _ in range(4):
            # Once where it is linear, as nearly all are.
            values = y.reshape(order, 1, self.outputs, size)
            matrix = torch.cat([torch.cat(list(self._matrices(rows, values, self._times, one)), dim=1) for rows in first])
            target = torch.cat([rows.residual(self.problem, self._times, values)[0] for rows in first])
            change = torch.linalg.lstsq(matrix, target[:, None], driver="gelsd").solution.reshape(order, -1)
            y = y - change
            if change.norm() <= 1e-9 * y.norm():
                break
        rank = int(torch.linalg.matrix_rank(matrix, rtol=1e-9))
        if rank < order * self.size:
            raise InputError(
                f"The initial conditions of {type(self.problem).__name__} do not determine where evolve starts: it needs the "
                f"value{' and the velocity' if order == 2 else ''} of every output everywhere."
            )
        given = y[0].clone()
        y = self._satisfying(y)
        return given, y, float((y[0] - given).norm() / max(float(y[0].norm()), 1e-300))

    def _moving(self) -> Bool[Tensor, " R"]:
        """Which rows of the boundary conditions have a derivative in time."""
        if not self.edge:
            return torch.zeros(0, dtype=torch.bool)
        values = torch.ones((self.order + 1, 1, self.outputs, self.basis.shape[1]), dtype=self.basis.dtype)
        found = self._stacked(self.edge, self._times, values, torch.ones_like(self._times))
        return found[1:].abs().amax(dim=(0, 2)) > 0

    def _held(self) -> float:
        """See :func:`level`; by data at five times."""
        if not self.edge or self.moving.all():
            return HELD
        times = self._times + torch.linspace(0, 1, 5, dtype=self.basis.dtype) * (
            float(self.problem.domain.box[1, -1]) - self.begin
        )
        values = self.basis.new_zeros((self.order + 1, 5, self.outputs, self.basis.shape[1]))
        rows = self._stacked(self.edge, times, values, torch.full_like(times, 0.2))[0, ~self.moving]
        data = self._residual(self.edge, times, values)[:, ~self.moving]
        return level(rows, data) if bool(rows.isfinite().all()) and bool(data.isfinite().all()) else HELD

    def _is_constant(self) -> bool:
        """Whether the equations are linear with coefficients that are the same at all times."""
        if self.moving.any():
            return False
        shape = (self.order + 1, 1, self.outputs, self.basis.shape[1])
        other = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=self.basis.dtype)
        end, one = float(self.problem.domain.box[1, -1]), torch.ones_like(self._times)
        for group in (self.inside, self.edge):
            if group:
                first = self._stacked(group, self._times, torch.zeros_like(other), one)
                for part in (0.382, 0.71, 1.0):
                    later = self._stacked(group, self._times + part * (end - self.begin), other, one)
                    if not (later - first).abs().max() <= 1e-12 * first.abs().max():
                        return False
        return True

    def _satisfying(self, y: Float[Tensor, "p On"]) -> Float[Tensor, "p On"]:
        """The nearest state that satisfies the boundary conditions, and velocity that keeps them satisfied."""
        if not self.edge or self.moving.all():
            return y
        y, still = y.clone(), ~self.moving
        for _ in range(4):
            values = torch.cat([y, torch.zeros_like(y[:1])]).reshape(self.order + 1, 1, self.outputs, -1)
            rows = self._stacked(self.edge, self._times, values, torch.ones_like(self._times))[0, still]
            constraints = Constraints.of(rows, self.held)
            change = constraints.held @ (self._residual(self.edge, self._times, values)[0, still] @ constraints.test)
            y[0] -= change
            if change.norm() <= 1e-9 * y[0].norm():
                break
        if self.order == 2:
            values = torch.cat([y, torch.zeros_like(y[:1])]).reshape(self.order + 1, 1, self.outputs, -1)
            rate = torch.cat([rows.rate(self.problem, self._times, values) for rows in self.edge], dim=1)[0, still]
            y[1] -= constraints.held @ (constraints.held.T @ y[1] + rate @ constraints.test)
        return y

    def _matrices(self, rows: Rows, values: Tensor, times: Tensor, weights: Tensor) -> Tensor:
        return rows.matrices(self.problem, times, values, weights)

    def _stacked(self, group: list[Rows], times: Tensor, values: Tensor, weights: Tensor) -> Float[Tensor, "p+1 R On"]:
        return torch.cat([self._matrices(rows, values, times, weights) for rows in group], dim=1)

    def _residual(self, group: list[Rows], times: Tensor, values: Tensor) -> Float[Tensor, "K R"]:
        return torch.cat([rows.residual(self.problem, times, values) for rows in group], dim=1)

    def residuals(
        self, times: Float[Tensor, " K"], values: Tensor, linear: Linearised
    ) -> tuple[Float[Tensor, "K r"], Float[Tensor, "K f"]]:
        """What is to be made zero: by the coordinates that are held, and by those that are free."""
        inside = self._residual(self.inside, times, values) @ linear.tests[1]
        if not self.edge:
            return inside[:, :0], inside
        edge = self._residual(self.edge, times, values)
        held = edge[:, ~self.moving] @ linear.constraints.test
        return held, torch.cat([edge[:, self.moving] @ linear.tests[0], inside], dim=1)

    def linearise(self, times: Float[Tensor, " K"], values: Tensor, step: float, weights: Float[Tensor, " K"]) -> Linearised:
        """The system near a state that is known at the nodes of a step: with the weighted mean of the derivatives there."""
        inside = self._stacked(self.inside, times, values, weights)
        edge = inside[:, :0]
        if self.edge:
            edge = self._stacked(self.edge, times, values, weights)
        constraints = Constraints.of(edge[0, ~self.moving] if self.edge else edge[0], self.held)
        free = constraints.free
        moving = edge[:, self.moving] if self.edge else edge
        along = moving @ free
        powers = torch.tensor([step ** (self.order - q) for q in range(self.order + 1)], dtype=inside.dtype)
        rest = Constraints.of((powers[:, None, None] * along).sum(dim=0))
        tested, triangle = torch.linalg.qr(inside[self.order] @ (free @ rest.free))
        size = triangle.diagonal().abs()
        if triangle.shape[0] < triangle.shape[1] or (len(size) and not size.min() > 1e-9 * size.max()):
            raise InputError(
                f"The equations of {type(self.problem).__name__} do not determine the derivative of order {self.order} in time "
                "of every output; take solver=gauss_newton."
            )
        rows = torch.cat([rest.test.T @ moving, tested.T @ inside], dim=1)
        return Linearised(constraints, (rest.test, tested), rows @ free, rows @ constraints.held)


def starts(problem: Problem, sample: Sample) -> bool:
    """Whether all points of a sample are at the start of time."""
    begin, end = problem.domain.box[:, -1].tolist()
    return all(bool(((x[:, -1] - begin).abs() <= 1e-9 * (end - begin)).all()) for x in sample.sites)


def distinct(sample: Sample) -> Sample:
    """The points that are different in space."""
    parts = [x[:, :-1] for x in sample.sites] + ([] if sample.normal is None else [sample.normal])
    _, inverse = torch.unique(torch.cat(parts, dim=1), dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(inverse)).scatter_reduce(
        0, inverse, torch.arange(len(inverse)), "amin", include_self=True
    )
    return sample.rows(first.sort().values)


def require_carried(problem: Problem, conditions: dict[str, Condition], samples: dict[str, Sample]) -> None:
    """Raise InputError for conditions that are not conditions at a time."""
    begin, end = problem.domain.box[:, -1].tolist()
    for name, condition in conditions.items():
        sample = samples[name]
        fault = ""
        if sample.weights is not None:
            fault = "is an integral"
        elif sample.data and not starts(problem, sample):
            fault = "has values at points of its own"
        elif not isinstance(condition, (Interior, Initial)) and all(
            bool(((x[:, -1] - end).abs() <= 1e-9 * (end - begin)).all()) for x in sample.sites
        ):
            fault = "holds at the end"
        if fault:
            raise InputError(
                f"evolve goes through time and needs conditions that hold at every time or at the start, but {name!r} {fault}; "
                "take solver=gauss_newton."
            )
    if not any(isinstance(condition, Interior) for condition in conditions.values()):
        raise InputError(f"{type(problem).__name__} has no equation for evolve to carry; yield an Interior.")
