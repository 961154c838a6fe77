"""How many points conditions have: as given, or as the centres of the network and the sizes of the parts ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Ball, Box, Disc, Domain, Interval, Polygon, Rectangle, SpaceTime
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Initial, Integral, Interface, Interior, Mean, Neumann, Periodic, Poisson, Robin
from rbfnet.solvers import Adam, GaussNewton
from rbfnet.training import Grow


def equation(u: Field) -> Tensor:
    return u.value


class Posed(rbfnet.Problem):
    def __init__(self, domain: Domain, *conditions: Condition, **numbers: Any) -> None:
        super().__init__(**numbers)
        self.domain, self._conditions = domain, conditions

    def conditions(self) -> Iterable[Condition]:
        return self._conditions


SQUARE = Rectangle(x=(0, 1), y=(0, 1))
IN_TIME = SpaceTime(Interval(x=(0, 1)), t=(0, 1))
HOLE = Disc((0.5, 0.5), 0.25)

CASES: dict[str, tuple[Domain, Condition, int]] = {
    # 2.25 for each of 400 centres; 1.67 times the density 30 along 4 sides; 1.67 sqrt(900 / V) along any boundary.
    "inside": (SQUARE, Interior(equation), 900),
    "a quarter by a domain": (SQUARE, Interior(equation, where=Rectangle(x=(0, 0.5), y=(0, 0.5))), 225),
    "a disc within": (SQUARE, Interior(equation, where=HOLE), round(900 * pi / 16)),
    "its own number": (SQUARE, Interior(equation, points=7), 7),
    "all sides": (SQUARE, Dirichlet(), 200),
    "one side": (SQUARE, Dirichlet(on="x=low"), 50),
    "one side, by a function": (SQUARE, Neumann(on=lambda x: x[:, 0] == 0), 50),
    "a tenth of a side": (SQUARE, Robin(on=lambda x: (x[:, 0] == 0) & (x[:, 1] < 0.1)), 5),
    "hardly anything": (SQUARE, Dirichlet(on=lambda x: (x[:, 0] == 0) & (x[:, 1] < 0.01)), 3),
    "a disc": (Disc((3, -1), 2), Dirichlet(), round(1.67 * pi * (900 / (pi / 4)) ** 0.5)),
    "a hole": (SQUARE - HOLE, Dirichlet(on="hole 1"), round(1.67 * pi / 2 * (900 / (1 - pi / 16)) ** 0.5)),
    "around a hole": (SQUARE - HOLE, Dirichlet(on="outer"), round(1.67 * 4 * (900 / (1 - pi / 16)) ** 0.5)),
    "a polygon": (Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]), Dirichlet(), round(1.67 * 4 * (900 / 0.75) ** 0.5)),
    # Units do not matter: metres beside seconds.
    "a short side": (Rectangle(x=(0, 1000), y=(0, 1)), Dirichlet(on="x=low"), 50),
    "a long side": (Rectangle(x=(0, 1000), y=(0, 1)), Dirichlet(on="y=high"), 50),
    # In space 6 times 1.67 times 93 are more than 900.
    "all faces": (Box(x=(0, 1), y=(0, 1), z=(0, 1)), Dirichlet(), 900),
    "one face": (Box(x=(0, 1), y=(0, 2), z=(0, 1)), Dirichlet(on="y=low"), 150),
    "a sphere": (Ball((0, 0, 0), 1), Dirichlet(), round(1.67 * pi * (900 / (pi / 6)) ** (2 / 3))),
    "both ends at all times": (IN_TIME, Dirichlet(), 100),
    "an end at all times": (IN_TIME, Dirichlet(on="x=low"), 50),
    "the start": (IN_TIME, Initial(), 50),
    "the start in the plane": (SpaceTime(SQUARE, t=(0, 5)), Initial(), round(1.67 * 900 ** (2 / 3))),
    "periods": (IN_TIME, Periodic("x"), 50),
    "an interface": (SQUARE, Interface(("u", "v"), HOLE), round(1.67 * pi / 2 * 30)),
    "the start of an equation in time": (Interval(t=(0, 1)), Initial(), 1),
    "ends": (Interval(x=(0, 1)), Dirichlet(), 2),
    "an end": (Interval(x=(0, 1)), Dirichlet(on="x=low"), 1),
    "ends that are one": (Interval(x=(0, 1)), Periodic("x"), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_numbers_follow_the_sizes_of_the_parts(name: str) -> None:
    domain, condition, wanted = CASES[name]
    # Shares of parts that are given by functions, or cut, are counted.
    assert condition.sample(Posed(domain, condition)).num_points == pytest.approx(wanted, rel=0.01, abs=0.5)


@pytest.mark.parametrize(("centers", "inside", "boundary"), [(100, 225, 100), (400, 900, 200), (1600, 3600, 401), (1, 3, 3)])
def test_numbers_follow_the_centres(centers: int, inside: int, boundary: int) -> None:
    problem = Posed(SQUARE, Interior(equation), Dirichlet())
    problem.follow(centers)
    assert (problem.num_interior, problem.num_boundary) == (inside, boundary)
    assert [s.num_points for s in problem.sample().values()] == [inside, boundary]


def test_numbers_that_are_given_are_those_of_each_condition() -> None:
    conditions = [Interior(equation), Interior(equation, where=HOLE, name="hole"), Dirichlet(), Dirichlet(on="x=low")]
    problem = Posed(SQUARE, *conditions, Periodic("y"), num_interior=70, num_boundary=12)
    problem.follow(5000)
    assert [s.num_points for s in problem.sample().values()] == [70, 70, 12, 12, 12]
    # The boundary follows what is inside.
    assert Posed(SQUARE, num_interior=225).num_boundary == 100
    problem = Posed(SQUARE, num_boundary=7)
    assert (problem.num_interior, problem.num_boundary) == (900, 7)


class Watch(pl.Callback):
    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.seen = {name: sample.num_points for name, sample in trainer.datamodule.samples.items()}


RUNS: dict[str, tuple[Callable[[], rbfnet.Problem], dict[str, Any], dict[str, int]]] = {
    "centres": (Poisson, {"num_centers": 16}, {"interior": 36, "dirichlet": 36}),
    "fresh points": (
        Poisson,
        {"num_centers": 16, "solver": Adam(max_epochs=3, resample=True)},
        {"interior": 36, "dirichlet": 36},
    ),
    "given": (lambda: Poisson(num_interior=50, num_boundary=9), {"num_centers": 16}, {"interior": 50, "dirichlet": 9}),
    "a network that is to grow": (
        Poisson,
        {"num_centers": 4, "per_center": True, "solver": GaussNewton(max_epochs=1), "grow": 64},
        {"interior": 144, "dirichlet": 80},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_has_the_points_of_its_network(name: str) -> None:
    problem, options, wanted = RUNS[name]
    options, watch = dict(options), Watch()
    callbacks = [watch, Grow(num_centers=grown)] if (grown := options.pop("grow", None)) else [watch]
    rbfnet.solve(problem(), callbacks=callbacks, **options)
    assert watch.seen == wanted


def test_a_network_that_goes_through_time_has_boundary_points_for_its_space() -> None:
    class Heat(Posed):
        def __init__(self) -> None:
            space = Disc((0, 0), 1)
            conditions = [Interior(lambda u: u.d("t") - u.laplacian()), Dirichlet(), Initial(lambda x, y: 1 - x**2 - y**2)]
            super().__init__(SpaceTime(space, t=(0, 1e-3)), *conditions)

    watch = Watch()
    rbfnet.solve(Heat(), num_centers=40, solver="evolve", callbacks=[watch])
    assert watch.seen == {"interior": 90, "dirichlet": round(1.67 * pi * (90 / (pi / 4)) ** 0.5), "initial": 90}


@pytest.mark.parametrize(
    "domain", [Interval(x=(-2, 5)), Interval(x=(0, 1)) | Interval(x=(3, 7)), Interval(x=(0, 9)) - Interval(x=(3, 4))]
)
@pytest.mark.parametrize("centers", [20, 400])
def test_points_on_a_line_reach_up_to_its_ends_and_not_onto_them(domain: Domain, centers: int) -> None:
    problem = Posed(domain, Interior(equation))
    problem.follow(centers)
    (x,) = problem.sample()["interior"].sites
    ends, _normals = domain.boundary_with_normals(1)
    gap = (x - ends.T).abs().amin(dim=0)
    mean = domain.volume / len(x)
    assert len(x) == 2.25 * centers and domain.contains(x).all()
    assert (gap > 0).all() and (gap < 0.11 * mean).all()
    # Even in between: no gap wider than a few points.
    inside = x.sort(dim=0).values.diff(dim=0)[:, 0]
    holes = torch.tensor([b - a for a, b in zip(ends[1:-1:2, 0].tolist(), ends[2:-1:2, 0].tolist(), strict=False)])
    assert inside.sort(descending=True).values[len(holes)] < 3 * mean


def test_an_integral_has_the_nodes_its_domain_asks_for() -> None:
    problem = Posed(SQUARE, Mean(1.0), Integral(2.0, where=HOLE), Integral(0.0, name="few", points=9))
    samples = problem.sample()
    assert [s.num_points for s in samples.values()] == [900, 900, 9]
    weights = [s.weights for s in samples.values()]
    assert [float(w.sum()) for w in weights if w is not None] == pytest.approx([1.0, pi / 16, 1.0], rel=1e-13)
