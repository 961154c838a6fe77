"""Pictures of error bars: the numbers in them, and when a run has them."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest

import rbfnet
from rbfnet import InputError, plots

RNG = np.random.default_rng(0)
X = RNG.random((40, 2))
Y = np.sin(3 * X[:, 0]) * X[:, 1] + 0.05 * RNG.standard_normal(40)


def titles(solution: rbfnet.Solution) -> list[str]:
    figure = solution.plot()
    found = [ax.get_title() for ax in figure.axes]
    plt.close(figure)
    return found


def test_a_map_has_the_standard_deviation_and_the_data() -> None:
    fit = rbfnet.fit(X, Y, kernel="matern", coords=["x", "y"], allow_unsolved=True)
    ax = plots.deviation(fit, "u_x")
    image, dots = ax.collections[0].get_array(), ax.collections[1].get_offsets()
    low, high = X.min(axis=0), X.max(axis=0)
    assert image is not None
    corner = fit.std([[low[0], high[1]], [high[0], high[1]]], "u_x")
    np.testing.assert_allclose(np.asarray(image)[-1, [0, -1]], corner, rtol=1e-9)
    assert len(np.asarray(dots)) == 40 and "standard deviation of u_x" in ax.get_title()
    line = plots.deviation(fit, at={"y": 0.5}).lines[0].get_ydata()
    assert len(np.asarray(line)) > 50


def test_runs_with_two_inputs_have_it_and_do_not_use_up_the_warning() -> None:
    fit = rbfnet.fit(X, Y, allow_unsolved=True)
    assert "u: standard deviation" in titles(fit)
    with pytest.warns(UserWarning, match="outside of the data"):
        fit.std([[9.0, 9.0]])
    assert not [name for name in titles(rbfnet.fit(X[:, 0], Y, allow_unsolved=True)) if "deviation" in name]
    few = rbfnet.fit(X[:3], Y[:3], allow_unsolved=True)  # too few for error bars
    assert "u: standard deviation" not in titles(few)
    with pytest.raises(InputError, match="too few for error bars"):
        plots.deviation(few)


def test_a_vector_field_has_streamlines_whatever_it_is_called() -> None:
    field = np.stack([X[:, 1], -X[:, 0]], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "streamlines over speed" in titles(rbfnet.fit(X, field, kernel="gaussian", vector="divergence_free"))


def test_known_errors_of_the_data_are_drawn() -> None:
    t = np.linspace(0, 1, 12)
    ax = plots.fit(rbfnet.fit(t, np.sin(t), gradients=np.cos(t), noise=0.1, gradient_noise=0.2, allow_unsolved=True))
    (bars,) = ax.containers
    (segments,) = bars[2]
    np.testing.assert_allclose(np.ptp(np.array(segments.get_segments())[:, :, 1], axis=1), 0.2)
