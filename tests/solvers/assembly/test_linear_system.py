from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Rectangle
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Field
from rbfnet.problems import Condition, Interior, Sample
from rbfnet.solvers import linear_system
from rbfnet.solvers.assembly import _linearize
from rbfnet.solvers.assembly._linearity import require_linear

DOUBLE = torch.float64


class Posed(rbfnet.Problem):
    """One interior condition with the outputs given."""

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def __init__(self, residual: Callable[[Field], object], outputs: tuple[str, ...] = ("u",)) -> None:
        super().__init__(num_interior=40)
        self.outputs = outputs
        self._residual = residual

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._residual, weight=3.0)  # type: ignore[arg-type]


LINEAR: dict[str, tuple[Callable[[Field], object], tuple[str, ...]]] = {
    "constant coefficients": (lambda u: u.laplacian() + 2 * u.d("x") - u + 1.0, ("u",)),
    "coefficients that vary": (lambda u: torch.sin(u.x) * u.d("xy") + u.y**2 * u.value - u.x, ("u",)),
    "one coefficient that varies": (lambda u: (1 + u.x) * u.value - 1, ("u",)),
    "a direction alone": (lambda u: u.directional(torch.stack([1 + u.x, u.y], dim=1)) - 1, ("u",)),
    "a direction made twice": (lambda u: u.directional(torch.stack([u.y, u.x], dim=1), 2) + u.value, ("u",)),
    "two equations": (lambda u: (u.d("x") - 1, u.d("y") + u.x), ("u",)),
    "coupled outputs": (lambda u: (u["p"].d("x") + u["q"].laplacian(), u["q"].d("y") - u["p"] + u.x), ("p", "q")),
    "alike outputs": (lambda u: (u["p"].laplacian() - 1, u["q"].laplacian() + u.x), ("p", "q")),
}


@pytest.mark.parametrize("name", LINEAR)
def test_the_rows_give_the_weighted_residual_for_any_coefficients(name: str) -> None:
    """The brute-force twin: the residual evaluated with the coefficients in the network."""
    residual, outputs = LINEAR[name]
    problem = Posed(residual, outputs)
    samples = problem.sample()
    model = RBFNetwork(2, len(outputs), 12, kernel="multiquadric", degree=1, dtype=DOUBLE)
    system = linear_system(model, problem, samples)
    coefficients = torch.randn(15, len(outputs), dtype=DOUBLE)
    model.set_coefficients(coefficients)
    shared = system.target.shape[1] == len(outputs)
    unknowns = coefficients if shared else coefficients.T.reshape(-1, 1)
    assert torch.equal(system.as_coefficients(unknowns, len(outputs)), coefficients)
    rows = (system.matrix @ unknowns - system.target).detach().square().sum()
    (condition,) = problem.conditions()
    u = Field(model, samples["interior"].sites[0], problem.domain.coords, outputs)
    loss = torch.stack([3.0 * r.square().mean() for r in condition.equations((u,))]).sum().detach()
    assert float(rows) == pytest.approx(float(loss), rel=1e-12)


@pytest.mark.parametrize("name", LINEAR)
def test_the_row_of_an_integral_is_the_same_block_by_block(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    residual, outputs = LINEAR[name]
    problem = Posed(residual, outputs)
    model = RBFNetwork(2, len(outputs), 12, kernel="multiquadric", degree=1, dtype=DOUBLE)
    x, weights = problem.domain.quadrature(64)
    samples = {"interior": Sample((x,), weights=weights)}
    whole = linear_system(model, problem, samples).matrix.detach()
    monkeypatch.setattr(_linearize, "POINTS", 10)
    parts = linear_system(model, problem, samples).matrix.detach()
    torch.testing.assert_close(parts, whole, rtol=1e-13, atol=1e-13 * float(whole.abs().max()))


def test_outputs_that_are_alike_share_one_matrix() -> None:
    problem = Posed(*LINEAR["alike outputs"])
    model = RBFNetwork(2, 2, 12, dtype=DOUBLE)
    system = linear_system(model, problem, problem.sample())
    assert system.matrix.shape == (40, 12)
    assert system.target.shape == (40, 2)


NONLINEAR: dict[str, Callable[[Field], Tensor]] = {
    "square": lambda u: u.laplacian() + u**2,
    "product of channels": lambda u: u.d("x") * u.d("y"),
    "sine": lambda u: torch.sin(u.value),
    "by sign": lambda u: torch.where(u.value > 0, 1.0, 10.0) * u.laplacian() + 1,
    "leaky": lambda u: torch.nn.functional.leaky_relu(u.value) - u.x,
    "absolute value": lambda u: u.value.abs() - (u.value - 0.5).abs(),
}


@pytest.mark.parametrize("name", NONLINEAR)
def test_a_nonlinear_condition_is_named_with_advice(name: str) -> None:
    problem = Posed(NONLINEAR[name])
    with pytest.raises(ValueError, match="Condition 'interior' of Posed is not linear in the solution; take another"):
        require_linear(problem, problem.sample(), "take another")


@pytest.mark.parametrize("name", LINEAR)
def test_linear_conditions_pass(name: str) -> None:
    problem = Posed(*LINEAR[name])
    require_linear(problem, problem.sample(), "")


def test_a_residual_without_the_solution_in_it_is_refused() -> None:
    problem = Posed(lambda u: u.x)
    with pytest.raises(ValueError, match="does not depend on the solution"):
        require_linear(problem, problem.sample(), "")
