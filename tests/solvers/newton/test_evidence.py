"""Unknowns inferred from data: against closed forms, scikit-learn, automatic differentiation, and repeated draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import BayesianRidge
from torch import Tensor, nn, sin

import rbfnet
from rbfnet.domains import Interval, Rectangle
from rbfnet.operators import Field, Operator
from rbfnet.problems import Condition, Data, Dirichlet, Interior, InverseDiffusivity, InverseField, Unknown, UnknownField
from rbfnet.solvers import Posed, automatic_scales
from rbfnet.solvers.assembly._parameter_vector import Unknowns
from rbfnet.solvers.newton._evidence import posterior
from rbfnet.training._isolated import default_dtype
from rbfnet.training._model import build_model

DOUBLE = torch.float64


@pytest.mark.parametrize("rows", [40, 12])
def test_the_posterior_is_the_closed_form_of_linear_normal_models(rows: int) -> None:
    """Eliminating by QR is a Schur complement; leverages are the diagonal of a hat matrix. Wide: the rest is rank-deficient."""
    torch.manual_seed(0)
    j = torch.randn(rows, 15, dtype=DOUBLE) * torch.logspace(-3, 3, 15, dtype=DOUBLE)
    if rows < 15:
        j = torch.cat([j, torch.diag(torch.logspace(-3, 3, 15, dtype=DOUBLE))])
    found = posterior(j, 4)
    covariance = torch.linalg.inv(j.T @ j)[-4:, -4:]
    torch.testing.assert_close(found.covariance, covariance, rtol=1e-6, atol=0)
    assert found.log_det == pytest.approx(-float(torch.logdet(covariance)), abs=1e-6)
    whole, without = (m @ torch.linalg.pinv(m) for m in (j, j[:, :-4]))
    torch.testing.assert_close(found.leverage, (whole - without).diagonal(), rtol=1e-6, atol=1e-9)


class Measured(rbfnet.Problem):
    """u is an unknown function, and is measured."""

    domain = Interval(x=(0, 1))

    def __init__(self, f: Callable[[Tensor], Tensor], noise: float, seed: int, **field: object) -> None:
        super().__init__(num_interior=120)
        self.x = torch.linspace(0, 1, 300, dtype=DOUBLE)[:, None]
        generator = torch.Generator().manual_seed(seed)
        self.y = f(self.x[:, 0]) + noise * torch.randn(300, dtype=DOUBLE, generator=generator)
        self.a = UnknownField(self.domain, exact=f, num_centers=30, **field)  # type: ignore[arg-type]

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u - self.a(u))
        yield Data(self.x, self.y)


def test_noise_and_precision_are_those_of_bayesian_ridge() -> None:
    solution = rbfnet.solve(
        Measured(lambda x: sin(5 * x), 0.1, 0, epsilon=4.0, dtype=DOUBLE), num_centers=40, solver="gauss_newton"
    )
    problem = solution.problem
    assert isinstance(problem, Measured)
    phi = problem.a.network.features(problem.x, Operator.identity())[:, :-1].numpy()
    ridge = BayesianRidge(max_iter=1000, tol=1e-10, alpha_1=0, alpha_2=0, lambda_1=0, lambda_2=0).fit(phi, problem.y.numpy())
    mean, _ = ridge.predict(phi, return_std=True)
    with torch.no_grad():
        value = problem.a.at(problem.x)[:, 0].numpy()
    # The search stops where the effective number of parameters is known to a tenth.
    spread = np.std(problem.y.numpy() - mean)
    assert np.abs(value - mean).max() < 0.03 * spread
    centred = phi - phi.mean(axis=0)
    covariance = np.linalg.inv(ridge.alpha_ * centred.T @ centred + ridge.lambda_ * np.eye(30))
    weights = problem.a.covariance[:-1, :-1].numpy()
    assert np.trace(phi @ weights @ phi.T) == pytest.approx(np.trace(phi @ covariance @ phi.T), rel=0.05)


@pytest.mark.parametrize(("frequency", "halvings"), [(0.0, 0), (2.0, 0), (25.0, 2)])
def test_kernels_are_narrowed_where_the_data_ask_for_it(frequency: float, halvings: int) -> None:
    problem = Measured(lambda x: 1 + sin(frequency * x), 0.05, 1, dtype=DOUBLE)
    solution = rbfnet.solve(problem, num_centers=60, solver="gauss_newton")
    report = solution.summary["unknowns"]["a"]
    assert float(problem.a.network.epsilon) >= 2.0**halvings
    if not halvings:
        assert float(problem.a.network.epsilon) == 1.0
    assert report["rel_error"] < 0.03 and report["standard_error"] < 0.03


def test_narrowing_keeps_the_values_at_the_centres() -> None:
    field = UnknownField(Rectangle(x=(0, 2), y=(0, 5)), num_centers=60, dtype=DOUBLE)
    with torch.no_grad():
        field.network.weight.normal_()
    at = field.network.centers
    values, epsilon = field.at(at).detach(), field.network.epsilon.clone()
    assert field.narrow()
    torch.testing.assert_close(field.network.epsilon, 2 * epsilon)
    assert (field.at(at) - values).norm() < 1e-2 * (values - values.mean()).norm()
    while field.narrow():
        assert float(field.network.epsilon.max()) < 100
    assert not UnknownField(Rectangle(x=(0, 2), y=(0, 5)), epsilon=1.0).narrow()


class Mixed(rbfnet.Problem):
    """Unknown functions and numbers, nonlinearly, at two conditions."""

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def __init__(self) -> None:
        super().__init__(num_interior=23, num_boundary=12)
        self.a = UnknownField(self.domain, 1.3, positive=True, num_centers=7)
        self.b = UnknownField(self.domain, 0.2, coords=["y"], num_centers=4)
        self.k = Unknown(0.7, positive=True)

    def equation(self, u: Field) -> Tensor:
        a, b = self.a(u), self.b(u)
        return self.k() * a * u.laplacian() + a.d("x") * u.d("x") * b + a.d("xy") + b.d("yy") * u**2

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self.equation)
        yield Dirichlet(lambda x, y: sin(x))
        yield Data(torch.rand(9, 2), torch.rand(9))


def test_derivatives_in_unknowns_are_those_of_automatic_differentiation() -> None:
    torch.manual_seed(0)
    with default_dtype(DOUBLE):
        problem = Mixed()
        model = build_model(problem, "gaussian", {"num_centers": 11}, rbfnet.solvers.GaussNewton(), DOUBLE)
        for p in (*problem.parameters(), model.coefficients):
            nn.init.normal_(p.data)
        model.set_coefficients(torch.randn_like(model.coefficients))
        samples = problem.sample()
        posed = Posed(model, problem, samples, automatic_scales(model, problem, samples))
        unknowns = Unknowns(model, problem, shapes=False)
        prior = torch.rand(sum(p.numel() for p in unknowns.parameters))
        posed = replace(posed, prior=prior)
        residual, jacobian = unknowns.linearization(posed)
        rows = posed.residual()
        torch.testing.assert_close(residual, rows.detach())
        for i in range(len(rows)):
            grads = torch.autograd.grad(rows[i], unknowns.parameters, retain_graph=True, allow_unused=True)
            parts = [torch.zeros_like(p) if g is None else g for p, g in zip(unknowns.parameters, grads, strict=True)]
            row = torch.cat([part.reshape(-1) for part in parts])
            torch.testing.assert_close(jacobian[i, unknowns.num_linear :], row, rtol=1e-9, atol=1e-9)


def test_known_noise_gives_an_error_bar_where_it_could_not_be_estimated() -> None:
    """u = c x, one value at x = .5 with sigma = .1: c is uncertain by .2."""

    class End(rbfnet.Problem):
        domain = Interval(x=(0, 1))

        def __init__(self, noise: float | None) -> None:
            super().__init__(num_interior=30)
            self.noise, self.end = noise, Unknown(0.0)

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("xx"))
            yield Dirichlet(lambda x: self.end() * x)
            yield Data(torch.tensor([[0.5]], dtype=DOUBLE), torch.tensor([1.5], dtype=DOUBLE), noise=self.noise)

    known = rbfnet.solve(End(0.1), num_centers=15, solver="gauss_newton").summary["unknowns"]["end"]
    assert known["value"] == pytest.approx(3.0, abs=0.02) and known["standard_error"] == pytest.approx(0.2, rel=1e-2)
    unknown = rbfnet.solve(End(None), num_centers=15, solver="gauss_newton").summary["unknowns"]["end"]
    assert unknown["value"] == pytest.approx(3.0, abs=0.02) and "standard_error" not in unknown


@pytest.mark.parametrize("centers", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_the_error_bar_of_a_number_covers_with_any_number_of_centres(centers: int) -> None:
    scores = []
    for seed in range(6):
        torch.manual_seed(seed)
        with default_dtype(DOUBLE):
            problem = InverseDiffusivity(noise=0.05)
        found = rbfnet.solve(problem, num_centers=centers, seed=seed, solver="gauss_newton").summary["unknowns"]["k"]
        assert found["standard_error"] < 5e-3
        scores.append((found["value"] - found["exact"]) / found["standard_error"])
    # The sum of six squares of standard normal numbers is between 0.3 and 22 in 999 of 1000 draws.
    assert 0.3 < np.square(scores).sum() < 22.5


def test_a_network_too_small_to_determine_a_number_says_that_it_is_not_determined() -> None:
    """The diffusivity runs off to zero, where no equation depends on it any longer."""
    with default_dtype(DOUBLE):
        problem = InverseDiffusivity(noise=0.05)
    solution = rbfnet.solve(problem, num_centers=20, solver="gauss_newton", allow_unsolved=True)
    assert solution.verdict == "not solved" and "'k' is not determined" in str(solution.summary["reasons"])


@pytest.mark.slow
def test_the_unknown_diffusivity_is_found_to_the_goal_with_bars_that_cover() -> None:
    reports = []
    for seed in range(2):
        torch.manual_seed(seed)
        with default_dtype(DOUBLE):
            problem = InverseField()
        reports.append(rbfnet.solve(problem, seed=seed, solver="gauss_newton").summary["unknowns"]["a"])
    assert np.mean([report["rel_error"] for report in reports]) < 2.5e-2
    assert np.mean([report["covered"] for report in reports]) > 0.9


@pytest.mark.parametrize("noise", [0.0, -1.0, float("nan")])
def test_noise_that_is_none_is_refused(noise: float) -> None:
    with pytest.raises(rbfnet.InputError, match="must be positive"):
        Data(torch.rand(3, 1), torch.rand(3), noise=noise)
