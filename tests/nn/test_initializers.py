"""Where centres start, and how wide their kernels are."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rbfnet import InputError
from rbfnet.nn import RBFLayer, initializers

BOX = torch.tensor([[-1.0, 10.0], [3.0, 10.5]], dtype=torch.float64)

in_box = pytest.mark.parametrize("fill", initializers.IN_BOX.values(), ids=initializers.IN_BOX)
from_points = pytest.mark.parametrize("choose", initializers.FROM_POINTS.values(), ids=initializers.FROM_POINTS)


def cloud(n: int = 60) -> Tensor:
    """Points with most of them in one corner."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 2, dtype=torch.float64, generator=generator) ** 3 * torch.tensor([2.0, 5.0], dtype=torch.float64)


# -- filling a box -----------------------------------------------------------------------------------------------------


@in_box
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_box_is_filled_with_distinct_points_of_its_dtype(fill: Callable[[Tensor, int], Tensor], dtype: torch.dtype) -> None:
    box = BOX.to(dtype)
    found = fill(box, 16)
    assert found.shape == (16, 2) and found.dtype == dtype
    assert ((found >= box[0]) & (found <= box[1])).all()
    assert len(torch.unique(found, dim=0)) == 16


@pytest.mark.parametrize("name", ["halton", "random", "kmeans", "points"])
def test_what_is_drawn_follows_the_seed_of_pytorch(name: str) -> None:
    def draw(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return initializers.place(name, 9, cloud())

    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))


def test_a_grid_has_the_corners_and_equal_steps() -> None:
    found = initializers.grid(BOX, 9)
    wanted = torch.cartesian_prod(torch.tensor([-1.0, 1.0, 3.0]), torch.tensor([10.0, 10.25, 10.5])).double()
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(initializers.grid(BOX[:, :1], 3), wanted[[0, 3, 6], :1])
    # A single point sits in the middle.
    torch.testing.assert_close(initializers.grid(BOX, 1), BOX.mean(dim=0, keepdim=True))
    assert initializers.grid(torch.tensor([[0.0] * 3, [1.0] * 3]), 64).shape == (64, 3)


@pytest.mark.parametrize(("dims", "n", "near"), [(2, 10, 9), (2, 15, 16), (3, 9, 8), (3, 2, 1)], ids=str)
def test_a_grid_names_the_nearest_number_it_has(dims: int, n: int, near: int) -> None:
    with pytest.raises(InputError, match=rf"dimensions has k\^{dims} points, but {n} were requested; use {near}"):
        initializers.grid(torch.tensor([[0.0] * dims, [1.0] * dims]), n)


def test_halton_is_even() -> None:
    torch.manual_seed(0)
    found = initializers.halton(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), 256)
    counts = torch.histogramdd(found, bins=[4, 4], range=[0.0, 1.0, 0.0, 1.0]).hist
    assert counts.min() >= 12 and counts.max() <= 20


# -- choosing from points ----------------------------------------------------------------------------------------------


@from_points
def test_distinct_centres_are_taken_from_points(choose: Callable[[Tensor, int], Tensor]) -> None:
    torch.manual_seed(0)
    found = choose(cloud(), 12)
    assert found.shape == (12, 2) and found.dtype == torch.float64
    assert len(torch.unique(found, dim=0)) == 12
    assert choose(cloud().float(), 3).dtype == torch.float32


@from_points
def test_more_centres_than_distinct_points_are_refused(choose: Callable[[Tensor, int], Tensor]) -> None:
    doubled = torch.cat([cloud(5), cloud(5)])
    assert len(choose(doubled, 5)) == 5
    with pytest.raises(InputError, match="6 centres cannot be taken from 5 distinct points; use at most 5"):
        choose(doubled, 6)


def test_points_are_kept_in_order_where_all_are_taken_and_drawn_without_repetition_else() -> None:
    given = cloud()
    found = initializers.points(given, len(given))
    assert torch.equal(found, given) and found.data_ptr() != given.data_ptr()
    torch.manual_seed(0)
    some = initializers.points(given, 20)
    assert all((given == row).all(dim=1).any() for row in some)


def test_farthest_points_are_points_and_even_whatever_the_density() -> None:
    given = cloud()
    found = initializers.farthest_point(given, 10)
    assert all((given == row).all(dim=1).any() for row in found)
    # Greedy: no point of the cloud is farther from the chosen ones than these are from each other.
    apart = torch.pdist(found).min()
    covered = (given[:, None] - found).norm(dim=-1).amin(dim=1).max()
    assert covered <= apart
    # By an independent brute force.
    chosen = [int((given - given.mean(dim=0)).norm(dim=1).argmin())]
    for _ in range(9):
        chosen.append(int((given[:, None] - given[chosen]).norm(dim=-1).amin(dim=1).argmax()))
    assert torch.equal(found, given[chosen])


def test_kmeans_finds_the_middle_of_clusters() -> None:
    torch.manual_seed(0)
    middles = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], dtype=torch.float64)
    given = (middles[:, None] + 0.1 * torch.randn(3, 20, 2, dtype=torch.float64)).reshape(-1, 2)
    found = initializers.kmeans(given, 3)
    assert (torch.cdist(middles, found).amin(dim=1) < 0.1).all()


def test_poisson_discs_need_room_on_every_side() -> None:
    with pytest.raises(InputError, match="sides of positive length"):
        initializers.poisson_disc(torch.tensor([[0.0, 1.0], [1.0, 1.0]]), 5)


# -- by name -----------------------------------------------------------------------------------------------------------


@in_box
def test_a_box_is_the_bounding_box_of_the_points_with_a_margin(fill: Callable[[Tensor, int], Tensor]) -> None:
    name = next(n for n, f in initializers.IN_BOX.items() if f is fill)
    given = cloud()
    low, high = given.amin(dim=0), given.amax(dim=0)
    for margin in (0.0, 0.25):
        torch.manual_seed(0)
        found = initializers.place(name, 16, given, margin)
        torch.manual_seed(0)
        wanted = fill(torch.stack([low - margin * (high - low), high + margin * (high - low)]), 16)
        torch.testing.assert_close(found, wanted)


def test_an_unknown_initialiser_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="There is no initialiser of centres 'k-means'; did you mean 'kmeans'"):
        initializers.place("k-means", 3, cloud())


@pytest.mark.parametrize("name", [*initializers.IN_BOX, *initializers.FROM_POINTS])
def test_a_layer_places_its_centres_by_every_name(name: str) -> None:
    torch.manual_seed(0)
    layer = RBFLayer(2, 9, centers=name, points=cloud(), margin=0.0)
    low, high = cloud().float().amin(dim=0), cloud().float().amax(dim=0)
    assert layer.centers.shape == (9, 2) and layer.centers.dtype == torch.float32
    assert ((layer.centers >= low - 1e-6) & (layer.centers <= high + 1e-6)).all()


def test_all_points_are_centres_where_no_number_is_given() -> None:
    assert torch.equal(RBFLayer(2, None, centers="points", points=cloud(), dtype=torch.float64).centers, cloud())


# -- how wide ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_spacing_is_the_mesh_width_of_a_grid(dims: int) -> None:
    box = torch.tensor([[0.0] * dims, [2.0] * dims], dtype=torch.float64)
    found = initializers.spacing(initializers.grid(box, 5**dims))
    middle = 5**dims // 2
    assert found.shape == (5**dims,)
    assert found[middle].item() == pytest.approx(0.5)
    assert (found >= 0.5 - 1e-12).all()


def test_spacing_of_one_centre_is_one_and_coinciding_centres_take_the_least_of_the_others() -> None:
    assert initializers.spacing(torch.rand(1, 2)).tolist() == [1.0]
    # In one dimension the two nearest others count: both of these coincide with the first.
    found = initializers.spacing(torch.tensor([[0.0], [0.0], [0.0], [3.0], [4.0]]))
    torch.testing.assert_close(found, torch.tensor([2.0, 2.0, 2.0, 2.0, 2.5]))
    with pytest.raises(InputError, match="All 3 centres coincide; give distinct ones, or an epsilon"):
        initializers.spacing(torch.zeros(3, 2))


@pytest.mark.parametrize("overlap", [0.5, 1.0, 3.0])
def test_the_automatic_shape_is_the_inverse_of_overlap_times_spacing(overlap: float) -> None:
    centers = cloud(12)
    h = initializers.spacing(centers)
    layer = RBFLayer(2, None, centers=centers, overlap=overlap, dtype=torch.float64)
    assert layer.epsilon.item() == pytest.approx(1.0 / (overlap * h.mean().item()))
    each = RBFLayer(2, None, centers=centers, overlap=overlap, per_center=True, dtype=torch.float64)
    torch.testing.assert_close(each.epsilon.detach(), 1.0 / (overlap * h))


def test_a_given_shape_may_be_spread_over_the_centres() -> None:
    each = RBFLayer(2, 4, epsilon=2.0, per_center=True)
    assert each.epsilon.shape == (4,) and each.metric.raw.is_contiguous()
    torch.testing.assert_close(each.epsilon.detach(), torch.full((4,), 2.0))
    assert math.isclose(RBFLayer(2, 4, epsilon=2.0).epsilon.item(), 2.0, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("dims", "overlap", "margin"), [(1, 3.5, 0.5), (2, 3.5, 0.5), (2, 1.0, 1 / 7), (5, 3.5, 0.15975395538644)]
)
def test_the_automatic_margin_grows_with_the_width_until_a_quarter_is_left_in_the_box(
    dims: int, overlap: float, margin: float
) -> None:
    assert initializers.automatic_margin(dims, overlap) == pytest.approx(margin, rel=1e-12)
    layer = RBFLayer(dims, 2048, centers="sobol", overlap=overlap)
    low, high = layer.centers.detach().aminmax(dim=0)
    torch.testing.assert_close(low, torch.full((dims,), -margin), rtol=0, atol=0.01)
    torch.testing.assert_close(high, torch.full((dims,), 1 + margin), rtol=0, atol=0.01)
    if overlap == 3.5 and dims > 1:
        inside = ((layer.centers > 0) & (layer.centers < 1)).all(dim=1)
        assert float(inside.float().mean()) == pytest.approx(0.25, abs=0.01)
