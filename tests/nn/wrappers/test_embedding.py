"""Embedding and Embedded: lines, circles and a sphere, with derivatives, inverse and seams."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rbfnet import InputError, Operator
from rbfnet.nn import Embedded, Embedding, RBFNetwork, export
from rbfnet.nn import load_export as loaded
from rbfnet.operators import apply_operators

F64 = torch.float64
SPACES = {
    "a sphere": Embedding([None, None], sphere=(0, 1)),
    "latitude first": Embedding([None, None], sphere=(1, 0)),
    "height between": Embedding([None, None, None], sphere=(2, 0)),
    "hours": Embedding([24.0, None, None], sphere=(1, 2)),
}


def plain(space: Embedding, x: Tensor) -> Tensor:
    """The same written down, for automatic differentiation."""
    columns: list[Tensor] = []
    for i, period in enumerate(space.periods):
        if space.sphere is not None and i in space.sphere:
            if i == min(space.sphere):
                lon, lat = (torch.deg2rad(x[:, j]) for j in space.sphere)
                columns += [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
                columns[-3:] = [180 / math.pi * column for column in columns[-3:]]
        elif period is None:
            columns.append(x[:, i])
        else:
            columns += [period / math.tau * f(math.tau / period * x[:, i]) for f in (torch.cos, torch.sin)]
    return torch.stack(columns, dim=1)


def points(space: Embedding, n: int) -> Tensor:
    x = torch.rand(n, space.in_features, dtype=F64)
    assert space.sphere is not None
    x[:, space.sphere[0]] = 360 * x[:, space.sphere[0]] - 180
    x[:, space.sphere[1]] = 178 * x[:, space.sphere[1]] - 89
    return x


@pytest.mark.parametrize("space", [SPACES["latitude first"], SPACES["hours"]], ids=["a sphere", "hours"])
def test_derivatives_are_those_of_automatic_differentiation(space: Embedding) -> None:
    torch.manual_seed(0)
    x = points(space, 5)
    c, v = torch.randn(5, dtype=F64), 20 * torch.randn(x.shape, dtype=F64)
    ops = [Operator.identity(), Operator.d(0), Operator.d(1), Operator.d(0, 1), Operator.laplacian(0, 1), Operator.d(0, 0, 1)]
    ops += [c * Operator.directional(v, 2) - Operator.d(v, 0)]
    got, wanted = apply_operators(space, x, ops), apply_operators(lambda p: plain(space, p), x, ops)
    for a, b in zip(got.unbind(-1), wanted.unbind(-1), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11 * max(1.0, float(b.abs().max())))
    axes = range(space.in_features)
    for pair in [(i, j) for i in axes for j in axes]:
        assert space.vanishes(pair) == (not apply_operators(lambda p: plain(space, p), x, [Operator.d(*pair)]).any())


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_the_inverse_is_the_point(space: Embedding) -> None:
    x = points(space, 40)
    low = [-180.0 if i == (space.sphere or (0,))[0] else 0.0 for i in range(space.in_features)]
    again = Embedding(space.periods, low, space.sphere)
    torch.testing.assert_close(again.inverse(again(x)), x, rtol=0, atol=1e-11)


def test_chords_are_those_of_great_circles() -> None:
    """2 R sin(angle / 2), with the angle between points by the haversine formula."""
    space, x = SPACES["a sphere"], points(SPACES["a sphere"], 30)
    (lon, lat), radius = torch.deg2rad(x).T, 180 / math.pi
    half = ((lat[:, None] - lat) / 2).sin() ** 2 + lat.cos()[:, None] * lat.cos() * ((lon[:, None] - lon) / 2).sin() ** 2
    torch.testing.assert_close(torch.cdist(space(x), space(x)), 2 * radius * half.sqrt(), rtol=1e-10, atol=1e-5)


def on_the_globe() -> Embedded:
    torch.manual_seed(0)
    space = Embedding([24.0, None, None], low=[-12.0, 0.0, 0.0], sphere=(1, 2))
    model = Embedded(RBFNetwork(5, 1, 12, "gaussian", centers=space(points(space, 12)), dtype=F64), space)
    model.set_coefficients(torch.randn(12, 1, dtype=F64))
    return model


def test_a_model_has_no_seam_and_keeps_its_geometry() -> None:
    model = on_the_globe()
    x = torch.tensor([[3.0, -180.0, 40.0], [27.0, 180.0, 40.0], [-21.0, 540.0, 40.0]], dtype=F64)
    poles = torch.tensor([[3.0, 0.0, 90.0], [3.0, 77.0, 90.0]], dtype=F64)
    for op in [Operator.identity(), Operator.d(0), Operator.d(1, 2), Operator.d(2, 2)]:
        values = model.apply_operator(x, op).detach()
        torch.testing.assert_close(values, values[:1].expand_as(values), rtol=1e-10, atol=1e-14)
    torch.testing.assert_close(*model(poles), rtol=1e-12, atol=0)
    assert set(model.state_dict()) >= {"periods", "low", "sphere"} and model.periods.tolist() == [24.0, 0.0, 0.0]


@pytest.mark.slow
def test_an_exported_model_has_the_geometry(tmp_path: Path) -> None:
    model = on_the_globe()
    x = points(model.map, 6)
    export(model, tmp_path / "model.pt2")
    torch.testing.assert_close(loaded(tmp_path / "model.pt2")(x)["u"], model(x).detach(), rtol=1e-12, atol=1e-14)


def test_widths_in_the_users_coordinates() -> None:
    """Along a meridian a degree is one of latitude, along a parallel cos(latitude) of one: the metric of the sphere."""
    space = SPACES["a sphere"]
    x = torch.tensor([[10.0, 0.0], [20.0, 60.0]], dtype=F64)
    model = Embedded(RBFNetwork(3, 1, 2, "gaussian", centers=space(x), epsilon=0.5, dtype=F64), space)
    wanted = 0.25 * torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.25, 0.0], [0.0, 1.0]]], dtype=F64)
    torch.testing.assert_close(model.shape_matrix.detach(), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"periods": []}, "Embedding needs a period or None for each dimension"),
        ({"periods": [0.0]}, "A period must be positive and finite, but got 0.0"),
        ({"periods": [None, 1.0], "sphere": (0, 1)}, r"two different inputs without a period, from \[0\], but got \(0, 1\)"),
        ({"periods": [None, None], "sphere": (1, 1)}, r"two different inputs without a period, from \[0, 1\]"),
        ({"periods": [None, None], "sphere": (1, 2)}, r"two different inputs without a period"),
    ],
)
def test_what_is_no_embedding_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Embedding(**arguments)


def test_latitudes_beyond_the_poles_are_refused() -> None:
    with pytest.raises(InputError, match="Latitudes must be from -90 to 90 degrees, but got 95"):
        SPACES["a sphere"](torch.tensor([[0.0, 20.0], [0.0, 95.0]]))
