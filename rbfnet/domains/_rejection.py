"""Points by rejection: those of a sampler over a box that are accepted, exactly as many as requested."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, one_of
from rbfnet.sampling import IN_BOX

if TYPE_CHECKING:
    from rbfnet.domains._domain import Domain

SAMPLERS = (*IN_BOX, "boundary_refined")
_LIMIT = 2**23

Accept = Callable[[Tensor], Tensor]


def require_sampler(sampler: str) -> None:
    """Refuse an unknown sampler, with the nearest name."""
    one_of("sampler", sampler, SAMPLERS)


def fill(box: Float[Tensor, "2 D"], n: int, sampler: str, accept: Accept) -> Float[Tensor, "n D"]:
    """n points of the box that are accepted: the first of a sequence, or of a grid that has n accepted points at least.

    Raises:
        InputError: fewer than n among eight million.
    """
    if sampler == "grid":
        return _grid(box, n, accept)
    drawn, kept = n, box[:0]
    while drawn <= _LIMIT:
        points = IN_BOX[sampler](box, drawn)
        kept = points[accept(points)]
        if len(kept) >= n:
            return kept[:n]
        # Poisson discs are slow, so few more than needed are drawn of any; a sequence that was unlucky is drawn again, longer.
        drawn = math.ceil(1.05 * drawn * n / len(kept)) + 2 if len(kept) else 16 * drawn
    raise InputError(f"Only {len(kept)} of {n} points were found inside; the domain is empty or nearly so.")


def _grid(box: Tensor, n: int, accept: Accept) -> Tensor:
    """The coarsest grid with n accepted points; of those beyond n, the same share is left out everywhere."""
    dims = box.shape[1]
    side = max(1, round(n ** (1 / dims)))
    while side**dims < n:
        side += 1
    while side**dims <= _LIMIT:
        points = IN_BOX["grid"](box, side**dims)
        kept = points[accept(points)]
        if len(kept) >= n:
            return thin(kept, n)
        side = max(side + 1, int(side * (0.95 * n / max(len(kept), 1)) ** (1 / dims)) if len(kept) else 2 * side)
    raise InputError(f"No grid with {n} points inside was found; use fewer points or sampler='halton'.")


def refined(domain: Domain, n: int) -> Float[Tensor, "n D"]:
    """n points of a domain, denser near its boundary: see :meth:`Domain.interior`."""
    with own_draws():
        deepest = domain.distance(domain.interior(1024)).max()
    # One coordinate more decides which points stay, so that those that stay are still of low discrepancy.
    tall = torch.cat([domain.box, domain.box.new_tensor([[0.0], [1.0]])], dim=1)

    def accept(x: Tensor) -> Tensor:
        return domain.contains(x[:, :-1]) & (x[:, -1] * (1 + 20 * domain.distance(x[:, :-1]) / deepest) < 1)

    return fill(tall, n, "halton", accept)[:, :-1].contiguous()


def up_to_the_ends(domain: Domain, n: int) -> Float[Tensor, "n 1"]:
    """n Halton points on a line, one of them next to each end, a tenth of the mean distance away.

    At the end itself an equation may be singular; farther from it a solution might jump unseen.
    """
    near = domain.box[:0]
    if n >= 4:
        ends, normals = domain.boundary_with_normals(1)
        near = ends - 0.1 * domain.volume / n * normals
        near = near[domain.contains(near)][: n // 2]
    return torch.cat([near, fill(domain.box, n - len(near), "halton", domain.contains)])


def thin(points: Float[Tensor, "N D"], n: int) -> Float[Tensor, "n D"]:
    """n of the N points, at equal steps of their order."""
    return points[steps(len(points), n)]


def steps(count: int, n: int) -> Tensor:
    """n of the numbers 0 ... count - 1, at equal steps."""
    return ((torch.arange(n, dtype=torch.float64) + 0.5) * (count / n)).long()


@contextmanager
def own_draws() -> Iterator[None]:
    """What is drawn inside is the same each time, and leaves PyTorch's seeded generator as it was."""
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(0)
    try:
        yield
    finally:
        torch.set_rng_state(state)
