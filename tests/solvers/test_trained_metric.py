"""Diagonal and full metrics of fits to data, trained by the marginal likelihood, against scikit-learn's."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import rbfnet
from rbfnet.domains import Sites
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.solvers.scattered._scattered_values import Scattered
from rbfnet.solvers.scattered._train_metric import _Likelihood

RNG = np.random.default_rng(0)


def test_the_likelihood_is_that_of_a_gaussian_process_and_its_gradient_is_exact() -> None:
    x, epsilon, noise = torch.from_numpy(RNG.random((20, 3))), np.array([2.0, 1.0, 0.5]), 1e-2
    y = torch.sin(4 * x[:, :1])
    network = RBFNetwork(3, 1, None, centers=x, epsilon=1.0, metric="diagonal", dtype=torch.float64)
    one = torch.ones(20, dtype=torch.float64)
    data = Scattered(Sites(x, torch.arange(20)), y, x, y, one, 0 * y, one[:1])
    likelihood, at = _Likelihood(network, x, data), np.append(np.log(epsilon), np.log(noise))
    value, gradient = likelihood(at)
    covariance = RBF(1 / (2**0.5 * epsilon)) + WhiteKernel(noise)
    amplitude = float((y.T @ torch.linalg.solve(torch.from_numpy(covariance(x.numpy())), y)).item()) / 20
    process = ConstantKernel(amplitude) * RBF(1 / (2**0.5 * epsilon)) + WhiteKernel(amplitude * noise)
    wanted = (
        GaussianProcessRegressor(process, alpha=0.0, optimizer=None)
        .fit(x.numpy(), y.numpy()[:, 0])
        .log_marginal_likelihood_value_
    )
    np.testing.assert_allclose(-value / 2 + 10 * np.log(20) - 10 - 10 * np.log(2 * np.pi), wanted, rtol=1e-8)
    steps = 1e-5 * np.eye(4)
    differences = [(likelihood(at + step)[0] - likelihood(at - step)[0]) / 2e-5 for step in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5)


def inside(fit: rbfnet.Solution) -> RBFNetwork:
    return cast(RBFNetwork, innermost(fit.model))


def test_inputs_without_effect_get_long_lengths() -> None:
    x, fresh = RNG.random((80, 4)), RNG.random((200, 4))
    y, truth = (np.sin(6 * points[:, 0]) + points[:, 1] ** 2 for points in (x, fresh))
    plain, trained = (
        rbfnet.fit(x, y, kernel="gaussian", metric=metric, allow_unsolved=True) for metric in ("isotropic", "diagonal")
    )
    missed = [np.sqrt(np.mean((fit.predict(fresh) - truth) ** 2)) for fit in (plain, trained)]
    assert missed[1] < 0.01 * missed[0]
    assert trained.summary["words"][-2].startswith("The metric was trained by the marginal likelihood")
    epsilon = inside(trained).epsilon.detach()
    assert float(epsilon[2:].max()) < 0.05 * float(epsilon[0])


def test_a_full_metric_finds_an_oblique_direction() -> None:
    x = RNG.random((80, 2))
    fit = rbfnet.fit(x, np.sin(6 * x[:, 0] + 6 * x[:, 1]), kernel="matern", metric="full", allow_unsolved=True)
    values, vectors = np.linalg.eigh(inside(fit).shape_matrix.detach().numpy())
    # In the standardised coordinates of the network.
    along = 1 / np.sqrt(2) * np.ones(2) * x.std(axis=0) / x.std(axis=0).mean()
    assert values[1] > 25 * values[0] and abs(vectors[:, 1] @ along) > 0.99
