"""The method of lines: equations, boundary conditions and start of a problem as a system in time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator
from rbfnet.problems import Condition, Initial, Interior, Problem, Sample
from rbfnet.solvers.time._radau import Radau
from rbfnet.solvers.time._semidiscrete import Rows

CUT = 1e-12
"""Singular values of the basis below this fraction of the largest are left out."""

APART = 1e-9
"""Boundary conditions that differ by less than this are one."""


@dataclass(frozen=True)
class Linearised:
    """The system near a state: from residuals to those that are made zero, and the factors of what is solved with."""

    boundary: Float[Tensor, "R r"]
    inside: Float[Tensor, "Q n-r"]
    factors: tuple[Complex[Tensor, "H n n"], Tensor]


class Lines:
    """F(t, y, y', y'') = 0 for the state y (O n), coordinates in a basis in space that is orthonormal at points.

    The basis is that of the network's functions by a truncated singular value decomposition, so that kernels may be as wide and
    nearly dependent as accuracy wants them. The residuals inside are tested with the derivatives of the equations in the highest
    derivative in time, restricted to what boundary conditions leave free: least squares for that derivative, which for u_t is the
    method of Galerkin. At points of a quadrature it keeps what the equation conserves, so that waves neither grow nor decay. The
    boundary conditions are equations without a derivative in time of their own, as many as are independent.

    Args:
        problem: whose conditions they are.
        network: the model in space.
        samples: points of the conditions; those of :class:`Interior` conditions are not used.
        points, weights: where equations and start are satisfied, and what the square of a residual there counts.

    Attributes:
        basis: (N, n). order: p, of the highest derivative in time. start: (p, O n), y and y' at first; jump: by how much,
        relative, the given start had to be changed for it to satisfy the boundary conditions; given: (O n), y before that.

    Raises:
        InputError: a problem that is not of this form.
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
        begin = float(problem.domain.box[0, -1])
        at_begin = torch.cat([points, torch.full_like(points[:, :1], begin)], dim=1)
        weights = weights / weights.sum()
        with torch.no_grad():
            features = network.features(points, Operator.identity())
        _, sizes, right = torch.linalg.svd(weights.sqrt()[:, None] * features, full_matrices=False)
        kept = int((sizes > CUT * sizes[0]).sum())
        self.basis, self.recover = right[:kept].T / sizes[:kept], (sizes[:kept, None] * right[:kept])
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
        self.size = kept * self.outputs
        self._times = torch.tensor([begin], dtype=points.dtype)
        self.order = self._order()
        self.given, self.start, self.jump = self._start(first)

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
        if self.edge:
            values = torch.cat([y, torch.zeros_like(y[:1])]).reshape(order + 1, 1, self.outputs, size)
            matrix = torch.cat([self._matrices(rows, values, self._times, one)[0] for rows in self.edge])
            target = torch.cat([rows.residual(self.problem, self._times, values)[0] for rows in self.edge])
            length = matrix.norm(dim=1).clamp_min(1e-300)
            y[0] -= torch.linalg.pinv(matrix / length[:, None], rtol=APART) @ (target / length)
        return given, y, float((y[0] - given).norm() / max(float(y[0].norm()), 1e-300))

    def _matrices(self, rows: Rows, values: Tensor, times: Tensor, weights: Tensor) -> Tensor:
        return rows.matrices(self.problem, times, values, weights)

    def residuals(self, times: Float[Tensor, " K"], values: Tensor, linear: Linearised) -> Float[Tensor, "K n"]:
        """What is to be made zero."""
        parts = [
            torch.cat([rows.residual(self.problem, times, values) for rows in group], dim=1) @ test
            for group, test in ((self.edge, linear.boundary), (self.inside, linear.inside))
            if group
        ]
        return torch.cat(parts, dim=1)

    def linearise(self, times: Float[Tensor, " K"], values: Tensor, step: float, radau: Radau) -> Linearised:
        """The system near a state that is known at the nodes of a step: with the mean of the derivatives there."""
        order, weights = self.order, radau.weights
        inside = torch.cat([self._matrices(rows, values, times, weights) for rows in self.inside], dim=1)
        free = torch.eye(self.size, dtype=inside.dtype)
        test, edge = inside.new_zeros((0, 0)), inside.new_zeros((order + 1, 0, self.size))
        if self.edge:
            edge = torch.cat([self._matrices(rows, values, times, weights) for rows in self.edge], dim=1)
            whole = sum(step ** (order - q) * edge[q] for q in range(order + 1))
            assert isinstance(whole, Tensor)
            length = whole.norm(dim=1, keepdim=True)
            length = torch.where(length > 0, length, 1.0)
            left, sizes, right = torch.linalg.svd(whole / length, full_matrices=True)
            rank = int((sizes > APART * sizes[0]).sum())
            test, free = left[:, :rank] / length, right[rank:].T
        tested, triangle = torch.linalg.qr(inside[order] @ free)
        size = triangle.diagonal().abs()
        if triangle.shape[0] < triangle.shape[1] or not size.min() > 1e-9 * size.max():
            raise InputError(
                f"The equations of {type(self.problem).__name__} do not determine the derivative of order {order} in time of "
                "every output; take solver=gauss_newton."
            )
        system = torch.stack([torch.cat([test.T @ edge[q], tested.T @ inside[q]]) for q in range(order + 1)])
        shifts = step * radau.eigenvalues[:, None, None]
        matrix = sum(shifts ** (order - q) * system[q] for q in range(order + 1))
        assert isinstance(matrix, Tensor)
        factors, pivots = torch.linalg.lu_factor(matrix)
        return Linearised(test, tested, (factors, pivots))


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
