"""Fits of vector fields to data, against dense algebra and by brute force."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet import InputError, Operator
from rbfnet.kernels import Matern
from rbfnet.nn import Affine, DivergenceFree, RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import curl, divergence
from rbfnet.solvers import LeastSquares

F64 = torch.float64


def swirl(x: Tensor) -> Tensor:
    """The curl of sin(2 x) cos(3 y) + 0.5 y - 0.2 x: without divergence, with a mean."""
    a, b = 2 * x[:, 0], 3 * x[:, 1]
    return torch.stack([-3 * torch.sin(a) * torch.sin(b) + 0.5, -2 * torch.cos(a) * torch.cos(b) + 0.2], dim=1)


def slope(x: Tensor) -> Tensor:
    """The gradient of sin(2 x) cos(3 y)."""
    a, b = 2 * x[:, 0], 3 * x[:, 1]
    return torch.stack([2 * torch.cos(a) * torch.cos(b), -3 * torch.sin(a) * torch.sin(b)], dim=1)


def points(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 2, dtype=F64, generator=torch.Generator().manual_seed(seed)) * torch.tensor([2.0, 1.0])


def dense(model: Any, x: Tensor, centers: Tensor, kind: str) -> Tensor:
    """The matrix-valued Gaussian, from its closed form, in standardised coordinates."""
    d = ((x - model.input_shift) / model.input_scale)[:, None] - ((centers - model.input_shift) / model.input_scale)[None]
    e2 = float(cast(RBFNetwork, innermost(model)).epsilon.detach()) ** 2
    phi, one = torch.exp(-e2 * d.square().sum(-1))[..., None, None], torch.eye(2, dtype=F64)
    hessian = (4 * e2**2 * d[..., :, None] * d[..., None, :] - 2 * e2 * one) * phi
    trace = hessian.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] * one
    matrix = hessian - trace if kind == "divergence_free" else -hessian
    return matrix.permute(2, 0, 3, 1).reshape(2 * len(x), 2 * len(centers))


@pytest.mark.parametrize("smoothing", [0.0, 0.05])
@pytest.mark.parametrize("kind", ["divergence_free", "curl_free"])
def test_with_the_points_as_centres_it_is_the_solution_of_the_dense_system(kind: str, smoothing: float) -> None:
    x, new = points(30), points(50, 1)
    y = (swirl if kind == "divergence_free" else slope)(x)
    solution = rbfnet.fit(x, y, kernel="gaussian", vector=kind, epsilon=1.5, smoothing=smoothing)
    model = cast(Affine, solution.model)
    assert float(model.input_scale[0]) == float(model.input_scale[1])
    right = (y - model.output_shift).T.reshape(-1)
    weights = torch.linalg.solve(dense(model, x, x, kind) + smoothing * torch.eye(60, dtype=F64), right)
    wanted = (dense(model, new, x, kind) @ weights).reshape(2, -1).T + model.output_shift
    torch.testing.assert_close(solution.predict(new), wanted, rtol=1e-6, atol=1e-6)
    # Leaving a site out with both of its components, by brute force.
    left_out, system = cast(Tensor, solution.left_out), dense(model, x, x, kind) + smoothing * torch.eye(60, dtype=F64)
    for k in (0, 11, 29):
        rest = [i for i in range(60) if i % 30 != k]
        part = torch.linalg.solve(system[rest][:, rest], right[rest])
        missed = system[[k, k + 30]][:, rest] @ part - right[[k, k + 30]]
        torch.testing.assert_close(left_out[k], missed, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_with_fewer_centres_it_is_penalised_least_squares(smoothing: float) -> None:
    x = points(60)
    y = swirl(x) + 0.1 * torch.randn(60, 2, dtype=F64)
    options: dict[str, Any] = {"vector": "divergence_free", "kernel": "gaussian", "epsilon": 1.0, "num_centers": 12}
    solution = rbfnet.fit(x, y, smoothing=smoothing, allow_unsolved=True, **options)
    model = cast(Affine, solution.model)
    centers = model.centers.detach()
    matrix, between = dense(model, x, centers, "divergence_free"), dense(model, centers, centers, "divergence_free")
    values, new = (y - model.output_shift).T.reshape(-1), points(20, 1)

    def fitted(rows: list[int]) -> Tensor:
        gram = matrix[rows].T @ matrix[rows] + smoothing * between
        return torch.linalg.solve(gram, matrix[rows].T @ values[rows])

    weights = fitted([*range(120)])
    wanted = (dense(model, new, centers, "divergence_free") @ weights).reshape(2, -1).T + model.output_shift
    torch.testing.assert_close(solution.predict(new), wanted, rtol=1e-5, atol=1e-5)
    for k in (3, 40):
        missed = matrix[[k, k + 60]] @ fitted([i for i in range(120) if i % 60 != k]) - values[[k, k + 60]]
        torch.testing.assert_close(cast(Tensor, solution.left_out)[k], missed, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "field", "vanishing"), [("divergence_free", swirl, divergence), ("curl_free", slope, curl)])
def test_it_is_more_accurate_than_component_by_component(kind: str, field: Any, vanishing: Any) -> None:
    """At equal data, 60 points, with the widths that either fit chooses, and for half as many unknowns per value."""
    x, new = points(60), points(1000, 1)
    found = {}
    for vector in (None, kind):
        solution = rbfnet.fit(x, field(x), kernel="gaussian", vector=vector)
        found[vector] = float((solution.predict(new) - field(new)).norm() / field(new).norm())
        size = solution.summary["errors"]["rel_l2"]
        assert solution.summary["errors_by"] == "leave-one-out" and 0.1 * found[vector] < size < 30 * found[vector]
    assert vanishing(solution.model, new).abs().max() < 1e-12
    assert found[kind] < 0.5 * found[None]


def test_noise_is_smoothed_and_the_choice_is_told_for_the_vector() -> None:
    x, new = points(80), points(500, 1)
    y = swirl(x) + 0.3 * torch.randn(80, 2, dtype=F64)
    solution = rbfnet.fit(x, y, kernel="gaussian", vector="divergence_free", outputs=("u", "v"), allow_unsolved=True)
    words = solution.summary["words"]
    assert words[0].startswith("Smoothing by") and "of u, v is" in words[0]
    error = float((solution.predict(new) - swirl(new)).square().mean().sqrt())
    assert error < 0.2  # the noise is 0.3
    bars = solution.std(new)
    assert bars.shape == (500, 2) and 0.5 * error < float(bars.square().mean().sqrt()) < 2 * error


def test_many_sites_are_chosen_from_by_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    from rbfnet.solvers.scattered import _vector_group as room

    x = points(90)
    whole = rbfnet.fit(x, swirl(x), kernel=Matern(3.5), vector="divergence_free")
    for name, value in {"WHOLE": 50, "SIZE": 40, "PATCHES": 3, "LEFT_OUT": 30}.items():
        monkeypatch.setattr(room, name, value)
    epsilon = float(cast(RBFNetwork, innermost(whole.model)).epsilon.detach())
    parts = rbfnet.fit(x, swirl(x), kernel=Matern(3.5), vector="divergence_free", epsilon=epsilon)
    known = ~torch.isnan(cast(Tensor, parts.left_out)[:, 0])
    assert int(known.sum()) == 30
    torch.testing.assert_close(cast(Tensor, parts.left_out)[known], cast(Tensor, whole.left_out)[known], rtol=1e-3, atol=1e-6)


def test_repeated_points_weights_and_another_output() -> None:
    """A pressure beside the velocity is fitted by itself."""
    x = points(40)
    pressure = torch.sin(x[:, :1])
    y = torch.cat([swirl(x), pressure], dim=1)
    options: dict[str, Any] = {"kernel": "gaussian", "epsilon": 1.0, "degree": -1}
    both = rbfnet.fit(x, y, vector="divergence_free", **options)
    new, model = points(30, 1), cast(Affine, both.model)
    z, sites = ((part - model.input_shift) / model.input_scale for part in (new, x))
    weights = torch.linalg.solve(torch.exp(-torch.cdist(sites, sites).square()), pressure[:, 0] - pressure.mean())
    wanted = torch.exp(-torch.cdist(z, sites).square()) @ weights + pressure.mean()
    torch.testing.assert_close(both.predict(new)[:, 2], wanted, rtol=1e-5, atol=1e-5)
    twice = rbfnet.fit(torch.cat([x, x[:5]]), torch.cat([swirl(x), swirl(x[:5])]), vector="divergence_free", **options)
    model = cast(Affine, twice.model)
    weights = torch.linalg.solve(dense(model, x, x, "divergence_free"), (swirl(x) - model.output_shift).T.reshape(-1))
    wanted = (dense(model, new, x, "divergence_free") @ weights).reshape(2, -1).T + model.output_shift
    torch.testing.assert_close(twice.predict(new), wanted, rtol=1e-5, atol=1e-5)
    known = torch.ones(40)
    known[3], y = 1e6, swirl(x) + 0.1 * torch.randn(40, 2, dtype=F64)
    heavy = rbfnet.fit(x, y, vector="divergence_free", smoothing=0.1, weights=known, allow_unsolved=True, **options)
    assert (heavy.predict(x[3:4]) - y[3]).abs().max() < 1e-4


def test_saved_loaded_and_exported_it_is_the_same(tmp_path: Path) -> None:
    x = points(30)
    solution = rbfnet.fit(x, swirl(x), kernel="gaussian", vector="divergence_free")
    again = rbfnet.load(solution.save(tmp_path / "run"))
    new = points(20, 1)
    assert torch.equal(again.predict(new), solution.predict(new))
    assert isinstance(again.model, Affine) and isinstance(again.model.network, DivergenceFree)
    assert (divergence(again.model, new).abs() < 1e-12).all()


@pytest.mark.slow
def test_exported_it_is_the_same(tmp_path: Path) -> None:
    x, new = points(30), points(20, 1)
    solution = rbfnet.fit(x, swirl(x), kernel="gaussian", vector="divergence_free")
    operators = {"u": Operator.identity(), "x": Operator.d("x")}
    program = torch.export.load(rbfnet.export(solution.model, tmp_path / "flow.pt2", operators, coords=("x", "y"))).module()
    torch.testing.assert_close(program(new)["u"], solution.model(new), rtol=1e-10, atol=1e-10)


def test_what_does_not_fit_is_told_in_one_sentence() -> None:
    x = points(20)
    for options, sentence in (
        (
            {"vector": "divergence_free", "kernel": "thin_plate_spline"},
            "DivergenceFree needs a kernel with at least 2 continuous derivatives",
        ),
        ({"vector": "solenoidal", "kernel": "gaussian"}, "solenoidal"),
    ):
        with pytest.raises(InputError, match=sentence):
            rbfnet.fit(x, swirl(x), **cast(Any, options))
    with pytest.raises(InputError, match="two components"):
        rbfnet.fit(x, swirl(x)[:, 0], kernel="gaussian", vector="curl_free")
    with pytest.raises(InputError, match="evolve has no vector fields"):
        rbfnet.solve(rbfnet.problems.Heat(), vector="divergence_free", solver="evolve")


def test_tolerance_keeps_the_centres_that_are_needed() -> None:
    x = points(150)
    solver = LeastSquares(tolerance=1e-2)
    solution = rbfnet.fit(x, swirl(x), kernel="gaussian", vector="divergence_free", num_centers=60, solver=solver)
    assert cast(RBFNetwork, innermost(solution.model)).num_centers < 60
    assert (solution.predict(x) - swirl(x)).norm() < 3e-2 * swirl(x).norm()


def test_the_default_kernel_is_smooth_enough_for_a_vector_field() -> None:
    x, new = points(80), 0.2 + 0.6 * points(50, seed=1)
    solution = rbfnet.fit(x, swirl(x), vector="divergence_free")
    assert torch.as_tensor(solution.predict(new, "u1_x + u2_y")).abs().max() < 1e-9
    assert (torch.as_tensor(solution.predict(new)) - swirl(new)).abs().max() < 1e-3
