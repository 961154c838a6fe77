"""fit with local interpolants, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rbfnet
from rbfnet import InputError
from rbfnet.nn import LocalNetwork


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).random((count, 2))
    return x, np.stack([np.sin(3 * x[:, 0]) * x[:, 1], np.exp(x[:, 0] - x[:, 1])], axis=1)


def test_a_fit_takes_the_values_and_measures_itself_by_leaving_rows_out() -> None:
    x, y = data(600)
    solution = rbfnet.fit(x, y, network="local")
    assert isinstance(solution.model.network, LocalNetwork) and solution.summary["kernel"] == "cubic"
    assert np.allclose(solution.predict(x), y, rtol=0, atol=1e-10)
    assert solution.summary["errors_by"] == "leave-one-out" and solution.verdict == "solved"
    assert any(sentence.startswith("Local interpolation, 50 points each:") for sentence in solution.summary["words"])
    z = 0.1 + 0.8 * np.random.default_rng(1).random((200, 2))
    assert np.abs(solution.predict(z, "u1") - np.sin(3 * z[:, 0]) * z[:, 1]).max() < 1e-5
    assert np.abs(solution.predict(z, "u2_x") - np.exp(z[:, 0] - z[:, 1])).max() < 1e-3
    # The size of the errors away from the edge is that of the errors without each point.
    assert solution.errors is not None and solution.errors["rel_std"] < 1e-4


def test_repeated_points_are_averaged_and_weights_count() -> None:
    x, y = data(100)
    x, y = np.concatenate([x, x[:2]]), np.concatenate([y, y[:2] + 0.2])
    assert np.allclose(rbfnet.fit(x, y, network="local").predict(x[:2]), y[:2] + 0.1, rtol=0, atol=1e-10)
    weights = np.ones(102)
    weights[100:] = 3.0
    weighted = rbfnet.fit(x, y, network="local", weights=weights)
    assert np.allclose(weighted.predict(x[:2]), y[:2] + 0.15, rtol=0, atol=1e-10)


def test_held_out_rows_measure_the_fit() -> None:
    held = rbfnet.fit(*data(600), network="local", kernel="quintic", degree=2, neighbors=30, test=100)
    assert held.summary["errors_by"] == "held-out rows" and held.errors is not None and held.errors["rel_std"] < 1e-3
    network = held.model.network
    assert isinstance(network, LocalNetwork) and (network.neighbors, network.degree) == (30, 2) and held.left_out is None


def test_noise_is_not_called_a_good_fit() -> None:
    x, y = data(400)
    y = y + np.random.default_rng(2).normal(size=y.shape)
    with pytest.warns(rbfnet.NotSolvedWarning):
        assert rbfnet.fit(x, y, network="local").verdict == "not solved"


def test_it_is_chosen_where_one_system_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = data(300)
    monkeypatch.setattr("rbfnet.training._local_model.LARGEST", 200)
    solution = rbfnet.fit(x, y)
    assert isinstance(solution.model.network, LocalNetwork)
    assert solution.summary["words"][0] == (
        "300 points are too many for one system: used local interpolants of 50 points each (network=local)."
    )
    assert isinstance(rbfnet.fit(x, y, smoothing=0).model.network, LocalNetwork)
    for arguments in ({"num_centers": 20}, {"network": "default"}, {"smoothing": 1e-3}):
        given: dict[str, Any] = arguments
        assert isinstance(rbfnet.fit(x, y, **given).model.network, rbfnet.RBFNetwork)
    assert isinstance(rbfnet.fit(x[:200], y[:200]).model.network, rbfnet.RBFNetwork)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"num_centers": 5}, "network=local has a node at every point"),
        ({"smoothing": 0.1}, "network=local interpolates the data, but smoothing"),
        ({"overlap": 2.0}, "There is no argument of network=local called 'overlap'"),
        ({"solver": "lbfgs"}, "network=local needs solver=least_squares, but got lbfgs"),
        ({"degree": 0}, "needs polynomials of degree 1"),
        ({"gradients": np.zeros((60, 2, 2))}, "network=local fits values at points"),
        ({"kernel": "auto"}, "network=local needs one kernel, but kernel=auto was given"),
        ({"periodic": {"x": 1.0}}, "network=local takes inputs as they are"),
        ({"network": "locale"}, "There is no network 'locale'; did you mean 'local'"),
    ],
)
def test_wrong_input(arguments: dict[str, Any], sentence: str) -> None:
    x, y = data(60)
    with pytest.raises(InputError, match=sentence):
        rbfnet.fit(x, y, **{"network": "local", **arguments})


def test_what_local_interpolants_do_not_have() -> None:
    with pytest.raises(InputError, match="have 3 terms, more than the 2 nodes; use at least 3 nodes"):
        rbfnet.fit(*data(2), network="local")
    solution = rbfnet.fit(*data(60), network="local")
    with pytest.raises(InputError, match="Error bars need one system of all points"):
        solution.std([[0.5, 0.5]])
    with pytest.raises(InputError, match="continuous derivatives"):
        solution.predict(torch.rand(1, 2), "u1_xxx")


def test_the_loss_of_many_rows_is_taken_at_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.solvers._least_squares.SHOWN", 10)
    seen: list[int] = []
    evaluated = LocalNetwork.apply_operators

    def counted(self: LocalNetwork, x: torch.Tensor, ops: Any) -> torch.Tensor:
        seen.append(len(x))
        return evaluated(self, x, ops)

    monkeypatch.setattr(LocalNetwork, "apply_operators", counted)
    solution = rbfnet.fit(*data(200), network="local")
    assert solution.summary["loss"] < 1e-20 and max(seen) <= 64


def test_points_outside_of_the_nodes_are_told() -> None:
    x = np.random.default_rng(0).random((80, 2)) * [1, 100]
    solution = rbfnet.fit(x, np.cos(5 * x[:, 0]), network="local")
    solution.predict(x.min(axis=0) + np.random.default_rng(1).random((9, 2)) * np.ptp(x, axis=0))
    with pytest.warns(UserWarning, match="1 of 2 points are outside of the nodes"):
        solution.predict([[0.5, 50.0], [3.0, 50.0]])
