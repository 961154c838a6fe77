"""``kernel="auto"``: the kernel of a fit to data, by leave-one-out errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

import rbfnet
from rbfnet.errors import InputError
from rbfnet.training import _choose_kernel

RNG = np.random.default_rng(0)
X, FRESH = RNG.random((60, 2)), RNG.random((200, 2))


def smooth(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.cos(3 * x[:, 0] + 2 * x[:, 1]) + np.exp(x[:, 0] * x[:, 1]))


def folded(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(x[:, 0] - 0.4) + np.abs(x[:, 1] - x[:, 0]))


def error(fit: Any, function: Callable[[np.ndarray], np.ndarray]) -> float:
    return float(np.sqrt(np.mean((fit.predict(FRESH) - function(FRESH)) ** 2)))


def test_a_smooth_kernel_for_smooth_data_and_thin_plates_for_folds() -> None:
    chosen, plain = (rbfnet.fit(X, smooth(X), kernel=kernel) for kernel in ("auto", "thin_plate_spline"))
    assert "took gaussian" in chosen.summary["words"][0] or "took multiquadric" in chosen.summary["words"][0]
    assert error(chosen, smooth) < 1e-3 * error(plain, smooth)
    chosen, plain = (rbfnet.fit(X, folded(X), kernel=kernel, allow_unsolved=True) for kernel in ("auto", "thin_plate_spline"))
    assert error(chosen, folded) <= 1.02 * error(plain, folded)


def test_the_errors_it_states_are_those_of_refitting_without_each_point() -> None:
    x = np.random.default_rng(0).random((30, 1))
    y = np.floor(4 * x[:, 0])
    fit = rbfnet.fit(x, y, kernel="auto", smoothing=0, allow_unsolved=True)
    found = re.fullmatch(
        r"kernel='auto' took thin_plate_spline: its leave-one-out error is (.*) % of the spread, that of the runner-up, .*\.",
        fit.summary["words"][0],
    )
    assert found is not None
    z, kept = (x - x.mean()) / x.std(), np.eye(30) == 0
    missed = [RBFInterpolator(z[k], y[k])(z[~k])[0] - y[~k][0] for k in kept]
    assert float(found[1]) == pytest.approx(100 * np.sqrt(np.mean(np.square(missed))) / y.std(), rel=0.05)
    wanted = rbfnet.fit(x, y, smoothing=0, allow_unsolved=True)
    np.testing.assert_array_equal(fit.predict(x + 0.01), wanted.predict(x + 0.01))


def test_only_some_rows_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_choose_kernel, "ROWS", 40)
    options: dict[str, Any] = {"kernel": "auto", "smoothing": np.linspace(0.1, 0.2, 60), "weights": np.linspace(1, 2, 60)}
    first, second = (rbfnet.fit(X, smooth(X), allow_unsolved=True, **options) for _ in range(2))
    assert " at 40 of 60 rows is " in first.summary["words"][0]
    np.testing.assert_array_equal(first.predict(FRESH), second.predict(FRESH))
    fewer = rbfnet.fit(X, smooth(X), kernel="auto", num_centers=20, test=10, allow_unsolved=True)
    assert " at 40 of 50 rows is " in fewer.summary["words"][0] and fewer.num_centers == 20


def test_with_few_points_the_most_robust_kernel_that_can_be_fitted() -> None:
    few = rbfnet.fit([0.0, 1.0, 3.0], [0.0, 1.0, 0.0], kernel="auto", allow_unsolved=True)
    assert few.summary["words"][0] == "kernel='auto' took thin_plate_spline: there are too few points to compare kernels."
    one = rbfnet.fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0], kernel="auto", allow_unsolved=True)
    assert "took matern" in one.summary["words"][0]


def test_constant_data_keep_thin_plates() -> None:
    # All kernels are exact, within rounding.
    assert "took thin_plate_spline" in rbfnet.fit(X[:20], np.ones(20), kernel="auto").summary["words"][0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"gradients": np.zeros((60, 2))}, "gradients or other data; name a kernel"),
        ({"solver": "adam"}, "solver=adam; name a kernel"),
        ({"epsilon": np.ones(60)}, "epsilon is an array; name a kernel"),
    ],
)
def test_what_cannot_be_compared(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        rbfnet.fit(X, smooth(X), kernel="auto", **wrong)
