"""Rows that do not fit into memory: block by block, and by iteration; each against all at once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

import rbfnet
from rbfnet import memory
from rbfnet.problems import KleinGordon, Kovasznay, Poisson
from rbfnet.solvers import GaussNewton, Posed
from rbfnet.solvers.assembly import row_blocks
from rbfnet.solvers.assembly._parameter_vector import Unknowns
from rbfnet.solvers.newton import _lsmr
from rbfnet.training import Solution

DOUBLE = torch.float64


def solved(problem: rbfnet.Problem, centers: int, epsilon: float = 2.0, **solver: object) -> Solution:
    return rbfnet.solve(problem, num_centers=centers, epsilon=epsilon, solver=GaussNewton(**solver))  # type: ignore[arg-type]


def difference(one: Solution, other: Solution) -> float:
    x = torch.rand(300, 2, dtype=DOUBLE)
    with torch.no_grad():
        return float((one.model(x) - other.model(x)).norm() / one.model(x).norm())


def test_block_by_block_is_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Kovasznay(num_interior=400, num_boundary=80)
    whole = solved(problem, 40, max_epochs=3)
    monkeypatch.setattr(row_blocks, "whole_fits", lambda *_: False)
    blocks = solved(problem, 40, max_epochs=3)
    assert blocks.summary["loss"] == pytest.approx(whole.summary["loss"], rel=1e-8)
    assert difference(blocks, whole) < 1e-9


def test_the_route_is_chosen_by_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """1100 rows in 100 unknowns: 3.5 MB with copies, and 0.9 MB as a triangle."""
    taken: list[str] = []
    triangle, iterative = row_blocks.triangle, _lsmr.Iterative.step  # type: ignore[attr-defined]

    def seen(*given: object) -> object:
        taken.append("triangle")
        return triangle(*given)  # type: ignore[arg-type]

    def step(*given: object) -> object:
        taken.append("iterative")
        return iterative(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(row_blocks, "triangle", seen)
    monkeypatch.setattr(_lsmr.Iterative, "step", step)
    routes = []
    for budget in (4e6, 2e6, 5e5):
        # Of the solvers: points and centres, which are counted by the thousand bytes, are few here.
        limited = SimpleNamespace(budget=lambda budget=budget: budget)
        monkeypatch.setattr(row_blocks, "memory", limited)
        monkeypatch.setattr(_lsmr, "memory", limited)
        taken.clear()
        words = solved(Poisson(num_interior=900, num_boundary=200), 100, max_epochs=1).summary["words"]
        routes.append(set(taken))
        assert [word.startswith("Too large for ") for word in words[1:]] == [True] * len(routes[-1])
    assert routes == [set(), {"triangle"}, {"iterative"}]


def test_iteration_finds_the_same_function_to_fewer_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = solved(KleinGordon(), 250, epsilon=6.0)
    monkeypatch.setattr(row_blocks, "whole_fits", lambda *_: False)
    monkeypatch.setattr(row_blocks, "triangle_fits", lambda *_: False)
    monkeypatch.setattr(_lsmr, "GROUP", 100)
    found = solved(KleinGordon(), 250, epsilon=6.0, max_epochs=6)
    assert difference(found, whole) < 1e-3


def test_blocks_made_again_are_blocks_kept(posed: Callable[[rbfnet.Problem], Posed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lsmr, "ITERATIONS", 8)
    whole = posed(Kovasznay(num_interior=30, num_boundary=12))
    unknowns, steps = Unknowns(whole.model, whole.problem), []
    for budget in (1e9, 3e4, 0):
        monkeypatch.setattr(memory, "budget", lambda budget=budget: budget)
        with torch.no_grad():
            steps.append(_lsmr.Iterative(unknowns, whole).step(3.0))
    assert torch.equal(steps[0], steps[1]) and torch.equal(steps[0], steps[2])


def test_damped_iteration_is_the_damped_solution(posed: Callable[[rbfnet.Problem], Posed]) -> None:
    """Against normal equations, harmless for kernels this narrow; three outputs, centres and shapes too."""
    whole = posed(Kovasznay(num_interior=100, num_boundary=30))
    unknowns = Unknowns(whole.model, whole.problem)
    with torch.no_grad():
        found = _lsmr.Iterative(unknowns, whole).step(0.1)
        residual, jacobian = unknowns.linearization(whole)
        damping = (0.1 * jacobian.norm(dim=0)).square().diag()
        expected = torch.linalg.solve(jacobian.T @ jacobian + damping, -jacobian.T @ residual)
    assert torch.allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_groups_hold_every_unknown_once(posed: Callable[[rbfnet.Problem], Posed], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lsmr, "GROUP", 6)
    whole = posed(Kovasznay(num_interior=20, num_boundary=10))
    unknowns = Unknowns(whole.model, whole.problem)
    found = torch.cat(_lsmr.groups(unknowns))
    assert torch.equal(found.sort().values, torch.arange(len(unknowns)))
