"""Where data live and in which units: fits against linear algebra written down, rotations and closed forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet import InputError
from rbfnet.kernels import Matern
from rbfnet.nn import Affine
from rbfnet.problems import DataProblem, Table
from rbfnet.shipped_configs import config_directory
from rbfnet.training import build

RNG = np.random.default_rng(0)
N = 40
HOURS = np.stack([24 * RNG.random(N), RNG.random(N)], axis=1)
GLOBE = np.stack([360 * RNG.random(N) - 180, np.degrees(np.arcsin(2 * RNG.random(N) - 1))], axis=1)
CLOCK: dict[str, Any] = {"coords": ["hour", "h"], "periodic": {"hour": 24.0}}
EARTH: dict[str, Any] = {"coords": ["lon", "lat"], "sphere": ("lon", "lat")}
EXACT: dict[str, Any] = {"kernel": Matern(3.5), "smoothing": 0.0, "scale": "none", "degree": -1}


def daily(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(np.sin(np.pi / 12 * x[:, 0])) * (1 + x[:, 1]))


def vectors(x: np.ndarray) -> np.ndarray:
    """Points of the unit sphere."""
    lon, lat = np.radians(x).T
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def degrees(v: np.ndarray) -> np.ndarray:
    return np.degrees(np.stack([np.arctan2(v[:, 1], v[:, 0]), np.arcsin(v[:, 2].clip(-1, 1))], axis=1))


def harmonic(x: np.ndarray) -> np.ndarray:
    """A sum of spherical harmonics of degrees 1 and 5 (order 2)."""
    from scipy.special import sph_harm_y

    lon, lat = np.radians(x).T
    return np.asarray(4 * np.real(sph_harm_y(5, 2, np.pi / 2 - lat, lon)) + np.sin(lat))


def matern(r: np.ndarray) -> np.ndarray:
    """Of smoothness 7/2, as in Rasmussen and Williams (2006), equation 4.16, in terms of z = sqrt(7) r."""
    z = 7**0.5 * r
    return np.asarray((1 + z + 2 / 5 * z**2 + z**3 / 15) * np.exp(-z))


def chords(x: np.ndarray, y: np.ndarray, circle: bool) -> np.ndarray:
    if not circle:
        return np.asarray(180 / np.pi * np.linalg.norm(vectors(x)[:, None] - vectors(y), axis=2))
    across = 24 / np.pi * np.sin(np.pi / 24 * (x[:, None, 0] - y[:, 0]))
    return np.hypot(across, x[:, None, 1] - y[:, 1])


@pytest.mark.parametrize("circle", [True, False], ids=["a circle", "a sphere"])
def test_values_errors_and_bars_are_those_of_the_chord(circle: bool) -> None:
    x, where = (HOURS, CLOCK) if circle else (GLOBE, EARTH)
    y, epsilon = (daily(x), 0.5) if circle else (harmonic(x), 0.02)
    y = y - y.mean()  # which is taken off before a fit
    fit = rbfnet.fit(x, y, epsilon=epsilon, **EXACT, **where)
    at = x[:7] + np.array([0.3, 0.1]) * (1 if circle else np.sign(-x[:7]) * 20)
    kernel, across = matern(epsilon * chords(x, x, circle)), matern(epsilon * chords(at, x, circle))
    weights = np.linalg.solve(kernel, y)
    np.testing.assert_allclose(fit.predict(x), y, rtol=0, atol=1e-8)
    np.testing.assert_allclose(fit.predict(at), across @ weights, rtol=0, atol=1e-8)
    inverse = np.linalg.inv(kernel)
    missed = weights / inverse.diagonal()
    assert fit.left_out is not None
    np.testing.assert_allclose(fit.left_out[:, 0], -missed, rtol=1e-6, atol=1e-8)
    amplitude = np.mean(missed * weights)
    bars = np.sqrt(amplitude * (1 - np.einsum("ij,jk,ik->i", across, inverse, across)))
    np.testing.assert_allclose(fit.std(at), bars, rtol=1e-5)
    # Derivatives of values and bars by central differences of what was written down.
    h = 1e-4 if circle else 1e-2
    ahead, behind = (matern(epsilon * chords(at + np.array([d, 0]), x, circle)) for d in (h, -h))
    slope = (ahead - behind) / (2 * h)
    first = where["coords"][0]
    np.testing.assert_allclose(fit.predict(at, f"u_{first}"), slope @ weights, rtol=0, atol=1e-5)
    moved = matern(epsilon * chords(at + np.array([h, 0]), at + np.array([-h, 0]), circle)).diagonal()
    bars = np.sqrt(amplitude * ((2 - 2 * moved) / (2 * h) ** 2 - np.einsum("ij,jk,ik->i", slope, inverse, slope)))
    np.testing.assert_allclose(fit.std(at, f"u_{first}"), bars, rtol=1e-3)


@pytest.mark.parametrize(("kernel", "num_centers"), [("thin_plate_spline", None), ("quintic", None), ("gaussian", 20)])
def test_a_fit_does_not_depend_on_where_a_period_starts(kernel: str, num_centers: int | None) -> None:
    y = daily(HOURS)
    later = HOURS + np.array([7.0, 0.0])
    later[:, 0] %= 24
    one = rbfnet.fit(HOURS, y, kernel=kernel, num_centers=num_centers, epsilon=0.7, **CLOCK)
    other = rbfnet.fit(later, y, kernel=kernel, num_centers=num_centers, epsilon=0.7, **CLOCK)
    at = np.array([[0.0, 0.5], [16.9, 0.2], [24.0, 0.5], [-48.0, 0.5]])
    got = one.predict(at)
    np.testing.assert_allclose(got[[2, 3]], got[0], rtol=1e-7)
    np.testing.assert_allclose(other.predict(at + np.array([7.0, 0.0])), got, rtol=1e-5)
    np.testing.assert_allclose(one.std(at[2:]), one.std(at[:1])[0], rtol=1e-3)


@pytest.mark.parametrize("kernel", ["thin_plate_spline", "quintic", "wendland"])
def test_a_fit_on_the_sphere_does_not_depend_on_where_its_poles_are(kernel: str) -> None:
    turn = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
    turned, at = degrees(vectors(GLOBE) @ turn), np.array([[0.0, 90.0], [180.0, -10.0], [-180.0, -10.0], [40.0, -90.0], [77, 90]])
    y = harmonic(GLOBE)
    fit, other = (rbfnet.fit(x, y, kernel=kernel, epsilon=0.7, smoothing=0.0, **EARTH) for x in (GLOBE, turned))
    got = fit.predict(at)
    np.testing.assert_allclose(other.predict(degrees(vectors(at) @ turn)), got, rtol=0, atol=1e-8)
    np.testing.assert_allclose(got[[4, 2]], got[[0, 1]], rtol=0, atol=1e-9)


def test_points_a_period_apart_are_repeated_points() -> None:
    x = np.array([[0.0, 0.0], [24.0, 0.0], [6.0, 1.0], [12.0, 0.2], [18.0, 0.5]])
    fit = rbfnet.fit(x, [1.0, 3.0, 5.0, 4.0, 2.0], smoothing=0.0, kernel="gaussian", epsilon=1.0, **CLOCK)
    np.testing.assert_allclose(fit.predict(x), [2.0, 2.0, 5.0, 4.0, 2.0], atol=1e-9)
    poles = np.array([[0.0, 90.0], [70.0, 90.0], [0.0, 0.0], [120.0, -20.0], [-110.0, 10.0]])
    problem = DataProblem(torch.from_numpy(poles), torch.ones(5, 1).double(), ["lon", "lat"], sphere=["lon", "lat"])
    assert problem.sites().index.tolist() == [0, 0, 1, 2, 3]


@pytest.mark.slow
def test_spherical_harmonics_are_fitted_better_than_without_the_sphere() -> None:
    rng = np.random.default_rng(1)
    x, at = (np.stack([360 * rng.random(n) - 180, np.degrees(np.arcsin(2 * rng.random(n) - 1))], axis=1) for n in (300, 3000))
    near = {"seam": np.abs(at[:, 0]) > 165, "poles": np.abs(at[:, 1]) > 70, "everywhere": np.ones(len(at), dtype=bool)}
    for kernel, accuracy in (("thin_plate_spline", 8e-2), ("matern", 8e-3), ("gaussian", 1e-8)):
        fit, naive = (rbfnet.fit(x, harmonic(x), kernel=kernel, **EARTH | more) for more in ({}, {"sphere": None}))
        for where, rows in near.items():
            ours, theirs = (np.sqrt(np.mean((f.predict(at[rows]) - harmonic(at[rows])) ** 2)) for f in (fit, naive))
            assert ours < accuracy and theirs > (1.2 if where == "everywhere" else 2) * ours, (kernel, where, ours, theirs)


def test_rows_that_are_added_later_live_there_too() -> None:
    names: dict[str, Any] = {"kernel": "matern", "epsilon": 0.5, "smoothing": 0.0, "scale": "none"}
    regressor = rbfnet.RBFRegressor(periodic={0: 24.0}, **names).fit(HOURS[:30], daily(HOURS[:30]))
    got = regressor.partial_fit(HOURS[30:] + np.array([24.0, 0.0]), daily(HOURS[30:])).predict(HOURS + 0.01)
    whole = rbfnet.RBFRegressor(periodic={0: 24.0}, **names).fit(HOURS, daily(HOURS)).predict(HOURS + 0.01)
    np.testing.assert_allclose(got, whole, atol=1e-2)
    np.testing.assert_allclose(regressor.predict(HOURS), daily(HOURS), atol=1e-6)


@pytest.mark.slow
def test_height_and_season_are_further_inputs() -> None:
    rng = np.random.default_rng(2)
    globe = np.stack([360 * rng.random(300), np.degrees(np.arcsin(2 * rng.random(300) - 1))], axis=1)
    height, month = rng.random(300), 12 * rng.random(300)
    x = np.column_stack([height, globe, month])
    y = np.sin(np.radians(globe[:, 1])) * np.cos(np.pi / 6 * month) + height
    fit = rbfnet.fit(x, y, kernel="gaussian", sphere=(1, 2), periodic={3: 12.0}, test=60)
    assert fit.errors is not None and fit.errors["rel_std"] < 1e-2
    first, again = fit.predict([[0.5, 0.0, 45.0, 0.0], [0.5, 360.0, 45.0, 12.0]])
    assert first == pytest.approx(again, rel=1e-6)


# Scales.


def test_each_scale_is_a_division_of_the_inputs() -> None:
    rng = np.random.default_rng(3)
    x = rng.random((30, 3)) * np.array([1.0, 50.0, 0.2]) + 7.0
    y, at = np.sin(x[:, 0]) + x[:, 1] * x[:, 2], x[:5] + 0.01
    lengths = {"each": x.std(axis=0), "common": np.full(3, np.sqrt((x.std(axis=0) ** 2).mean())), "none": np.ones(3)}

    def fit(x: np.ndarray, scale: Any) -> rbfnet.Solution:
        return rbfnet.fit(x, y, kernel="gaussian", epsilon=0.3, smoothing=1e-6, scale=scale)

    wanted = {scale: fit(x / length, "none").predict(at / length) for scale, length in lengths.items()}
    for scale, values in wanted.items():
        np.testing.assert_allclose(fit(x, scale).predict(at), values, rtol=1e-6)
    for length in (lengths["each"].tolist(), lengths["each"], torch.from_numpy(lengths["each"])):
        np.testing.assert_allclose(fit(x, length).predict(at), wanted["each"], rtol=1e-6)
    np.testing.assert_array_equal(rbfnet.fit(x, y).predict(at), rbfnet.fit(x, y, scale="each").predict(at))
    assert np.abs(wanted["each"] - wanted["none"]).max() > 1e-4


def test_the_scale_of_a_circle_and_a_sphere() -> None:
    """Uniform on a circle of radius R the variance is R^2, on a sphere R^2, over two dimensions; on a short arc that of it."""
    ring, ones = torch.arange(24.0, dtype=torch.float64)[:, None], torch.ones(24, 1, dtype=torch.float64)
    around = DataProblem(ring, ones, ["hour"], periodic={"hour": 24.0}).units()
    torch.testing.assert_close(around.input_scale, torch.full((2,), 12 / torch.pi, dtype=torch.float64))
    arc = DataProblem(ring / 1000 + 23.99, ones, ["hour"], periodic={"hour": 24.0}).units()
    torch.testing.assert_close(arc.input_scale, (ring / 1000).std(correction=0).expand(2), rtol=1e-5, atol=0)
    axes = torch.tensor([[0, 90], [0, -90], [0, 0], [90, 0], [180, 0], [270, 0]], dtype=torch.float64)
    for scale, length in (("each", 180 / torch.pi / 2**0.5), ("common", 180 / torch.pi / 2**0.5), ([5.0, 5.0], 5.0)):
        globe = DataProblem(axes, ones[:6], ["lon", "lat"], sphere=["lon", "lat"], scale=scale).units()
        torch.testing.assert_close(globe.input_scale, torch.full((3,), length, dtype=torch.float64))
    still = DataProblem(torch.full((5, 1), 3.0).double(), ones[:5], ["hour"], periodic={"hour": 24.0})
    assert still.units().input_scale.tolist() == [1.0, 1.0]


# Runs.


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_saved_fit_has_its_geometry_and_scale(dtype: torch.dtype, tmp_path: Path) -> None:
    x = np.column_stack([GLOBE, HOURS[:, 0], HOURS[:, 1]])
    where: dict[str, Any] = {"sphere": (0, 1), "periodic": {2: 24.1}, "scale": [9.0, 9.0, 3.0, 0.3]}
    fit = rbfnet.fit(x, daily(HOURS), coords=["lon", "lat", "t", "h"], dtype=dtype, **where)
    again = rbfnet.load(fit.save(tmp_path / "run"))
    at = np.concatenate([x, x + np.array([360.0, 0.0, 24.1, 0.0])])
    np.testing.assert_array_equal(again.predict(at), fit.predict(at))
    np.testing.assert_array_equal(again.predict(at, "u_t"), fit.predict(at, "u_t"))
    np.testing.assert_allclose(again.predict(at[:N]), again.predict(at[N:]), rtol=1e-7 if dtype == torch.float64 else 1e-2)
    assert torch.equal(cast(Affine, again.model.network).input_scale, torch.tensor([9.0, 9.0, 9.0, 3.0, 3.0, 0.3], dtype=dtype))


def test_a_table_has_them_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "day.npz", hour=HOURS[:, 0], h=HOURS[:, 1], u=daily(HOURS))
    table = [f"problem.path={tmp_path / 'day.npz'}", "problem.inputs=[hour,h]", "problem.outputs=[u]", "figures=false"]
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        where = ["problem.periodic={hour:24}", "problem.scale=[2,0.5]", f"run_dir={tmp_path / 'run'}"]
        config = compose("train", overrides=["problem=table", *table, *where])
    solution = build(cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))).execute()
    midnight, later = solution.predict([[0.0, 0.5], [24.0, 0.5]])
    assert midnight == pytest.approx(later, rel=1e-9)
    again = rbfnet.load(tmp_path / "run")
    assert isinstance(again.problem, Table) and again.problem.units().input_scale.tolist() == [2.0, 2.0, 0.5]
    np.testing.assert_array_equal(again.predict(HOURS), solution.predict(HOURS))


def test_centres_are_where_the_data_are() -> None:
    fit = rbfnet.fit(HOURS + np.array([100.0, 0.0]), daily(HOURS), **CLOCK)
    np.testing.assert_allclose(np.sort(fit.model.centers.detach()[:, 0]), np.sort(HOURS[:, 0] + 100), atol=1e-9)
    given = rbfnet.fit(HOURS, daily(HOURS), centers=HOURS[::2].copy(), **CLOCK)
    np.testing.assert_allclose(np.sort(given.model.centers.detach()[:, 0]), np.sort(HOURS[::2, 0]), atol=1e-9)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown input": ({"periodic": {"theta": 360.0}}, "There is no input for periodic called 'theta'; known: x, y"),
    "a position": ({"periodic": {2: 360.0}}, "There is no input for periodic called '2'"),
    "no period": ({"periodic": {"x": 0.0}}, "The period of 'x' must be positive and finite, but got 0.0"),
    "a negative period": ({"periodic": {"x": -1.0}}, "The period of 'x' must be positive and finite, but got -1.0"),
    "no names": ({"periodic": 360.0}, r"periodic must map inputs to periods, as in \{'x': 360.0\}, but got 360.0"),
    "an unknown longitude": ({"sphere": ("lon", "y")}, "There is no input for sphere called 'lon'; known: x, y"),
    "one name": ({"sphere": ("x",)}, r"sphere must name longitude and latitude, in this order, .* but got \('x',\)"),
    "a word": ({"sphere": "earth"}, "sphere must name longitude and latitude, in this order, .* but got 'earth'"),
    "one input twice": ({"sphere": ("x", 0)}, "sphere must name two inputs, longitude and latitude, but got 'x' twice"),
    "a period on it": (
        {"sphere": ("x", "y"), "periodic": {"x": 360.0}},
        "'x' is on the sphere, where longitudes have",
    ),
    "a latitude": ({"sphere": ("y", "x")}, "Latitudes must be from -90 to 90 degrees, but row 1 of 'x' is 120; sphere names the"),
    "a scale": ({"scale": "every"}, "There is no scale 'every'; "),
    "too few lengths": ({"scale": [1.0]}, r"scale must be 'each', .* or one length per input \(x, y\), but got \[1.0\]"),
    "a length": ({"scale": [1.0, 0.0]}, "The length of 'y' must be positive and finite, but got 0.0"),
    "two lengths": ({"scale": [1.0, 2.0], "sphere": ("x", "y")}, "Longitude and latitude need the same length in scale"),
    "a box": ({"periodic": {"x": 360.0}, "centers": "halton", "num_centers": 4}, "centers='halton' fills a box, but inputs"),
}


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_refused_in_one_sentence(given: dict[str, Any], message: str) -> None:
    x = np.array([[0.0, 0.0], [120.0, 40.0], [50.0, 10.0], [20.0, -30.0]])
    with pytest.raises(InputError, match=message):
        rbfnet.fit(x, x[:, 0], **given)


def test_a_latitude_to_predict_at_is_refused() -> None:
    with pytest.raises(InputError, match="Latitudes must be from -90 to 90 degrees, but got 91"):
        rbfnet.fit(GLOBE, harmonic(GLOBE), **EARTH).predict([[0.0, 91.0]])
