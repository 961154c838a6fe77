"""``RBFInterpolator`` against SciPy's: its values, its messages, and its own tests."""

from __future__ import annotations

import importlib.util
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator as Theirs
from scipy.linalg import solve

from rbfnet import RBFInterpolator
from rbfnet.kernels import Wendland

KERNELS = [
    "linear",
    "thin_plate_spline",
    "cubic",
    "quintic",
    "multiquadric",
    "inverse_multiquadric",
    "inverse_quadratic",
    "gaussian",
]
RNG = np.random.default_rng(0)
X, AT = RNG.random((40, 2)), RNG.random((30, 2))
REAL = np.sin(4 * X[:, 0]) * X[:, 1]

each_kernel = pytest.mark.parametrize("kernel", KERNELS)


def compare(y: Any, d: Any, x: Any, tolerance: float = 1e-9, **options: Any) -> None:
    ours, theirs = RBFInterpolator(y, d, **options)(x), Theirs(y, d, **options)(x)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max(initial=0.0))


@each_kernel
@pytest.mark.parametrize("smoothing", [0.0, 0.3, np.linspace(0.0, 1.0, 40)], ids=["interpolates", "smooths", "per point"])
@pytest.mark.parametrize("neighbors", [None, 12, 40, np.inf])
@pytest.mark.parametrize("degree", [None, -1, 2])
def test_values_are_scipys(kernel: str, smoothing: Any, neighbors: float | None, degree: int | None) -> None:
    # Up to rounding times the condition number, which is up to 1e9 here.
    compare(X, REAL, AT, 1e-6, neighbors=neighbors, smoothing=smoothing, kernel=kernel, epsilon=4.0, degree=degree)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (0,)])
@pytest.mark.parametrize("neighbors", [None, 1, 10])
@pytest.mark.parametrize("dtype", [float, complex])
def test_values_of_any_shape(shape: tuple[int, ...], neighbors: int | None, dtype: Any) -> None:
    d = RNG.random((40, *shape)).astype(dtype)
    d = d + 1j * RNG.random((40, *shape)) if dtype is complex else d
    compare(X, d, AT, neighbors=neighbors, kernel="linear")


@pytest.mark.parametrize("dims", [1, 3, 5])
def test_other_dimensions(dims: int) -> None:
    y, x = RNG.random((60, dims)), RNG.random((9, dims))
    compare(y, y.sum(axis=1) ** 2, x, smoothing=0.01, kernel="cubic")
    compare(y, y.sum(axis=1) ** 2, x, smoothing=0.01, kernel="cubic", neighbors=20)


def test_many_points_are_evaluated_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.estimators._rbf_interpolator.PAIRS", 300)
    compare(X, REAL, AT)
    compare(X, REAL, np.repeat(AT, 5, axis=0), neighbors=9)


@each_kernel
@pytest.mark.parametrize("degree", [None, -1])
def test_many_points_are_factored_by_cholesky(kernel: str, degree: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.estimators._rbf_interpolator.MANY", 2)
    compare(X, REAL, AT, 1e-6, smoothing=0.1, kernel=kernel, epsilon=4.0, degree=degree)
    compare(X, np.column_stack([REAL, X]), AT, 1e-6, kernel=kernel, epsilon=8.0, degree=degree)


def test_many_points_that_are_not_distinct_or_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.estimators._rbf_interpolator.MANY", 2)
    for name in ("line", "repeated"):
        with pytest.raises(np.linalg.LinAlgError):
            WRONG[name](RBFInterpolator)


def test_a_thousand_points() -> None:
    y = np.random.default_rng(1).random((1100, 2))
    compare(y, np.sin(5 * y[:, 0]) * y[:, 1], AT, 1e-7)


def test_no_points_and_integers() -> None:
    compare(X, REAL, np.empty((0, 2)))
    compare(X, REAL, np.empty((0, 2)), neighbors=7)
    compare([[0], [1], [3]], [0, 1, 9], [[2]])


def test_a_kernel_that_scipy_lacks() -> None:
    ours = RBFInterpolator(X, REAL, kernel=Wendland(2), epsilon=0.7, degree=-1)(AT)

    def phi(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        r = 0.7 * np.linalg.norm(a[:, None] - b, axis=2)
        return np.where(r < 1, (1 - r) ** 4 * (4 * r + 1), 0.0)

    np.testing.assert_allclose(ours, phi(AT, X) @ solve(phi(X, X), REAL), atol=1e-10)
    np.testing.assert_array_equal(RBFInterpolator(X, REAL, kernel="wendland", epsilon=0.7, degree=-1)(AT).shape, (30,))


def test_pickled_it_is_the_same() -> None:
    for neighbors in (None, 8):
        ours = RBFInterpolator(X, REAL, neighbors=neighbors)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(ours))(AT), ours(AT))


LINE = np.column_stack([np.arange(6.0), np.zeros(6)])

WRONG: dict[str, Callable[[Any], Any]] = {
    "y": lambda cls: cls(X[:, 0], REAL),
    "d": lambda cls: cls(X, REAL[:-1]),
    "smoothing": lambda cls: cls(X, REAL, smoothing=np.ones(3)),
    "degree": lambda cls: cls(X, REAL, degree=-2),
    "few": lambda cls: cls(X[:2], REAL[:2]),
    "few neighbours": lambda cls: cls(X, REAL, neighbors=2),
    "x": lambda cls: cls(X, REAL)(AT[:, 0]),
    "columns of x": lambda cls: cls(X, REAL)(AT[:, :1]),
    "line": lambda cls: cls(LINE, LINE[:, 0]),
    "line of neighbours": lambda cls: cls(LINE, LINE[:, 0], neighbors=4)(LINE),
    "repeated": lambda cls: cls(LINE[[0, 0, 1]], LINE[:3, 0], kernel="linear"),
}


@pytest.mark.parametrize("name", WRONG)
def test_messages_are_scipys(name: str) -> None:
    with pytest.raises(ValueError) as theirs:
        WRONG[name](Theirs)
    with pytest.raises(ValueError, match=re.escape(str(theirs.value))) as ours:
        WRONG[name](RBFInterpolator)
    assert isinstance(ours.value, np.linalg.LinAlgError) == isinstance(theirs.value, np.linalg.LinAlgError)


def test_the_messages_that_list_kernels() -> None:
    with pytest.raises(ValueError, match=r"`kernel` must be one of \[.*'thin_plate_spline'"):
        RBFInterpolator(X, REAL, kernel="spline")
    with pytest.raises(ValueError, match="`epsilon` must be specified if `kernel` is not one of"):
        RBFInterpolator(X, REAL, kernel="gaussian")


def test_a_degree_that_is_too_small_is_warned_of() -> None:
    with pytest.warns(UserWarning, match="`degree` should not be below 2 except -1 when `kernel` is 'quintic'"):
        RBFInterpolator(X, REAL, kernel="quintic", degree=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RBFInterpolator(X, REAL, kernel="quintic", degree=-1)


THEIRS = """
import sys, pytest
from rbfnet import RBFInterpolator

class Ours:
    def pytest_collection_modifyitems(self, items):
        for module in {item.module for item in items}:
            module.RBFInterpolator = RBFInterpolator

options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", "/dev/null", "-k", "not chunking"]
sys.exit(pytest.main([*options, "--pyargs", "scipy.interpolate.tests.test_rbfinterp"], plugins=[Ours()]))
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("scipy.interpolate.tests") is None, reason="SciPy is installed without its tests")
def test_scipys_own_tests_pass() -> None:
    """All but those of the private method that evaluates in blocks."""
    done = subprocess.run([sys.executable, "-c", THEIRS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@each_kernel
@pytest.mark.parametrize("smoothing", [0.0, np.linspace(0.1, 1.0, 40)], ids=["interpolates", "smooths"])
@pytest.mark.parametrize("neighbors", [None, 9])
def test_adding_points_is_fitting_all_of_them(kernel: str, smoothing: Any, neighbors: int | None) -> None:
    each = np.broadcast_to(smoothing, 40)
    options: dict[str, Any] = {"kernel": kernel, "epsilon": 4.0, "neighbors": neighbors}
    ours = RBFInterpolator(X[:25], REAL[:25], smoothing=each[:25], **options)
    for part in (slice(25, 26), slice(26, 35), slice(35, 40)):
        assert ours.add(X[part], REAL[part], each[part]) is ours
    np.testing.assert_allclose(ours(AT), Theirs(X, REAL, smoothing=smoothing, **options)(AT), rtol=1e-10, atol=1e-10)


def test_complex_values_of_any_shape_are_added() -> None:
    d = RNG.random((40, 2, 3)) + 1j * RNG.random((40, 2, 3))
    ours = RBFInterpolator(X[:30], d[:30]).add(X[30:], d[30:])
    np.testing.assert_allclose(ours(AT), Theirs(X, d)(AT), rtol=1e-10, atol=1e-10)
    loaded = pickle.loads(pickle.dumps(ours)).add(AT, 0 * d[:30])
    np.testing.assert_allclose(loaded(X), d, atol=1e-9)


def test_what_cannot_be_added() -> None:
    ours = RBFInterpolator(X, REAL, kernel="linear")
    before = ours(AT)
    for y, d, smoothing, message in (
        (AT[:, :1], REAL[:30], 0.0, "`y` must be"),
        (AT, REAL, 0.0, "Expected `d` to have shape"),
        (AT, REAL[:30], np.ones(3), "Expected `smoothing`"),
        (AT, 1j * REAL[:30], 0.0, "`d` must be real"),
        (X[:1], REAL[:1], 0.0, "Singular matrix"),
        (AT[[0, 1, 0]], REAL[:3], 0.0, "Singular matrix"),
    ):
        with pytest.raises(ValueError, match=message):
            ours.add(y, d, smoothing)
        np.testing.assert_array_equal(ours(AT), before)
    ours.add(X[:1], REAL[:1], smoothing=1.0)  # a second measurement of a point, with noise
    np.testing.assert_allclose(ours(AT), before, atol=1e-10)
