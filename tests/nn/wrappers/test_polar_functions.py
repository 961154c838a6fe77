from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Rectangle
from rbfnet.errors import InputError
from rbfnet.nn import PolarFunctions
from rbfnet.operators import Operator, apply_operators
from rbfnet.problems import Dirichlet, Equations, Interior
from rbfnet.training.runs._construct import construct

TERMS = [(1, 1, 1, 0), (2.5, 0, 2, 1), (-1, 3, 0, 0), (0, 0, 0, 2)]


def by_hand(x: Tensor) -> Tensor:
    """The same in polar coordinates about (.2, 1), theta from the direction of -90 degrees."""
    d, e = x[:, 0] - 0.2, x[:, 1] - 1.0
    r, theta = torch.hypot(d, e), torch.atan2(d, -e)
    columns = []
    for p, m, k, n in TERMS:
        radial = r**p * theta**k * r.log() ** n
        columns += [radial * (m * theta).cos()] + ([radial * (m * theta).sin()] if m else [])
    return torch.stack(columns, dim=1)


def test_all_derivatives_are_those_of_the_functions() -> None:
    functions = PolarFunctions((0.2, 1.0), TERMS, start=-90, angle=90)
    torch.manual_seed(0)
    x = torch.tensor([0.2, 1.0], dtype=torch.float64) + torch.rand(7, 2, dtype=torch.float64) * torch.tensor([1.0, -1.0])
    ops = [Operator.identity(), Operator.d(0), Operator.d(1), Operator.d(0, 1), 2 * Operator.laplacian(0, 1), Operator.d(1, 1, 0)]
    found, wanted = apply_operators(functions, x, ops), apply_operators(by_hand, x, ops)
    assert functions.out_features == 6
    torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-11)


def test_angles_start_at_the_first_side_whatever_its_direction() -> None:
    for start in (-90.0, 0.0, 135.0):
        functions = PolarFunctions((0.0, 0.0), [(0, 0, 1, 0)], start=start, angle=270)
        turned = math.radians(start + 200)
        x = torch.tensor([[math.cos(turned), math.sin(turned)]], dtype=torch.float64)
        assert functions(x).item() == pytest.approx(math.radians(200))


def test_a_jump_between_two_sides_is_resolved_by_one_function() -> None:
    """u = theta solves Laplace's equation with the values 0 and pi / 2 on two sides, which no smooth function has."""

    class Jump(rbfnet.Problem):
        domain = Rectangle(x=(0, 1), y=(0, 1))
        enrichment = (PolarFunctions((0.0, 0.0), [(0, 0, 1, 0)], angle=90),)

        def conditions(self):
            yield Interior(lambda u: u.laplacian())
            yield Dirichlet(lambda x, y: torch.atan2(y, x) + x)

        def exact(self, x: Tensor, y: Tensor) -> Tensor:
            return torch.atan2(y, x) + x

    solution = rbfnet.solve(Jump(), num_centers=60)
    assert solution.verdict == "solved" and solution.errors is not None and solution.errors["rel_l2"] < 1e-6


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (((0, 0), []), "at least one term"),
        (((0, 0), [(1, 1)]), "(p, m, k, n)"),
        (((0, 0), [(1, 1, 0.5, 0)]), "whole"),
        (((0, 0), [(1, 1, -1, 0)]), "whole"),
        (((0, 0, 0), TERMS), "(x, y)"),
        (((0, 0), TERMS, "north"), "direction"),
        (((0, 0), TERMS, 0, 0), "(0, 360]"),
    ],
)
def test_what_does_not_work_is_told(arguments, word) -> None:
    with pytest.raises(InputError) as told:
        PolarFunctions(*arguments)
    assert word in str(told.value)


def test_nodes_of_a_config_may_be_functions_at_corners_and_nothing_else() -> None:
    def problem(target: str, **arguments: object) -> object:
        node = {
            "_target_": "rbfnet.problems.Equations",
            "domain": {"_target_": "rbfnet.domains.Rectangle", "x": [0, 1], "y": [0, 1]},
            "equations": "lap(u) = 0",
            "conditions": [{"dirichlet": "x"}],
            "enrichment": [{"_target_": f"rbfnet.nn.{target}", **arguments}],
        }
        return construct(node, rbfnet.Problem, "problems", trust=())

    made = problem("PolarFunctions", vertex=[0, 0], terms=[[0, 0, 1, 0]], angle=90)
    assert isinstance(made, Equations) and isinstance(made.enrichment[0], PolarFunctions)
    with pytest.raises(InputError, match="RBFNetwork"):
        problem("RBFNetwork", in_features=2, out_features=1, num_centers=9)
