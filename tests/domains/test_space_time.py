"""Space x time, and time alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rbfnet import InputError
from rbfnet.domains import Disc, Interval, PointCloud, Rectangle, SpaceTime

F64 = torch.float64


def test_its_boundary_is_that_of_space_at_all_times() -> None:
    domain = SpaceTime(Interval(x=(-1, 1)), t=(0, 2))
    assert domain.coords == ("x", "t") and domain.box.tolist() == [[-1, 0], [1, 2]] and domain.volume == 4.0
    points, normals = domain.boundary_with_normals(40)
    assert domain.parts == ("x=low", "x=high") and (points[:, 0].abs() == 1).all()
    assert torch.equal(normals, torch.stack([points[:, 0], torch.zeros(40, dtype=F64)], dim=1))
    low = domain.boundary(10, part="x=low")
    torch.testing.assert_close(low[:, 1], torch.arange(0.1, 2, 0.2, dtype=F64))
    assert (low[:, 0] == -1).all()


def test_initial_and_final_are_the_space_at_both_ends_of_time() -> None:
    domain = SpaceTime(Interval(x=(-1, 1)), t=(0.5, 2))
    assert domain.initial(5).tolist() == [[-1, 0.5], [-0.5, 0.5], [0, 0.5], [0.5, 0.5], [1, 0.5]]
    assert domain.final(3).tolist() == [[-1, 2], [0, 2], [1, 2]]
    drawn = domain.initial(5, "random")
    assert (drawn[:, 1] == 0.5).all() and 1.0 not in drawn[:, 0]
    plane = SpaceTime(Disc((0, 0), 1), t=(0, 1))
    start = plane.initial(50)
    assert start.shape == (50, 3) and (start[:, 2] == 0).all() and plane.contains(start).all()
    assert (plane.final(50, "boundary_refined")[:, 2] == 1).all()


def test_time_alone_starts_at_a_point() -> None:
    time = Interval(t=(0, 20))
    assert time.initial().tolist() == [[0.0]] and time.initial(50).tolist() == [[0.0]] and time.final().tolist() == [[20.0]]
    assert time.coords == ("t",) and time.interior(30).shape == (30, 1)


def test_a_cylinder_is_even_and_its_pieces_keep_their_names() -> None:
    domain = SpaceTime(Rectangle(x=(-1, 1), y=(-1, 1)) - Disc((0, 0), 0.5), t=(0, 3))
    assert domain.parts == ("x=low", "x=high", "y=low", "y=high", "hole 1")
    points, normals = domain.boundary_with_normals(600, part="hole 1")
    assert len(points) == 600 and (points[:, :2].square().sum(dim=1).sqrt() - 0.5).abs().max() < 1e-12
    torch.testing.assert_close(normals, torch.cat([-2 * points[:, :2], torch.zeros(600, 1, dtype=F64)], dim=1))
    torch.testing.assert_close(domain.normals(points), normals)
    assert points[:, 2].mean().item() == pytest.approx(1.5, abs=0.02)
    assert points.mean(dim=0)[:2].abs().max() < 0.02
    assert domain.boundary_measure("hole 1") == pytest.approx(3 * torch.pi)
    cut = SpaceTime(Disc((0, 0), 1) & Rectangle(x=(0, 2), y=(-2, 2)), t=(0, 1))
    points, normals = cut.boundary_with_normals(200)
    assert len(points) == 200 and cut.contains(points).all() and not cut.contains(points + 1e-6 * normals).any()


def test_distance_is_that_of_space() -> None:
    domain = SpaceTime(Interval(x=(0, 2)), t=(0, 1))
    x = torch.tensor([[0.0, 0.3], [2.0, 0.9], [1.0, 0.0]], dtype=F64)
    assert domain.distance(x).tolist() == [0, 0, 0.5]


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "two times": (lambda: SpaceTime(Interval(x=(0, 1)), t=(0, 1), s=(0, 1)), "needs one time.*got t, s"),
    "no time": (lambda: SpaceTime(Interval(x=(0, 1))), "needs one time.*got none"),
    "the name of a space": (lambda: SpaceTime(Interval(x=(0, 1)), x=(0, 1)), "its own name"),
    "time that falls": (lambda: SpaceTime(Interval(x=(0, 1)), t=(1, 0)), r"Time t must go from a lower.*\(1, 0\)"),
    "time that is no interval": (lambda: SpaceTime(Interval(x=(0, 1)), t=1.0), "Time t must be of shape"),  # type: ignore[arg-type]
    "a cloud": (lambda: SpaceTime(PointCloud(torch.zeros(1, 1), ("x",)), t=(0, 1)), "got PointCloud"),
    "time twice": (lambda: SpaceTime(SpaceTime(Interval(x=(0, 1)), t=(0, 1)), s=(0, 1)), "The space of SpaceTime"),
    "no space": (lambda: SpaceTime("x", t=(0, 1)), "got 'x'"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("attempt", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_answered_in_a_sentence(attempt: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        attempt()
