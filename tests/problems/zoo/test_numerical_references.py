"""Problems whose solution is known numerically only: it fulfils their conditions as far as its accuracy goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from scipy.interpolate import RectBivariateSpline
from torch import Tensor

import rbfnet
from rbfnet import problems
from rbfnet.operators import Differentiable, Operator
from rbfnet.problems import Condition, Sample
from rbfnet.problems.zoo import references

NODES = 9


@pytest.fixture(scope="module", autouse=True)
def _a_cache_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RBFNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


class Differences(Differentiable):
    """A function that cannot be differentiated, and its derivatives along single axes by the polynomial of degree 8 through 9
    points ``step`` apart, none of them below ``low``."""

    def __init__(self, function: Callable[..., Tensor | tuple[Tensor, ...]], step: float, low: float) -> None:
        super().__init__()
        self.function, self.step, self.low = function, step, low

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        return torch.stack([sum((c * self._along(x, d) for d, c in op.terms), torch.zeros(())) for op in ops], dim=-1)

    def _along(self, x: Tensor, directions: Sequence[str | int | Tensor]) -> Tensor:
        if not directions:
            return self._values(x)
        axis, order = directions[0], len(directions)
        assert isinstance(axis, int) and set(directions) == {axis}
        offsets = torch.arange(NODES, dtype=x.dtype) - NODES // 2
        shift = ((self.low - x[:, axis]) / self.step + NODES // 2).clamp_min(0.0)
        places = offsets + shift[:, None]
        total: Tensor | float = 0.0
        for place, weight in zip(places.T, weights(places, order).T, strict=True):
            moved = x.clone()
            # Rounding must not take a point below what it starts from.
            moved[:, axis] = (x[:, axis] + self.step * place).clamp_min(self.low)
            total = total + weight[:, None] * self._values(moved) / self.step**order
        assert isinstance(total, Tensor)
        return total

    def _values(self, x: Tensor) -> Tensor:
        values = self.function(*x.unbind(dim=1))
        return torch.stack(values, dim=1) if isinstance(values, tuple) else values[:, None]


def weights(places: Tensor, order: int) -> Tensor:
    """(B, K): what multiplies the values at places (B, K) in the derivative of that order at 0 of their polynomial."""
    powers = torch.arange(places.shape[1])
    wanted = torch.zeros(places.shape, dtype=places.dtype)
    wanted[:, order] = float(torch.arange(1, order + 1).prod())
    found: Tensor = torch.linalg.solve(places[:, None, :] ** powers[None, :, None], wanted)
    return found


def residuals(problem: rbfnet.Problem, condition: Condition, sample: Sample, model: Callable[[Tensor], Tensor]) -> list[Tensor]:
    fields = problem.fields([model] * len(sample.sites), sample)
    return [sample.contract(residual) for residual in condition.equations(fields, sample.data)]


KNOWN: dict[str, tuple[Callable[[], rbfnet.Problem], float, float, float]] = {
    # An error of 1e-14 may become 20 times that over step^2, where Lap u is a difference of numbers of order 100.
    "four_disks": (problems.FourDisks, 2.5e-3, -1.0, 1e-7),
    # An error of 1e-11 may become 20 times that over the step.
    "van_der_pol": (problems.VanDerPol, 1.5e-2, 0.0, 1e-8),
}
"""Problem, step, the least coordinate the reference can be asked for, and tolerance."""


@pytest.mark.parametrize("name", KNOWN)
def test_the_reference_satisfies_every_condition(name: str) -> None:
    make, step, low, tolerance = KNOWN[name]
    problem = make()
    assert problem.exact is not None
    model = Differences(problem.exact, step, low)
    for condition_name, condition in problem.named_conditions().items():
        for residual in residuals(problem, condition, problem.sample()[condition_name], model):
            assert residual.abs().max() < tolerance


class Splines(Differentiable):
    """u and v between the nodes of the reference by splines of degree 5, and p = 0."""

    def __init__(self, flow: dict[str, Any]) -> None:
        super().__init__()
        self.splines = [RectBivariateSpline(flow["y"], flow["x"], flow[name], kx=5, ky=5) for name in ("u", "v")]

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        return torch.stack([sum((c * self._derivative(x, d) for d, c in op.terms), torch.zeros(())) for op in ops], dim=-1)

    def _derivative(self, x: Tensor, directions: Sequence[str | int | Tensor]) -> Tensor:
        along = {"dx": directions.count(1), "dy": directions.count(0)}
        u, v = (torch.from_numpy(spline.ev(x[:, 1].numpy(), x[:, 0].numpy(), **along)) for spline in self.splines)
        return torch.stack([u, v, torch.zeros_like(u)], dim=1)


@pytest.mark.slow
def test_the_cavity() -> None:
    problem = problems.Cavity()
    conditions, flow = problem.named_conditions(), references.lid_driven_cavity()
    model = Splines(flow)

    # On the nodes of the walls; in the two corners below the lid u has both values.
    inner = torch.from_numpy(flow["x"][1:-1])
    ends = [torch.full_like(inner, end) for end in (0.0, 1.0)]
    walls = torch.cat([torch.stack(pair, dim=1) for end in ends for pair in ((inner, end), (end, inner))])
    for name in ("dirichlet_u", "dirichlet_v"):
        (residual,) = residuals(problem, conditions[name], Sample((walls,)), model)
        assert residual.abs().max() < 1e-12

    # In the middle the flow has no sources, and the residual of momentum without pressure is a gradient: its curl is zero.
    s = torch.linspace(0.3, 0.7, 41, dtype=torch.float64)
    points = torch.cartesian_prod(s, s)
    first, second, divergence = (r.reshape(41, 41) for r in residuals(problem, conditions["interior"], Sample((points,)), model))
    h = float(s[1] - s[0])
    along_x, along_y = ((r[2:, 1:-1] - r[:-2, 1:-1], r[1:-1, 2:] - r[1:-1, :-2]) for r in (second, first))
    assert divergence.abs().max() < 1e-3
    curl = (along_x[0] - along_y[1]) / (2 * h)
    assert curl.abs().max() < 1e-2 * (along_x[0] / (2 * h)).abs().max()


@pytest.mark.slow
def test_the_cavity_is_measured_on_its_centrelines_which_are_those_of_ghia() -> None:
    known = problems.Cavity().test_set()
    upright, level = known.x.split(129)
    assert (upright[:, 0] == 0.5).all() and (level[:, 1] == 0.5).all() and torch.isnan(known.y[:, 2]).all()
    for s, value, places, wanted, tolerance in (
        (upright[:, 1], known.y[:129, 0], references.GHIA_Y, references.GHIA_U, 5e-3),
        (level[:, 0], known.y[129:, 1], references.GHIA_X, references.GHIA_V, 1e-2),
    ):
        nodes = (torch.from_numpy(places) * 128).round().long()
        assert torch.equal(s[nodes], torch.from_numpy(places))
        assert (value[nodes] - torch.from_numpy(wanted)).abs().max() < tolerance
