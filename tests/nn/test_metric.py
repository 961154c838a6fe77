"""Metrics: positive definite whatever their parameters, of the shapes they say, saved, loaded and trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

import rbfnet
from rbfnet import InputError
from rbfnet.nn import METRICS, Affine, Diagonal, Full, Isotropic, Metric, RBFNetwork
from rbfnet.nn._metric import make_metric
from rbfnet.operators import hessian, jacobian
from rbfnet.shipped_configs import config_directory
from rbfnet.training import build

F64 = torch.float64
CENTERS, DIMS = 5, 3
SHAPES = {
    # metric, per centre: (raw, epsilon, A)
    ("isotropic", False): ((), (), (3, 3)),
    ("isotropic", True): ((5,), (5,), (5, 3, 3)),
    ("diagonal", False): ((3,), (3,), (3, 3)),
    ("diagonal", True): ((5, 3), (5, 3), (5, 3, 3)),
    ("full", False): ((6,), (3,), (3, 3)),
    ("full", True): ((5, 6), (5, 3), (5, 3, 3)),
}
each_metric = pytest.mark.parametrize(("metric", "per_center"), SHAPES, ids=str)


def make(metric: str, per_center: bool, epsilon: Any = 1.3, trainable: bool = True) -> Metric:
    return make_metric(metric, torch.as_tensor(epsilon, dtype=F64), CENTERS, DIMS, per_center, trainable)


def made(metric: str, per_center: bool = False, outputs: int = 2) -> RBFNetwork:
    torch.manual_seed(0)
    network = RBFNetwork(DIMS, outputs, CENTERS, epsilon=1.3, metric=metric, per_center=per_center, dtype=F64)
    with torch.no_grad():
        network.metric.raw.add_(torch.randn_like(network.metric.raw))
        network.weight.add_(torch.randn_like(network.weight))
    return network


# -- shapes and positive definiteness ----------------------------------------------------------------------------------


@each_metric
def test_shapes_are_those_of_the_design(metric: str, per_center: bool) -> None:
    raw, epsilon, matrix = SHAPES[metric, per_center]
    network = made(metric, per_center)
    own = network.metric
    assert type(own) is METRICS[metric] and own.per_center is per_center
    assert own.raw.shape == raw and own.epsilon.shape == epsilon and own.matrix(DIMS).shape == matrix
    assert torch.equal(network.epsilon, own.epsilon) and torch.equal(network.shape_matrix, own.matrix(DIMS))
    assert f"per_center={per_center}" in repr(own)


@each_metric
@pytest.mark.parametrize("trainable", [True, False])
def test_it_starts_as_the_diagonal_of_the_squared_shape_parameters(metric: str, per_center: bool, trainable: bool) -> None:
    own = make(metric, per_center, trainable=trainable)
    assert isinstance(own.raw, torch.nn.Parameter) is trainable
    torch.testing.assert_close(own.matrix(DIMS), (1.3**2 * torch.eye(3, dtype=F64)).expand(own.matrix(DIMS).shape))
    torch.testing.assert_close(own.epsilon, torch.full_like(own.epsilon, 1.3))


@pytest.mark.parametrize(
    ("metric", "per_center", "epsilon", "wanted"),
    [
        ("isotropic", False, torch.arange(1.0, 6.0), torch.arange(1.0, 6.0)),
        ("diagonal", False, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])),
        ("diagonal", True, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[1.0, 2.0, 3.0]]).expand(5, 3)),
        ("diagonal", False, torch.arange(1.0, 6.0)[:, None], torch.arange(1.0, 6.0)[:, None].expand(5, 3)),
        ("full", False, torch.arange(1.0, 16.0).reshape(5, 3), torch.arange(1.0, 16.0).reshape(5, 3)),
        ("diagonal", True, torch.arange(1.0, 16.0).reshape(3, 5).T, torch.arange(1.0, 16.0).reshape(3, 5).T),
        ("full", True, torch.tensor([1.0, 2.0, 3.0]), torch.tensor([[1.0, 2.0, 3.0]]).expand(5, 3)),
    ],
)
def test_shape_parameters_are_spread_over_centres_and_inputs(
    metric: str, per_center: bool, epsilon: Tensor, wanted: Tensor
) -> None:
    own = make(metric, per_center, epsilon)
    torch.testing.assert_close(own.epsilon, wanted.double())
    # A number of its own for each, also where one was given for all.
    assert own.raw.is_contiguous() and own.raw.untyped_storage().nbytes() == own.raw.numel() * 8


@each_metric
@given(seed=st.integers(0, 10**6), size=st.floats(0.0, 2.0))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_it_is_positive_definite_whatever_its_parameters(metric: str, per_center: bool, seed: int, size: float) -> None:
    own = make(metric, per_center)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        own.raw.add_(size * torch.randn(own.raw.shape, dtype=F64, generator=generator))
    matrix = own.matrix(DIMS).detach()
    assert torch.equal(matrix, matrix.mT) and (own.epsilon > 0).all()
    lower, info = torch.linalg.cholesky_ex(matrix)
    assert not info.any() and (lower.diagonal(dim1=-2, dim2=-1) > 0).all()
    # s of the layer is the quadratic form: phi(s) = s.
    network = RBFNetwork(DIMS, 1, CENTERS, lambda s: s, metric=metric, per_center=per_center, dtype=F64)
    network.metric.load_state_dict(own.state_dict())
    x = torch.randn(20, DIMS, dtype=F64, generator=generator)
    d = (x[:, None] - network.centers.detach())[..., None]
    s = network.layer(x).detach()
    assert (s > 0).all()
    torch.testing.assert_close(s, (d.mT @ matrix @ d)[..., 0, 0], rtol=1e-7, atol=0.0)


@each_metric
def test_what_is_within_reach_is_within_the_box(metric: str, per_center: bool) -> None:
    own = made(metric, per_center).metric
    reach = own.reach(DIMS).detach()
    d = torch.randn(4000, DIMS, dtype=F64)
    matrix = own.matrix(DIMS).detach().reshape(-1, DIMS, DIMS)
    # On the surface s = 1 of each centre.
    for a in matrix:
        on = d / torch.einsum("bi,ij,bj->b", d, a, d).sqrt()[:, None]
        assert reach.shape == (DIMS,) and ((on / reach).square().sum(dim=1) <= 1 + 1e-12).all()


# -- the factor of a full metric ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_center", [False, True])
def test_the_factor_is_lower_triangular_and_can_be_set(per_center: bool) -> None:
    own = make("full", per_center)
    assert isinstance(own, Full)
    lower = torch.randn(own.matrix(DIMS).shape, dtype=F64).tril(-1) + torch.diag_embed(
        0.1 + torch.rand(own.epsilon.shape, dtype=F64)
    )
    raw = own.raw
    own.set_factor(lower)
    assert own.raw is raw
    torch.testing.assert_close(own.factor(), lower)
    torch.testing.assert_close(own.matrix(DIMS), lower @ lower.mT)
    torch.testing.assert_close(own.epsilon, own.matrix(DIMS).diagonal(dim1=-2, dim2=-1).sqrt())


@pytest.mark.parametrize(
    "lower",
    [torch.eye(2), torch.ones(3, 3), -torch.eye(3), torch.zeros(3, 3), torch.full((3, 3), math.nan)],
    ids=["shape", "above", "negative", "zero", "NaN"],
)
def test_what_is_no_factor_is_refused(lower: Tensor) -> None:
    own = make("full", False)
    assert isinstance(own, Full)
    with pytest.raises(InputError, match=r"The factor L of a full metric is \(3, 3\), lower triangular") as caught:
        own.set_factor(lower.double())
    assert "\n" not in str(caught.value)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: make("fill", False), "There is no metric 'fill'; did you mean 'full'"),
        (lambda: make("isotropic", False, torch.ones(3)), r"shape \(\) or \(5,\) for a metric that is isotropic, but got \(3,\)"),
        (lambda: make("isotropic", False, torch.ones(5, 3)), r"metric that is isotropic, but got \(5, 3\)"),
        (
            lambda: make("diagonal", False, torch.ones(5)),
            r"shape \(\) or \(3,\) or \(5, 1\) or \(5, 3\) for a metric that is diagonal, but got \(5,\)",
        ),
        (lambda: make("full", True, torch.ones(4, 3)), r"metric that is full, but got \(4, 3\)"),
        (lambda: make("full", False, torch.tensor([1.0, -1.0, 1.0])), "epsilon must be positive and finite, but got .*-1.0"),
        (lambda: make("diagonal", False, torch.tensor([1.0, math.nan, 1.0])), "epsilon must be positive and finite"),
        (lambda: make("isotropic", False, math.inf), "epsilon must be positive and finite, but got inf"),
        (lambda: Isotropic(torch.ones(2, 2)), r"metric that is isotropic are \(\) or \(M,\), but got \(2, 2\)"),
        (lambda: Diagonal(torch.ones(())), r"metric that is diagonal are \(D,\) or \(M, D\), but got \(\)"),
        (lambda: Full(torch.ones(())), r"metric that is full are \(D,\) or \(M, D\), but got \(\)"),
        (lambda: RBFNetwork(2, 1, 5, metric="isotropc"), "There is no metric 'isotropc'; did you mean 'isotropic'"),
        (lambda: RBFNetwork(2, 1, 5, metric="full", per_center=1), "per_center must be true or false, but got 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


# -- saving, training --------------------------------------------------------------------------------------------------


@each_metric
def test_a_state_dict_brings_it_back(metric: str, per_center: bool) -> None:
    one, x = made(metric, per_center), torch.rand(6, DIMS, dtype=F64)
    other = RBFNetwork(DIMS, 2, CENTERS, epsilon=2.0, metric=metric, per_center=per_center, trainable_epsilon=False, dtype=F64)
    assert set(one.state_dict()) == set(other.state_dict())
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x)) and torch.equal(hessian(one, x), hessian(other, x))
    assert torch.equal(one.shape_matrix, other.shape_matrix)


@each_metric
def test_dtype_is_kept(metric: str, per_center: bool) -> None:
    network = made(metric, per_center).float()
    assert network(torch.rand(4, DIMS)).dtype == network.shape_matrix.dtype == network.epsilon.dtype == torch.float32


def test_a_full_metric_fits_a_rotated_function_better_than_a_diagonal_one() -> None:
    torch.manual_seed(0)
    x = 2.0 * torch.rand(300, 2, dtype=F64) - 1.0
    # A ridge across the diagonal of the box: narrow in one direction, wide in the other.
    y = torch.exp(-((3.0 * (x[:, 0] - x[:, 1])) ** 2) - (0.5 * (x[:, 0] + x[:, 1])) ** 2)

    def error(metric: str) -> float:
        torch.manual_seed(0)
        network = RBFNetwork(2, 1, 2, points=x, epsilon=2.0, metric=metric, dtype=F64)
        optimizer = torch.optim.LBFGS(network.parameters(), max_iter=100, line_search_fn="strong_wolfe")
        torch.nn.init.constant_(network.weight, 0.1)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = (network(x)[:, 0] - y).square().mean()
            torch.autograd.backward(loss)
            return loss

        optimizer.step(closure)
        return float(closure().detach())

    # One basis function of a full metric is this function; no diagonal one comes near.
    assert error("full") < 1e-7 and error("diagonal") > 1e-3


@pytest.mark.parametrize("problem", [["problem.num_interior=30"], ["problem=terrain", "problem.train=40"]], ids=" ".join)
@each_metric
def test_a_run_is_loaded_with_its_metric(metric: str, per_center: bool, problem: list[str], tmp_path: Path) -> None:
    network = [f"network.metric={metric}", f"network.per_center={per_center}", "network.num_centers=9"]
    training = ["solver=adam", "solver.max_epochs=3", "figures=false", f"run_dir={tmp_path / 'run'}"]
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose("train", overrides=[*problem, *network, *training]), resolve=True)
    solution = build(config).execute()
    model: Any = rbfnet.load(tmp_path / "run").model
    own: Metric = (model.network if isinstance(model, Affine) else model).metric
    assert type(own) is METRICS[metric] and own.per_center is per_center
    # Training has moved it off where it started.
    assert own.raw.ndim == 0 or own.raw.detach().std() > 0
    x = solution.problem.domain.grid(20)
    assert torch.equal(model.shape_matrix, solution.model.shape_matrix)
    assert torch.equal(model.epsilon, solution.model.epsilon)
    assert torch.equal(jacobian(model, x), jacobian(solution.model, x))
