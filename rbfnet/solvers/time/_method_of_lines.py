"""The method of lines: equations, boundary conditions and start of a problem as a system in time."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Initial, Interior, Problem, Sample
from rbfnet.solvers.time._algebraic import algebraic, both
from rbfnet.solvers.time._conditions_in_time import distinct, reached, starts
from rbfnet.solvers.time._constraints import HELD, Constraints, TooFewCenters, level
from rbfnet.solvers.time._linearised import Linearised
from rbfnet.solvers.time._semidiscrete import Rows, in_space
from rbfnet.solvers.time._space_basis import orthonormal, orthonormal_to
from rbfnet.solvers.time._spurious_growth import Damping


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
        self.basis = self._basis(points, weights, samples)
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
                self.edge.append(
                    Rows(condition, reached(name, distinct(samples[name]), network, self.basis), network, self.basis)
                )
        self.size = self.basis.shape[1] * self.outputs
        self._times = torch.tensor([begin], dtype=points.dtype)
        self.order = self._order()
        self.still, self.moving, self.carried = self._kinds()
        self.held = self._held()
        self._known: tuple[Tensor, Constraints] | None = None
        self.given, self.start, self.jump = self._start(first)
        self.constant = self._is_constant()
        self.damping = self._damping()

    def _basis(self, points: Tensor, weights: Tensor, samples: dict[str, Sample]) -> Float[Tensor, "N n"]:
        conditions = self.problem.named_conditions()
        named = [name for name, condition in conditions.items() if not isinstance(condition, (Interior, Initial))]
        edge = [x[:, :-1] for name in named if not starts(self.problem, samples[name]) for x in samples[name].sites]
        if points.shape[1] < 2 or not edge:
            return orthonormal(self.network, in_space(points), weights)
        return orthonormal_to(self.network, points, weights, torch.cat(edge))

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
        highest = torch.cat(found, dim=1)[order].reshape(-1, self.outputs, self.basis.shape[1])
        without = [output for output in range(self.outputs) if not highest[:, output].any()]
        still = [(size[1:] == 0).all(dim=0) for size in sizes]
        for size, none, rows in zip(sizes, still, self.inside, strict=True):
            if not ((size[order] > 0) | (none if without else False)).all():
                raise InputError(
                    f"Each equation of condition {rows.condition.name!r} needs the derivative of order {order} in time for "
                    "evolve, but one has none; take solver=gauss_newton."
                )
        if len(without) != sum(int(none.sum()) for none in still):
            raise InputError(
                f"No equation has the derivative of order {order} in time of the output {self.problem.outputs[without[0]]!r}, "
                "and evolve needs one without such a derivative for each output like that; take solver=gauss_newton."
            )
        self.algebraic = without
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
        asked = matrix[:, matrix.any(dim=0)] if self.algebraic else matrix
        if int(torch.linalg.matrix_rank(asked, rtol=1e-9)) < asked.shape[1]:
            raise InputError(
                f"The initial conditions of {type(self.problem).__name__} do not determine where evolve starts: it needs the "
                f"value{' and the velocity' if order == 2 else ''} of every output everywhere."
            )
        given = y[0].clone()
        y = self._satisfying(y)
        return given, y, float((y[0] - given).norm() / max(float(y[0].norm()), 1e-300))

    def _kinds(self) -> tuple[Tensor, Tensor, Tensor]:
        """Rows without a derivative in time, rows of boundary conditions with one, and equations with one."""
        values = torch.ones((self.order + 1, 1, self.outputs, self.basis.shape[1]), dtype=self.basis.dtype)
        self._edges = sum(len(rows.residual(self.problem, self._times, values)[0]) for rows in self.edge)
        found = self._stacked(self._times, values, torch.ones_like(self._times)).abs()
        rates, inside = found[1:].amax(dim=(0, 2)) > 0, torch.arange(found.shape[1]) >= self._edges
        # Equations inside that have what has no rate give it; that of a divergence has none of it.
        without = found[0].unflatten(1, (self.outputs, -1))[:, self.algebraic].sum(dim=(1, 2)) == 0
        last = ~rates & inside & without
        self._first = int((~rates & ~last).sum())
        still = torch.cat([(~rates & ~last).nonzero()[:, 0], last.nonzero()[:, 0]])
        return still, (rates & ~inside).nonzero()[:, 0], (rates & inside).nonzero()[:, 0]

    def _held(self) -> float:
        """See :func:`level`; by data at five times."""
        edges = self.still[self.still < self._edges]
        if not len(edges):
            return HELD
        times = torch.linspace(self.begin, float(self.problem.domain.box[1, -1]), 5, dtype=self.basis.dtype)
        values = self.basis.new_zeros((self.order + 1, 5, self.outputs, self.basis.shape[1]))
        rows = self._stacked(times, values, torch.full_like(times, 0.2))[0, edges]
        data = self._residual(self.rows, times, values)[:, edges]
        return level(rows, data) if bool(rows.isfinite().all()) and bool(data.isfinite().all()) else HELD

    def _is_constant(self) -> bool:
        """Whether the equations are linear with coefficients that are the same at all times."""
        if len(self.moving):
            return False
        shape = (self.order + 1, 1, self.outputs, self.basis.shape[1])
        other = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=self.basis.dtype)
        end, one = float(self.problem.domain.box[1, -1]), torch.ones_like(self._times)
        first = self._stacked(self._times, torch.zeros_like(other), one)
        least = 1e-12 * first.abs().max()
        return all(
            bool((self._stacked(self._times + part * (end - self.begin), other, one) - first).abs().max() <= least)
            for part in (0.382, 0.71, 1.0)
        )

    def _damping(self) -> Damping | None:
        """See :class:`Damping`; of equations that are the same at all times."""
        if not self.constant or self.algebraic or self.basis.shape[1] == 1:
            return None
        values = torch.cat([self.start, torch.zeros_like(self.start[:1])]).reshape(self.order + 1, 1, self.outputs, -1)
        found = self._stacked(self._times, values, torch.ones_like(self._times))
        free = Constraints.of(found[0, self.still], self.held).free
        carried = found[:, self.carried] @ free
        damping = Damping.of(carried[self.order], carried[0], self._tested(carried[self.order]), free, self.order)
        return damping if damping.modes else None

    def _satisfying(self, y: Float[Tensor, "p On"]) -> Float[Tensor, "p On"]:
        """The nearest state that satisfies the boundary conditions, and velocity that keeps them satisfied."""
        if not len(self.still):
            return y
        y, one = y.clone(), torch.ones_like(self._times)
        # Outputs without a rate have no start and follow the others.
        chosen = torch.zeros((self.outputs, self.basis.shape[1]), dtype=torch.bool)
        chosen[self.algebraic] = True
        for turn in range(4):
            values = torch.cat([y, torch.zeros_like(y[:1])]).reshape(self.order + 1, 1, self.outputs, -1)
            rows = self._stacked(self._times, values, one)[0, self.still]
            if turn == 0 and rows[:, chosen.flatten()].any():
                rows = rows * chosen.flatten()
            constraints = self._constraints(rows)
            change = constraints.held @ (self._residual(self.rows, self._times, values)[0, self.still] @ constraints.test)
            y[0] -= change
            if not constraints.free.shape[1] and not change.norm() <= y[0].norm():
                raise TooFewCenters(self.problem, self.network.num_centers, self.network.layer.automatic)
            if turn and change.norm() <= 1e-9 * y[0].norm():
                break
        if self.order == 2:
            values = torch.cat([y, torch.zeros_like(y[:1])]).reshape(self.order + 1, 1, self.outputs, -1)
            rate = torch.cat([rows.rate(self.problem, self._times, values) for rows in self.rows], dim=1)[0, self.still]
            y[1] -= constraints.held @ (constraints.held.T @ y[1] + rate @ constraints.test)
        return y

    def _constraints(self, rows: Float[Tensor, "R On"]) -> Constraints:
        """What these derivatives of conditions hold; where they are linear they are the same again and again."""
        if self._known is None or not torch.equal(self._known[0], rows):
            self._known = rows, both(rows[: self._first], rows[self._first :], self.held)
        return self._known[1]

    def _matrices(self, rows: Rows, values: Tensor, times: Tensor, weights: Tensor) -> Tensor:
        return rows.matrices(self.problem, times, values, weights)

    @property
    def rows(self) -> list[Rows]:
        """Those of all conditions and equations but for the start."""
        return self.edge + self.inside

    def _stacked(self, times: Tensor, values: Tensor, weights: Tensor) -> Float[Tensor, "p+1 R On"]:
        return torch.cat([self._matrices(rows, values, times, weights) for rows in self.rows], dim=1)

    def _residual(self, group: list[Rows], times: Tensor, values: Tensor) -> Float[Tensor, "K R"]:
        return torch.cat([rows.residual(self.problem, times, values) for rows in group], dim=1)

    def residuals(
        self, times: Float[Tensor, " K"], values: Tensor, linear: Linearised
    ) -> tuple[Float[Tensor, "K r"], Float[Tensor, "K f"]]:
        """What is to be made zero: by the coordinates that are held, and by those that are free."""
        return self.tested(self.missed(times, values), linear)

    def missed(self, times: Float[Tensor, " K"], values: Tensor, rows: list[Rows] | None = None) -> Float[Tensor, "K R"]:
        """By how much a state misses all conditions and equations; with rows, by how much it misses these, undamped."""
        found = self._residual(self.rows if rows is None else rows, times, values)
        if rows is None and self.damping is not None:
            found[:, self.carried] += (values[0].flatten(1) @ self.damping.along) @ self.damping.rows.T
        return found

    def tested(self, found: Float[Tensor, "K R"], linear: Linearised) -> tuple[Float[Tensor, "K r"], Float[Tensor, "K f"]]:
        """What of that is to be made zero."""
        moving, carried = linear.tests
        free = torch.cat([found[:, self.moving] @ moving, found[:, self.carried] @ carried], dim=1)
        return found[:, self.still] @ linear.constraints.test, free

    def linearise(self, times: Float[Tensor, " K"], values: Tensor, step: float, weights: Float[Tensor, " K"]) -> Linearised:
        """The system near a state that is known at the nodes of a step: with the weighted mean of the derivatives there."""
        found = self._stacked(times, values, weights)
        constraints = self._constraints(found[0, self.still])
        moving, carried = found[:, self.moving], found[:, self.carried]
        if self.damping is not None:
            carried[0] += self.damping.rows @ self.damping.along.T
        powers = torch.tensor([step ** (self.order - q) for q in range(self.order + 1)], dtype=found.dtype)
        along = (powers[:, None, None] * (moving @ constraints.free)).sum(dim=0)
        rest = Constraints.of(along)
        if self.algebraic:
            kept, tested = algebraic(carried[self.order] @ constraints.free, carried[0] @ constraints.free)
            constraints = replace(constraints, free=constraints.free @ kept)
        else:
            tested = self._tested(carried[self.order] @ (constraints.free @ rest.free))
        rows = torch.cat([rest.test.T @ moving, tested.T @ carried], dim=1)
        return Linearised(constraints, (rest.test, tested), rows @ constraints.free, rows @ constraints.held)

    def linearised_at_start(self) -> Linearised:
        """The system near its start."""
        values = torch.cat([self.start, torch.zeros_like(self.start[:1])]).reshape(self.order + 1, 1, self.outputs, -1)
        return self.linearise(self._times, values, 1.0, torch.ones_like(self._times))

    def _tested(self, highest: Float[Tensor, "Q f"]) -> Float[Tensor, "Q f"]:
        """An orthonormal basis of what the equations make of the highest derivative in time."""
        tested, triangle = torch.linalg.qr(highest)
        size = triangle.diagonal().abs()
        if triangle.shape[0] < triangle.shape[1] or (len(size) and not size.min() > 1e-9 * size.max()):
            raise InputError(
                f"The equations of {type(self.problem).__name__} do not determine the derivative of order {self.order} in time "
                "of every output; take solver=gauss_newton."
            )
        return tested
