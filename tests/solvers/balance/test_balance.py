"""Weights on the loss that change while it falls."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import rbfnet
from rbfnet.problems import Poisson
from rbfnet.solvers import Adam, GradientNorm, ResidualAttention
from rbfnet.training import RAD

Command = Callable[..., tuple[int, str, str]]
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16", "figures=false"]


def test_with_gradient_norm_every_equation_pulls_as_hard() -> None:
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64))
    squares = {"a": [(p[0] * torch.ones(4)).square(), 100 * p[1:].square()], "b": [(p[0] - p[1]).square()[None]]}
    weights = GradientNorm(memory=0.0).update({}, squares, [p], 0)
    pulls = [
        torch.autograd.grad((w * r).mean(), p, retain_graph=True)[0].norm()
        for name in squares
        for w, r in zip(weights[name], squares[name], strict=True)
    ]
    # |grad| of the three: 2, 400 and 2 sqrt(2).
    assert torch.stack(pulls).tolist() == pytest.approx([2 + 400 + 8**0.5] * 3)
    assert GradientNorm(period=10).update(weights, squares, [p], 11) is weights
    mean = GradientNorm(period=10, memory=0.75).update({"a": [torch.tensor(4.0)] * 2, "b": [torch.tensor(4.0)]}, squares, [p], 10)
    assert float(mean["a"][0]) == pytest.approx(3 + 0.25 * (2 + 400 + 8**0.5) / 2)


def test_an_equation_that_is_met_keeps_its_weight() -> None:
    p = torch.nn.Parameter(torch.ones(1))
    weights = GradientNorm().update({}, {"a": [p.square()], "b": [(p - 1).square()], "c": [torch.ones(3)]}, [p], 0)
    assert (float(weights["b"][0]), float(weights["c"][0])) == (1.0, 1.0)


def test_residual_attention_is_its_recurrence() -> None:
    balance = ResidualAttention(rate=0.1, decay=0.9)
    weights: dict[str, list[torch.Tensor]] = {}
    attention = torch.zeros(3)
    for step in range(5):
        r = torch.tensor([1.0, -4.0, 2.0]) / (step + 1)
        weights = balance.update(weights, {"a": [r.square()]}, [], step)
        attention = 0.9 * attention + 0.1 * r.abs() / r.abs().max()
        assert torch.allclose(weights["a"][0], attention.square())
    assert torch.isfinite(balance.update(weights, {"a": [torch.zeros(3)]}, [], 6)["a"][0]).all()


@pytest.mark.parametrize("balance", ["gradient_norm", "residual_attention"])
def test_what_is_logged_as_the_loss_is_without_the_weights(command: Command, balance: str) -> None:
    steps = ["solver=adam", "solver.max_epochs=12"]
    for directory, choice in {"fixed": "null", "balanced": balance}.items():
        code, _, err = command("train", *QUICK, *steps, f"solver.balance={choice}", f"run_dir={directory}")
        assert (code, err) == (0, "")
    fixed, balanced = (list(csv.DictReader(Path(d, "metrics.csv").read_text().splitlines())) for d in ("fixed", "balanced"))
    assert float(fixed[0]["loss"]) == float(balanced[0]["loss"])
    assert fixed[-1] != balanced[-1]
    assert {"balance/interior", "balance/dirichlet"} <= set(balanced[0]) and not any("balance" in key for key in fixed[0])
    weights = [row["balance/dirichlet"] for row in balanced if row["loss"]]
    # At first the boundary is met, and says nothing.
    assert float(weights[0]) == (1.0 if balance == "gradient_norm" else 1e-4) and weights[-1] != weights[0]


def test_a_node_gives_it_arguments_and_nothing_else_passes_for_one(command: Command) -> None:
    node = "solver.balance={_target_:rbfnet.solvers.GradientNorm,period:1}"
    assert command("train", *QUICK, "solver=adam", "solver.max_epochs=2", node, "run_dir=run")[0] == 0
    code, _, err = command("train", *QUICK, "solver=adam", "solver.balance={_target_:rbfnet.solvers.Adam}")
    assert code == 2 and "rbfnet.solvers.Adam is not a usable Balance" in err


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Adam(balance="gradient_nrm"), "There is no balance 'gradient_nrm'; did you mean 'gradient_norm'"),
        (
            lambda: Adam(balance="residual_attention", batch_size=4),
            "ResidualAttention needs fixed points, as it has a weight per point",
        ),
        (
            lambda: Adam(balance="residual_attention", resample=True),
            "ResidualAttention needs fixed points, as it has a weight per point",
        ),
        (lambda: GradientNorm(memory=1.0), "memory must be below 1"),
        (lambda: ResidualAttention(decay=1.0), "decay must be below 1"),
        (
            lambda: rbfnet.solve(Poisson, num_centers=9, solver=Adam(balance="residual_attention"), callbacks=[RAD()]),
            "A weight per point needs fixed points",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        make()
