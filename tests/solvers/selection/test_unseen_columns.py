from __future__ import annotations

import pytest
import torch

from rbfnet.nn import Ansatz, CoordinateMap, Normalized, Periodic, RBFNetwork
from rbfnet.problems import FourDisks, Poisson, Sample
from rbfnet.solvers.selection._unseen_columns import FAINT, unseen

DOUBLE = torch.float64
BOX = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=DOUBLE)


def network(epsilon: object, **options: object) -> RBFNetwork:
    return RBFNetwork(2, 1, 60, points=BOX, epsilon=epsilon, dtype=DOUBLE, **options)  # type: ignore[arg-type]


def sample(n: int = 200) -> Sample:
    return Sample((torch.rand(n, 2, dtype=DOUBLE),))


@pytest.mark.parametrize("metric", ["isotropic", "diagonal"])
@pytest.mark.parametrize("epsilon", [3.0, 20.0, 60.0, 300.0])
def test_it_is_what_counting_the_points_gives(epsilon: float, metric: str) -> None:
    used, others = sample(), sample(4000)
    model = network(torch.tensor([epsilon, 3.0], dtype=DOUBLE) if metric == "diagonal" else epsilon, metric=metric, margin=0.0)
    with torch.no_grad():
        here, elsewhere = model.layer(used.sites[0]), torch.cat([model.layer(others.sites[0]), model.layer(model.centers)])
        counted = (here > FAINT * torch.maximum(elsewhere.amax(dim=0), here.amax(dim=0))).sum(dim=0) < 3
    found = unseen(model, Poisson(), [used], [others])
    assert torch.equal(found, counted)
    assert found.any() == ((epsilon > 3.0 and metric == "isotropic") or epsilon > 20.0)


def test_wide_kernels_are_seen_from_far() -> None:
    assert not unseen(network(1.0, margin=0.5), Poisson(), [sample()]).any()


def test_centres_in_holes_are_seen_from_the_edge() -> None:
    """Their kernels are nowhere in the domain larger than at its boundary, where the points are."""
    problem = FourDisks(num_interior=900, num_boundary=900)
    centers = torch.tensor([[0.3, 0.3], [0.29, -0.3], [-0.31, 0.3]], dtype=DOUBLE)
    model = RBFNetwork(2, 1, 3, centers=centers, epsilon=40.0, dtype=DOUBLE)
    assert not unseen(model, problem, problem.sample().values()).any()


def test_wrappers_are_looked_into() -> None:
    narrow = network(300.0)
    used = [sample()]
    assert torch.equal(unseen(Ansatz(narrow, lambda x: x[:, 0]), Poisson(), used), unseen(narrow, Poisson(), used))
    around = torch.linspace(0, 6, 20, dtype=DOUBLE)
    centers = torch.stack([torch.cos(around), torch.sin(around), torch.rand(20, dtype=DOUBLE)], dim=1)
    for epsilon, faint in ((500.0, 20), (1.0, 0)):
        inner = RBFNetwork(3, 1, 20, centers=centers, epsilon=epsilon, dtype=DOUBLE)
        assert unseen(CoordinateMap(inner, Periodic([1.0, None])), Poisson(), used).sum() == faint


def test_normalised_basis_functions_are_never_faint() -> None:
    assert not unseen(Normalized(network(300.0, degree=-1)), Poisson(), [sample()]).any()
