"""In a problem on a SpaceTime a Laplacian is over space; time is asked for by name."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, exp, sin

import rbfnet
from rbfnet import InputError
from rbfnet.domains import Disc, Domain, Interval, Rectangle, SpaceTime
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Equations, Initial, Interior, Sample, UnknownField

PLANE = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 1))
X = torch.rand(7, 3, dtype=torch.float64)


class Posed(rbfnet.Problem):
    def __init__(self, domain: Domain, *conditions: Condition) -> None:
        super().__init__()
        self.domain, self._conditions = domain, conditions

    def conditions(self) -> Iterable[Condition]:
        return self._conditions


def wave(x: Tensor) -> Tensor:
    """Its Laplacian in the plane is -5 times itself, and its second derivative in time 9 times."""
    return sin(x[:, 0]) * sin(2 * x[:, 1]) * exp(3 * x[:, 2])


def fields(domain: Domain) -> Field:
    (field,) = Posed(domain).fields([wave], Sample((X,)))
    return field


def test_laplacians_are_over_space_and_time_is_asked_for_by_name() -> None:
    u, value = fields(PLANE), wave(X)
    torch.testing.assert_close(u.laplacian(), -5 * value)
    torch.testing.assert_close(u.biharmonic(), 25 * value)
    torch.testing.assert_close(u.laplacian("x", "y", "t"), 4 * value)
    torch.testing.assert_close(u.laplacian("t"), 9 * value)
    assert len(u.gradient_of_laplacian()) == 2 and len(u.gradient()) == 3
    torch.testing.assert_close(torch.stack(u.gradient_of_laplacian()), -5 * torch.stack(u.gradient()[:2]))
    assert u.space == ("x", "y") and u["u"].space == ("x", "y")


def test_a_rectangle_has_no_time() -> None:
    x = torch.rand(5, 2, dtype=torch.float64)
    (u,) = Posed(Rectangle(x=(0, 1), t=(0, 1))).fields([lambda p: p[:, 0] ** 2 + 3 * p[:, 1] ** 2], Sample((x,)))
    torch.testing.assert_close(u.laplacian(), torch.full((5,), 8.0, dtype=torch.float64))


def test_texts_too() -> None:
    problem = Equations(PLANE, ["u_t = lap(u)", "bilap(u) - lap(u, t)"], [])
    (condition,) = problem.conditions()
    first, second = condition.equations((fields(PLANE),))
    torch.testing.assert_close(first, 8 * wave(X))
    torch.testing.assert_close(second, 16 * wave(X))


def test_vectors_and_unknown_functions_too() -> None:
    def flow(x: Tensor) -> Tensor:
        return torch.stack([wave(x), 2 * wave(x), x[:, 0]], dim=1)

    problem = Posed(PLANE)
    problem.outputs = ("u", "v", "p")
    (f,) = problem.fields([flow], Sample((X,)))
    torch.testing.assert_close(torch.stack(f.vector_laplacian("u", "v")), torch.stack([-5 * wave(X), -10 * wave(X)]))
    torch.testing.assert_close(f["v"].laplacian(), -10 * wave(X))
    # A third component has no coordinate of space.
    with pytest.raises(InputError, match="3 components were given for the 2 coordinates x, y"):
        f.vector_laplacian("u", "v", "p")
    u = fields(PLANE)
    a = UnknownField(PLANE, 1.0, num_centers=4, dtype=torch.float64)(u)
    assert a.space == ("x", "y")
    torch.testing.assert_close(a.laplacian(), a.laplacian("x", "y"))
    of_time = UnknownField(PLANE, 1.0, coords=["t"], num_centers=4, dtype=torch.float64)(u)
    with pytest.raises(InputError, match="None of the coordinates t is spatial; name the ones that are meant"):
        of_time.laplacian()
    assert of_time.laplacian("t").shape == (7,)


def test_heat_written_with_the_laplacian_is_heat() -> None:
    class Heat(Posed):
        def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
            return exp(-2 * t) * sin(x) * sin(y)

    def at_first(x: Tensor, y: Tensor) -> Tensor:
        return sin(x) * sin(y)

    equation = Interior(lambda u: u.d("t") - u.laplacian())
    for domain in (PLANE, SpaceTime(Disc((0, 0), 1), t=(0, 0.5))):
        heat = Heat(domain, equation, Dirichlet(lambda x, y, t: exp(-2 * t) * sin(x) * sin(y)), Initial(at_first))
        errors = rbfnet.solve(heat, num_centers=300).errors
        assert errors is not None and errors["rel_l2"] < 1e-4


def test_every_domain_says_which_coordinates_are_those_of_space() -> None:
    assert Interval(t=(0, 1)).space_coords == ("t",)
    assert SpaceTime(Interval(x=(0, 1)), t=(0, 1)).space_coords == ("x",)
