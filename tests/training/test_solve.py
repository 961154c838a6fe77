"""One-call solving and fitting, and the parts in a training loop of somebody's own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import torch

import rbfnet
from rbfnet.domains import Interval
from rbfnet.nn import Affine, RBFLayer, RBFNetwork
from rbfnet.operators import laplacian
from rbfnet.problems import Condition, Interior, Poisson


def test_solve_takes_a_class_or_an_object_and_returns_what_the_summary_of_a_run_holds() -> None:
    solution = rbfnet.solve(Poisson, num_centers=49, kernel="multiquadric")
    assert set(solution.summary) == {
        "problem", "kernel", "solver", "seed", "centers", "epsilon", "parameters", "epochs", "seconds", "loss", "errors",
        "errors_by", "words", "verdict", "reasons", "residuals", "estimated_error",
    }  # fmt: skip
    assert solution.summary["kernel"] == "multiquadric"
    assert solution.summary["errors"] is solution.errors
    assert solution.summary["centers"] == 49


def test_the_reported_errors_are_the_errors() -> None:
    """At the points of the test set to rounding; as a norm, against one by Gauss's rule, to what 10,000 scattered points give."""
    solution = rbfnet.solve(Poisson(num_interior=60), num_centers=30)
    test = Poisson().test_set()
    assert solution.errors is not None and test is not None and len(test.x) == 10_000

    def difference(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return solution.model(x)[:, 0] - torch.sin(torch.pi * x).prod(dim=1)

    assert solution.errors["max_abs"] == pytest.approx(float(difference(test.x).abs().max()), rel=1e-6)
    assert solution.errors["rmse"] == pytest.approx(float(difference(test.x).square().mean() ** 0.5), rel=1e-6)
    x, weights = Poisson.domain.quadrature(2500)
    norm = float(weights @ difference(x).square()) ** 0.5
    assert solution.errors["rmse"] == pytest.approx(norm, rel=1e-2)
    # The norm of sin(pi x) sin(pi y) on the unit square is 1/2.
    assert solution.errors["rel_l2"] == pytest.approx(norm / 0.5, rel=1e-2)


def test_the_global_random_state_and_dtype_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    rbfnet.fit(torch.rand(20, 1), torch.rand(20), seed=5)
    after = torch.random.get_rng_state()
    torch.random.set_rng_state(before)
    torch.rand(20, 1), torch.rand(20)
    assert torch.equal(after, torch.random.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


def test_fit_predicts_in_the_units_of_the_data() -> None:
    rng = np.random.default_rng(0)
    x = np.stack([1e4 + 50 * rng.random(400), 1e-3 * rng.random(400)], axis=1)
    y = 7e5 + 1e3 * np.sin((x[:, 0] - 1e4) / 10) * x[:, 1] * 1e3
    solution = rbfnet.fit(x, y, kernel="gaussian", num_centers=150, coords=("length", "time"), outputs=("force",))
    model = solution.model
    assert isinstance(model, Affine)
    assert solution.errors is not None and solution.errors["rmse"] < 1.0
    assert model.centers[:, 0].min() >= 1e4 and model.centers[:, 1].max() <= 1e-3
    # The derivative of the force along the length, in the user's units.
    at = torch.tensor([[1e4 + 25.0, 5e-4]], dtype=torch.float64)
    with torch.no_grad():
        slope = rbfnet.Field(model, at, ("length", "time"), ("force",)).d("length")
    assert float(slope) == pytest.approx(1e3 * np.cos(2.5) / 10 * 0.5, rel=1e-4)


def test_fit_takes_vectors_and_arrays_and_names_several_outputs() -> None:
    x = np.linspace(0, 1, 50)
    solution = rbfnet.fit(x, np.stack([x, x**2], axis=1), test=10)
    assert solution.problem.outputs == ("u1", "u2")
    assert set(solution.summary["errors_by_output"]) == {"u1", "u2"}
    assert solution.model(torch.rand(3, 1, dtype=torch.float64)).shape == (3, 2)


def test_without_rows_held_back_errors_are_measured_by_leaving_rows_out() -> None:
    solution = rbfnet.fit(np.linspace(0, 1, 9), np.zeros(9))
    assert solution.summary["errors_by"] == "leave-one-out"
    assert solution.errors is not None and solution.errors["rmse"] == 0.0
    assert rbfnet.fit(np.linspace(0, 1, 9), np.zeros(9), test=2).summary["errors_by"] == "held-out rows"


def test_float32_is_kept() -> None:
    solution = rbfnet.solve(Poisson(), num_centers=36, dtype=torch.float32)
    assert solution.model.weight.dtype == torch.float32
    assert solution.errors is not None and solution.errors["rel_l2"] < 0.05


def test_plot_draws_fit_reference_error_residuals_and_centres() -> None:
    figure = rbfnet.solve(Poisson(num_interior=50), num_centers=16).plot()
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == [
        "u: fit",
        "u: reference",
        "u: error",
        "at held-out points",
        "16 centres",
    ]
    assert {ax.get_subplotspec().get_gridspec().get_geometry() for ax in figure.axes if ax.get_title()} == {(2, 3)}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kernel": "gausian"}, "There is no kernel 'gausian'; did you mean 'gaussian'"),
        ({"epsilon": -1.0}, "epsilon must be positive and finite, but got -1.0"),
        ({"epsilon": float("nan")}, "epsilon must be positive"),
        ({"num_centers": 0}, "num_centers must be a whole number of at least 1"),
        ({"kernel": "thin_plate_spline"}, "The operator .* has order 2, but ThinPlateSpline.. has only 1 continuous"),
        ({"num_centers": 5, "degree": 2}, "has 6 terms, more than the 5 centres"),
    ],
)
def test_wrong_arguments_are_a_value_error_in_one_sentence(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        rbfnet.solve(Poisson(), **changes)  # type: ignore[arg-type]


def test_layers_and_operators_work_in_a_loop_of_ones_own_without_any_problem() -> None:
    """Poisson's equation with a plain PyTorch loop, and a layer inside an nn.Sequential."""
    net = RBFNetwork(2, 1, 64, kernel="gaussian", centers="grid", overlap=1.5, dtype=torch.float64)
    x = torch.rand(200, 2, dtype=torch.float64)
    side = torch.linspace(0, 1, 15, dtype=torch.float64)
    edge = torch.cat(
        [torch.stack(p, dim=1) for p in ((side, 0 * side), (side, 0 * side + 1), (0 * side, side), (0 * side + 1, side))]
    )
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=150, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        source = 2 * torch.pi**2 * torch.sin(torch.pi * x).prod(dim=1)
        loss = (laplacian(net, x)[:, 0] + source).square().mean() + 100 * net(edge).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        exact = torch.sin(torch.pi * x).prod(dim=1)
        assert (net(x)[:, 0] - exact).norm() / exact.norm() < 0.02
    stacked = torch.nn.Sequential(RBFLayer(2, 20, dtype=torch.float64), torch.nn.Linear(20, 1).double())
    values = laplacian(stacked, x)
    assert values.shape == (200, 1) and values.isfinite().all()
    values.square().mean().backward()
    assert all(p.grad is not None for p in stacked.parameters() if p.requires_grad and p.ndim == 2)


def test_an_output_without_reference_values_has_no_error_of_its_own() -> None:
    class Pressureless(rbfnet.Problem):
        domain = Interval(x=(0, 1))
        outputs = ("u", "p")

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda f: (f["u"] - f.x, f["p"] - 1.0))

        def exact(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, torch.full_like(x, torch.nan)

    assert set(rbfnet.solve(Pressureless, num_centers=10).summary["errors_by_output"]) == {"u"}


def test_accelerator_and_devices_are_lightnings() -> None:
    assert rbfnet.solve(Poisson, num_centers=20, accelerator="cpu", devices="auto", allow_unsolved=True).num_centers == 20
    with pytest.raises(rbfnet.InputError, match="runs in one process, but got devices=2"):
        rbfnet.solve(Poisson, num_centers=20, solver="lbfgs", devices=2)
    with pytest.raises(rbfnet.InputError, match="The Trainer cannot be set up with these options"):
        rbfnet.solve(Poisson, num_centers=20, accelerator="abacus")
