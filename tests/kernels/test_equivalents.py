"""The equivalents that docstrings name: SciPy, and scikit-learn for the kernels it has."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator
from sklearn.gaussian_process import kernels as sklearn

from rbfnet.kernels import Gaussian, Kernel, Matern, RationalQuadratic, as_kernel
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator

EPSILON = 1.7

SCIPY = {
    "gaussian": (as_kernel("gaussian"), 1.0),
    "multiquadric": (as_kernel("multiquadric"), -1.0),
    "inverse_multiquadric": (as_kernel("inverse_multiquadric"), 1.0),
    "inverse_quadratic": (as_kernel("inverse_quadratic"), 1.0),
    "linear": (as_kernel("linear"), -1.0),
    "thin_plate_spline": (as_kernel("thin_plate_spline"), 1.0),
    "cubic": (as_kernel("cubic"), 1.0),
    "quintic": (as_kernel("quintic"), -1.0),
}


@pytest.mark.parametrize("name", SCIPY)
def test_a_kernel_has_the_values_of_scipy_up_to_the_sign_in_the_docstring(name: str) -> None:
    kernel, sign = SCIPY[name]
    # One data point: its weight is 1 / phi(0) with no tail, so that kernels which are 0 there need smoothing.
    x = np.array([[0.0], [0.4], [1.3]])
    smooth = RBFInterpolator(x[:1], np.ones(1), kernel=name, epsilon=EPSILON, degree=-1, smoothing=2.0)
    phi = kernel.phi(torch.as_tensor((EPSILON * x[:, 0]) ** 2)).numpy()
    # SciPy's weight is 1 / (phi(0) + smoothing) for its own sign of phi.
    np.testing.assert_allclose(smooth(x), sign * phi / (sign * phi[0] + 2.0), rtol=1e-13)


@pytest.mark.parametrize("name", SCIPY)
def test_a_network_interpolates_as_scipy_does(name: str) -> None:
    kernel, _ = SCIPY[name]
    rng = np.random.default_rng(0)
    data, x = rng.random((25, 2)), rng.random((40, 2))
    values = np.sin(5.0 * data[:, 0]) * data[:, 1]
    network = RBFNetwork(2, 1, None, kernel, torch.as_tensor(data), EPSILON, dtype=torch.float64)
    matrix = torch.cat([network.features(network.centers, Operator.identity()), network.moments().T]).detach()
    rest = torch.zeros(len(network.basis), 1, dtype=torch.float64)
    network.set_coefficients(torch.linalg.solve(matrix, torch.cat([torch.as_tensor(values)[:, None], rest])))
    degree = (kernel.order or 0) - 1
    wanted = RBFInterpolator(data, values, kernel=name, epsilon=EPSILON, degree=degree)(x)
    np.testing.assert_allclose(network(torch.as_tensor(x))[:, 0].detach().numpy(), wanted, atol=1e-6)


SKLEARN: list[tuple[Kernel, sklearn.Kernel]] = [
    (Gaussian(), sklearn.RBF(1.0 / (2.0**0.5 * EPSILON))),
    *((Matern(nu), sklearn.Matern(1.0 / EPSILON, nu=nu)) for nu in (0.5, 1.5, 2.5, 3.5, 4.5)),
    *((RationalQuadratic(alpha), sklearn.RationalQuadratic(1.0 / EPSILON, alpha)) for alpha in (0.5, 1.0, 3.0)),
]


@pytest.mark.parametrize(("kernel", "theirs"), SKLEARN, ids=str)
def test_a_kernel_has_the_values_of_scikit_learn(kernel: Kernel, theirs: sklearn.Kernel) -> None:
    x = np.linspace(0.0, 2.0, 9)[:, None]
    phi = kernel.phi(torch.as_tensor((EPSILON * x[:, 0]) ** 2)).numpy()
    np.testing.assert_allclose(phi, theirs(x[:1], x)[0], rtol=1e-10)
