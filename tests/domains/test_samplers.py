"""How points fill a domain."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from scipy.spatial import cKDTree
from scipy.stats import kstest, qmc
from torch import Tensor

from rbfnet.domains import Ball, Box, Disc, Domain, Ellipse, Interval, Rectangle, SpaceTime

F64 = torch.float64
SAMPLERS = ["grid", "halton", "latin_hypercube", "poisson_disc", "random", "sobol", "boundary_refined"]
DOMAINS = {
    "interval": Interval(x=(0, 2)),
    "disc": Disc((1, 1), 2),
    "pierced": Rectangle(x=(0, 2), y=(0, 1)) - Disc((1, 0.5), 0.3),
    "space_time": SpaceTime(Disc((0, 0), 1), t=(0, 2)),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
@pytest.mark.parametrize("n", [1, 37, 100])
def test_exactly_n_distinct_points_inside_with_no_warning(domain: Domain, sampler: str, n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        points = domain.interior(n, sampler)
    assert points.shape == (n, len(domain.coords)) and points.dtype == F64
    assert domain.contains(points).all() and len(torch.unique(points, dim=0)) == n


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_the_seed_of_pytorch_decides(domain: Domain, sampler: str) -> None:
    def draw(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return torch.cat([domain.interior(40, sampler), domain.boundary(20, sampler)])

    assert torch.equal(draw(1), draw(1))
    assert torch.equal(draw(1), draw(2)) == (sampler == "grid" and domain.boundary(20, sampler).shape[1] < 3)


def test_what_a_domain_finds_out_about_itself_draws_nothing_from_the_generator() -> None:
    before = torch.get_rng_state()
    domain = Rectangle(x=(0, 2), y=(0, 1)) - Disc((0, 0), 0.3)
    assert domain.volume > 0 and domain.parts and domain.boundary_measure(lambda x: x[:, 0] > 1) > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_discrepancy_falls_from_random_to_latin_hypercube_to_low_discrepancy_sequences() -> None:
    box = Box(x=(0, 1), y=(0, 1), z=(0, 1))

    def discrepancy(sampler: str) -> float:
        return sum(qmc.discrepancy(box.interior(256, sampler).numpy()) for _ in range(10))

    assert discrepancy("sobol") < discrepancy("halton") < discrepancy("latin_hypercube") < discrepancy("random")


def test_a_latin_hypercube_has_one_point_in_each_slice() -> None:
    points = Rectangle(x=(0, 1), y=(0, 2)).interior(50, "latin_hypercube")
    assert [sorted((column * 50 / side).int().tolist()) for column, side in zip(points.T, (1, 2), strict=True)] == [
        list(range(50))
    ] * 2


@pytest.mark.parametrize("domain", [DOMAINS["disc"], DOMAINS["pierced"]], ids=["disc", "pierced"])
def test_poisson_discs_keep_points_apart_and_leave_no_room(domain: Domain) -> None:
    def nearest(sampler: str) -> tuple[float, float]:
        points = domain.interior(300, sampler).numpy()
        distance = cKDTree(points).query(points, k=2)[0][:, 1]
        return distance.min() / math.sqrt(domain.volume / 300), distance.max() / math.sqrt(domain.volume / 300)

    least, most = nearest("poisson_disc")
    assert least > 0.65 and most < 1.6
    assert nearest("random")[0] < 0.3


def test_sequences_in_a_disc_are_uniform() -> None:
    disc = Disc((0, 0), 1)
    for sampler in ("halton", "sobol", "random", "latin_hypercube", "poisson_disc", "grid"):
        points = disc.interior(500, sampler)
        # Uniform in a disc: the square of the radius is uniform, and so is the angle.
        assert kstest(points.square().sum(dim=1), "uniform").statistic < 0.08, sampler
        angle = torch.atan2(points[:, 1], points[:, 0]) / (2 * math.pi) + 0.5
        assert kstest(angle, "uniform").statistic < 0.08, sampler


@pytest.mark.parametrize("domain", [Interval(x=(0, 1)), Disc((0, 0), 1), Ball((0, 0, 0), 1)], ids=repr)
def test_refined_points_follow_the_law(domain: Domain) -> None:
    """The density goes with 1 / (1 + 20 d / max d); radial quadrature against the share of points in shells."""
    points = domain.interior(4000, "boundary_refined")
    dims = points.shape[1]
    middle = domain.box.mean(dim=0)
    radius = (points - middle).square().sum(dim=1).sqrt() / (domain.box[1, 0] - middle[0])
    r = (torch.arange(100_000, dtype=F64) + 0.5) / 100_000
    # Of all three, d / max d is 1 - r^2.
    law = r ** (dims - 1) / (1 + 20 * (1 - r.square()))
    cumulative = law.cumsum(0) / law.sum()
    for shell in (0.5, 0.8, 0.9, 0.97):
        wanted = cumulative[int(shell * 100_000)].item()
        assert (radius < shell).double().mean().item() == pytest.approx(wanted, abs=0.012)


def test_grids_in_a_shape_are_regular_and_even() -> None:
    disc = Disc((0, 0), 1)
    points = disc.interior(400, "grid")
    assert len(torch.unique(points[:, 0])) == len(torch.unique(points[:, 1]))
    assert points.mean(dim=0).abs().max() < 0.05
    with pytest.raises(ValueError, match=r"81 would do|100 would do"):
        Rectangle(x=(0, 1), y=(0, 1)).interior(90, "grid")


def test_a_thin_shape_is_filled() -> None:
    ring = Ellipse((0, 0), (1, 1)) - Disc((0, 0), 0.999)
    points = ring.interior(50)
    assert len(points) == 50 and (points.square().sum(dim=1).sqrt() >= 0.999 - 1e-12).all()
