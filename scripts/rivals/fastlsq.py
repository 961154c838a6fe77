"""FastLSQ: random Fourier features sin(W x + b), one least-squares solve; the scale of W is found by its own search or given."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from fastlsq import solve_linear
from fastlsq.solvers import FastLSQSolver

from scripts.rivals.race import Race, compete

torch.set_default_dtype(torch.float64)

WEIGHT = 100.0
"""Of the conditions, as in the problems that FastLSQ ships."""


class Linear:
    """A linear problem in the form that FastLSQ takes.

    Args:
        box: lower and upper ends (D,). operator: of a basis and its cache at points, (B, N). source, exact: of points, (B, 1).
        start: whether the last coordinate is a time, which starts at rest.
    """

    def __init__(
        self,
        box: tuple[list[float], list[float]],
        operator: Callable[[Any, torch.Tensor], torch.Tensor],
        source: Callable[[torch.Tensor], torch.Tensor],
        exact: Callable[[torch.Tensor], torch.Tensor],
        start: bool = False,
    ) -> None:
        self.low, self.high = (torch.tensor(end) for end in box)
        self.dim, self.operator, self.source, self.exact, self.start = len(self.low), operator, source, exact, start

    def exact_grad(self, x: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.exact(x).sum(), x)[0]

    def get_test_points(self, n: int = 5000) -> torch.Tensor:
        return self.low + (self.high - self.low) * torch.rand(n, self.dim)

    def get_train_data(
        self, n_pde: int = 5000, n_bc: int = 1000
    ) -> tuple[torch.Tensor, list[tuple[torch.Tensor, ...]], torch.Tensor]:
        inside, walls = self.get_test_points(n_pde), self.get_test_points(n_bc)
        sides = torch.arange(n_bc) % (2 * (self.dim - self.start))
        walls[torch.arange(n_bc), sides // 2] = torch.where(sides % 2 == 0, self.low[sides // 2], self.high[sides // 2])
        conditions: list[tuple[torch.Tensor, ...]] = [(walls, self.exact(walls))]
        if self.start:
            first = self.get_test_points(n_bc)
            first[:, -1] = self.low[-1]
            conditions += [(first, self.exact(first)), (first, torch.zeros(n_bc, 1), torch.tensor(1))]
        return inside, conditions, self.source(inside)

    def build(
        self, solver: FastLSQSolver, x: torch.Tensor, conditions: list[tuple[torch.Tensor, ...]], f: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        basis = solver.basis
        rows, values = [self.operator(basis, x)], [f]
        for points, value, *slope in conditions:
            rows.append(WEIGHT * (basis.gradient(points)[:, -1, :] if slope else basis.evaluate(points)))
            values.append(WEIGHT * value)
        return torch.cat(rows), torch.cat(values)


def posed(problem: str) -> Linear:
    """poisson, helmholtz, wave and poisson_5d as rbfnet ships them."""
    pi, sin, cos = torch.pi, torch.sin, torch.cos
    if problem == "wave":
        return Linear(
            ([0.0, 0.0], [1.0, 1.0]),
            lambda basis, x: (d := basis.hessian_diag(x))[:, 1, :] - 4 * d[:, 0, :],
            lambda x: torch.zeros(len(x), 1),
            lambda x: sin(pi * x[:, :1]) * cos(2 * pi * x[:, 1:]) + 0.5 * sin(4 * pi * x[:, :1]) * cos(8 * pi * x[:, 1:]),
            start=True,
        )
    if problem == "helmholtz":
        exact = lambda x: sin(pi * x[:, :1]) * sin(4 * pi * x[:, 1:])  # noqa: E731
        return Linear(
            ([-1.0, -1.0], [1.0, 1.0]),
            lambda basis, x: basis.laplacian(x) + basis.evaluate(x),
            lambda x: (1 - 17 * pi**2) * exact(x),
            exact,
        )
    if problem == "poisson_5d":
        total = lambda x: cos(pi * x).sum(dim=1, keepdim=True)  # noqa: E731
        return Linear(([0.0] * 5, [1.0] * 5), lambda basis, x: -basis.laplacian(x), lambda x: pi**2 * total(x), total)
    exact = lambda x: sin(pi * x[:, :1]) * sin(pi * x[:, 1:])  # noqa: E731
    return Linear(([0.0, 0.0], [1.0, 1.0]), lambda basis, x: -basis.laplacian(x), lambda x: 2 * pi**2 * exact(x), exact)


def run(problem: str, variant: str, race: Race) -> None:
    """Variants: "features auto", or "features scale scale ..." for the lowest error of these, each with its own time."""
    features, *scales = variant.split()
    torch.manual_seed(0)
    given = [None] if scales == ["auto"] else [float(scale) for scale in scales]
    best: tuple[float, float] | None = None
    for scale in given:
        before = race.elapsed()
        found = solve_linear(
            posed(problem), scale=scale, n_blocks=1, hidden_size=int(features), return_metrics=False, verbose=False
        )
        took = race.elapsed() - before
        function = found["u_fn"]
        race.measure(lambda points: function(torch.from_numpy(points)).detach().numpy(), took)  # noqa: B023
        one = race.history.pop()
        best = one if best is None or one[1] < best[1] else best
    assert best is not None
    race.history.append(best)


if __name__ == "__main__":
    compete(run, f"FastLSQ {version('fastlsq')}")
