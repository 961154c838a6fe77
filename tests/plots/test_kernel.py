"""Kernel profiles: the lines are the kernels and their derivatives."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from scipy.special import eval_hermite

from rbfnet.errors import InputError
from rbfnet.kernels import Gaussian, Matern
from rbfnet.plots import kernel


def curves(ax: Axes) -> list[np.ndarray]:
    """The labelled lines, (N, 2) each; not the one at zero."""
    return [np.asarray(line.get_xydata()) for line in ax.lines if not str(line.get_label()).startswith("_")]


@pytest.mark.parametrize("order", range(9))
def test_derivatives_of_the_gaussian_are_hermite_functions(order: int) -> None:
    ((r, values),) = (curve.T for curve in curves(kernel("gaussian", order, epsilon=1.7)))
    assert r[0] == 0 and r[-1] == pytest.approx(3 / 1.7)
    expected = (-1.7) ** order * eval_hermite(order, 1.7 * r) * np.exp(-((1.7 * r) ** 2))
    assert np.allclose(values, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def matern(r: Any) -> Any:
    z = mpmath.sqrt(5) * 2 * r
    return (1 + z + z**2 / 3) * mpmath.exp(-z)


def inverse_multiquadric(r: Any) -> Any:
    return 1 / mpmath.sqrt(1 + 4 * r**2)


@pytest.mark.parametrize(("name", "phi"), [("matern", matern), ("inverse_multiquadric", inverse_multiquadric)])
def test_several_orders_are_those_of_mpmath(name: str, phi: Any) -> None:
    ax = kernel(name, [0, 1, 2], epsilon=2.0)
    scales = [1.0] * 3
    if ax.get_ylabel() != "profile":
        scales = [float(str(line.get_label()).split("/")[1]) for line in ax.lines[:3]]
    for order, (curve, scale) in enumerate(zip(curves(ax), scales, strict=True)):
        for r, value in curve[10::60]:
            expected = float(mpmath.diff(phi, r, order))
            # Scales in the legend have three digits.
            assert value * scale == pytest.approx(expected, rel=1e-8 if scale == 1.0 else 5e-3, abs=1e-8)


def test_lines_of_very_different_size_are_relative_to_their_maxima() -> None:
    ax = kernel("gaussian", [0, 4])
    assert ax.get_ylabel() == "relative to the maximum"
    zeroth, fourth = curves(ax)
    assert np.abs(zeroth[:, 1]).max() == np.abs(fourth[:, 1]).max() == 1.0
    # The fourth derivative of exp(-r^2) is 12 at 0.
    assert [line.get_label() for line in ax.lines[:2]] == [r"$\varphi$ / 1", r"$\varphi^{(4)}$ / 12"]


def test_a_derivative_that_does_not_exist_at_the_centre_is_left_out_there() -> None:
    ((r, values),) = (curve.T for curve in curves(kernel(Matern(0.5), 1)))
    assert math.isnan(values[0]) and np.allclose(values[1:], -np.exp(-r[1:]))
    ((_, values),) = (curve.T for curve in curves(kernel(Matern(1.5), 1)))
    assert values[0] == 0.0


def test_kernels_and_orders_are_told_apart_without_colour() -> None:
    lines = kernel(["gaussian", "matern", lambda s: 1 / (1 + s)], [0, 1]).lines[:6]
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 6
    assert len({line.get_linestyle() for line in kernel(["gaussian", "matern", "wendland"]).lines[:3]}) == 3


def test_the_kernel_given_stays_as_it_is() -> None:
    mine = Gaussian() + Matern(1.5)
    before = {name: (value.dtype, value.clone()) for name, value in mine.state_dict().items()}
    kernel(mine, [0, 1, 2])
    for name, value in mine.state_dict().items():
        assert value.dtype == before[name][0] and torch.equal(value, before[name][1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kernels": "gausian"}, "There is no kernel 'gausian'; did you mean 'gaussian'?"),
        ({"kernels": []}, "There is nothing to draw: kernels is an empty list"),
        ({"kernels": "gaussian", "derivatives": []}, "There is nothing to draw: derivatives is an empty list"),
        ({"kernels": "gaussian", "derivatives": -1}, "The order of a derivative must be a whole number of at least 0"),
        ({"kernels": "gaussian", "derivatives": [0, 9]}, "The order of a derivative must be at most 8, but got 9"),
        ({"kernels": "gaussian", "derivatives": 1.5}, "derivatives must be an order or a list of orders, but got 1.5"),
        ({"kernels": "gaussian", "derivatives": "two"}, "derivatives must be an order or a list of orders, but got 'two'"),
        ({"kernels": "gaussian", "epsilon": 0.0}, "epsilon must be positive and finite, but got 0.0"),
        ({"kernels": 3}, "A kernel must be a Kernel, a name or a function of s, but got 3"),
    ],
)
def test_wrong_input_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        kernel(**arguments)
    assert sentence in str(caught.value)
