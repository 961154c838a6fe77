"""Error bars of vector fields, against dense algebra with the matrix-valued kernel in closed form."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet import InputError
from rbfnet.nn import Affine, RBFNetwork
from rbfnet.nn.wrappers import innermost

F64 = torch.float64
KINDS = ["divergence_free", "curl_free"]


def points(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 2, dtype=F64, generator=torch.Generator().manual_seed(seed)) * torch.tensor([2.0, 1.0])


def swirl(x: Tensor) -> Tensor:
    """Without divergence, with noise."""
    a, b = 2 * x[:, 0], 3 * x[:, 1]
    field = torch.stack([-3 * torch.sin(a) * torch.sin(b), -2 * torch.cos(a) * torch.cos(b)], dim=1)
    return field + 0.1 * torch.randn(len(x), 2, dtype=F64, generator=torch.Generator().manual_seed(5))


def dense(model: Any, x: Tensor, centers: Tensor, kind: str) -> Tensor:
    """The matrix-valued Gaussian between points, component by component."""
    d = (x[:, None] - centers[None]) / model.input_scale
    e2 = float(cast(RBFNetwork, innermost(model)).epsilon.detach()) ** 2
    phi, one = torch.exp(-e2 * d.square().sum(-1))[..., None, None], torch.eye(2, dtype=F64)
    hessian = (4 * e2**2 * d[..., :, None] * d[..., None, :] - 2 * e2 * one) * phi
    trace = hessian.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] * one
    matrix = hessian - trace if kind == "divergence_free" else -hessian
    return matrix.permute(2, 0, 3, 1).reshape(2 * len(x), 2 * len(centers))


@pytest.mark.parametrize("smoothing", [0.0, 0.05])
@pytest.mark.parametrize("kind", KINDS)
def test_with_the_points_as_centres_they_are_those_of_the_process(kind: str, smoothing: float) -> None:
    x, new = points(25), points(6, 1)
    fit = rbfnet.fit(x, swirl(x), kernel="gaussian", vector=kind, epsilon=1.5, smoothing=smoothing, allow_unsolved=True)
    model = cast(Affine, fit.model)
    inverse = torch.linalg.inv(dense(model, x, x, kind) + smoothing * torch.eye(50, dtype=F64))
    weights = inverse @ (swirl(x) - model.output_shift).T.reshape(-1)
    pairs = [[k, k + 25] for k in range(25)]
    # The squares of errors of sites left out, in units of their covariance, per component.
    size = sum(float(weights[i] @ torch.linalg.inv(inverse[i][:, i]) @ weights[i]) for i in pairs) / 50

    def covariance(at: Tensor) -> Tensor:
        row = dense(model, at, x, kind)
        return size * (dense(model, at, at, kind) - row @ inverse @ row.T)

    wanted = covariance(new).diagonal().sqrt().reshape(2, -1).T
    torch.testing.assert_close(fit.std(new), wanted, rtol=1e-5, atol=1e-8)
    # A sum of both components, and a derivative, from the same covariance.
    both = torch.tensor([1.0, 2.0], dtype=F64)
    for k, at in enumerate(new):
        found = float(fit.std(at[None], "u1 + 2*u2"))
        assert found == pytest.approx(float(both @ covariance(at[None]) @ both) ** 0.5, rel=1e-5)
        h = 1e-3
        sides = torch.stack([at + torch.tensor([h, 0.0]), at - torch.tensor([h, 0.0])])
        step = torch.tensor([1.0, -1.0, 0.0, 0.0], dtype=F64) / (2 * h)
        assert float(fit.std(new, "u1_x")[k]) == pytest.approx(float(step @ covariance(sides) @ step) ** 0.5, rel=1e-3)


@pytest.mark.parametrize(("kind", "zero"), [("divergence_free", "u_x + v_y"), ("curl_free", "v_x - u_y")])
@pytest.mark.parametrize("num_centers", [None, 15])
def test_what_vanishes_by_construction_is_certain(kind: str, zero: str, num_centers: int | None) -> None:
    x = points(40)
    fit = rbfnet.fit(
        x, swirl(x), kernel="gaussian", vector=kind, outputs=("u", "v"), num_centers=num_centers, allow_unsolved=True
    )
    bars = fit.std(points(9, 1), ["u_x", zero])
    assert bars[:, 0].min() > 0.01 and bars[:, 1].max() < 1e-6


def test_with_fewer_centres_and_a_penalty_they_are_those_of_the_weights_and_between_the_centres() -> None:
    x, new = points(60), points(9, 1)
    options: dict[str, Any] = {"kernel": "gaussian", "epsilon": 1.0, "num_centers": 12, "allow_unsolved": True}
    fit = rbfnet.fit(x, swirl(x), vector="divergence_free", smoothing=0.1, **options)
    model = cast(Affine, fit.model)
    centers = model.centers.detach()
    matrix, between, row = (dense(model, at, centers, "divergence_free") for at in (x, centers, new))
    covariance = 0.1 * torch.linalg.inv(matrix.T @ matrix + 0.1 * between)

    def left(at: Tensor, functional: Tensor) -> Tensor:
        prior = dense(model, at, at, "divergence_free")
        return (prior - functional @ torch.linalg.inv(between) @ functional.T).diagonal()

    smoother = matrix @ torch.linalg.inv(matrix.T @ matrix + 0.1 * between) @ matrix.T
    residual = (swirl(x) - model.output_shift).T.reshape(-1)
    residual = residual - smoother @ residual
    own, beyond, missed, expected = torch.eye(2, dtype=F64), left(x, matrix), 0.0, 0.0
    for i in ([k, k + 60] for k in range(60)):
        inverse = torch.linalg.inv(own - smoother[i][:, i])
        missed += float((inverse @ residual[i]).square().sum())
        expected += float(0.1 * inverse.trace() + beyond[i].sum())
    wanted = (missed / expected * ((row @ covariance @ row.T).diagonal() + left(new, row))).sqrt().reshape(2, -1).T
    torch.testing.assert_close(fit.std(new), wanted, rtol=1e-5, atol=1e-8)


def test_without_a_penalty_they_are_those_of_regression_and_between_the_centres() -> None:
    """The residual says how large the errors are, the weights how large the field is, and left-out errors how large both are."""
    x, new = points(60), points(9, 1)
    options: dict[str, Any] = {"kernel": "gaussian", "epsilon": 1.0, "num_centers": 10, "allow_unsolved": True}
    fit = rbfnet.fit(x, swirl(x), vector="divergence_free", smoothing=0, **options)
    model = cast(Affine, fit.model)
    centers = model.centers.detach()
    matrix, between, row = (dense(model, at, centers, "divergence_free") for at in (x, centers, new))
    target = (swirl(x) - model.output_shift).T.reshape(-1)
    weights = torch.linalg.lstsq(matrix, target).solution
    noise, amplitude = (target - matrix @ weights).square().sum() / (120 - 20), weights @ between @ weights / 20
    inverse = torch.linalg.inv(matrix.T @ matrix)
    smoother, missed, expected = matrix @ inverse @ matrix.T, 0.0, 0.0

    def left(at: Tensor, functional: Tensor) -> Tensor:
        prior = dense(model, at, at, "divergence_free")
        return amplitude * (prior - functional @ torch.linalg.inv(between) @ functional.T).diagonal()

    for i in ([k, k + 60] for k in range(60)):
        block = torch.linalg.inv(torch.eye(2, dtype=F64) - smoother[i][:, i])
        missed += float((block @ (target - matrix @ weights)[i]).square().sum())
        expected += float(noise * block.trace() + left(x, matrix)[i].sum())
    variance = missed / expected * (noise * (row @ inverse @ row.T).diagonal() + left(new, row))
    torch.testing.assert_close(fit.std(new), variance.sqrt().reshape(2, -1).T, rtol=1e-4, atol=1e-8)


def test_another_output_has_its_own_and_a_rough_kernel_has_none_of_derivatives() -> None:
    x = points(40)
    y = torch.cat([swirl(x), torch.sin(x[:, :1])], dim=1)
    options: dict[str, Any] = {"kernel": "gaussian", "epsilon": 1.0, "degree": -1, "smoothing": 0.01, "allow_unsolved": True}
    both = rbfnet.fit(x, y, vector="divergence_free", outputs=("u", "v", "p"), **options)
    scale = [float(cast(Affine, both.model).input_scale[0])] * 2
    alone = rbfnet.fit(x / torch.tensor(scale), y[:, 2], scale="none", **options)
    found, wanted = both.std(points(9, 1), "p_x"), alone.std(points(9, 1) / torch.tensor(scale), "u_x") / scale[0]
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-9)
    rough = rbfnet.fit(x, swirl(x), kernel="matern", vector="divergence_free", allow_unsolved=True)
    assert rough.std(x).shape == (40, 2)
    with pytest.raises(InputError, match=r"error bar of u_\d+ needs a kernel with 6 continuous derivatives"):
        rough.std(x, "u2_xx")
    with pytest.raises(InputError, match="Rows can only be added to a fit to values of scalars"):
        rbfnet.training.with_rows(rough, x[:2] + 0.01, swirl(x[:2]))
