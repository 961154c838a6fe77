"""The lid-driven cavity."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from rbfnet.domains import Rectangle
from rbfnet.problems._problem import Problem, Reference
from rbfnet.problems.conditions import Condition, Dirichlet, Interior, Mean
from rbfnet.problems.zoo import references
from rbfnet.problems.zoo._navier_stokes import steady_navier_stokes

REYNOLDS = 100.0


class Cavity(Problem):
    """Steady flow in the unit square at Re = 100, driven by its lid: u = 1 on y = 1, u = 0 elsewhere, v = 0, the mean of p zero.

    Not linear, and singular in the corners below the lid, where u jumps. u and v are measured on the two centrelines, against
    :func:`rbfnet.problems.zoo.references.lid_driven_cavity`, which is good to 3e-5 there; p has no reference.

    Source: Ghia, Ghia and Shin, J. Comput. Phys. 48 (1982).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> from rbfnet.problems import Cavity
        >>> Cavity().outputs
        ('u', 'v', 'p')
    """

    domain = Rectangle(x=(0, 1), y=(0, 1))
    outputs = ("u", "v", "p")

    def __init__(self, num_interior: int = 2000, num_boundary: int = 400, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda f: steady_navier_stokes(f, REYNOLDS))
        yield Dirichlet(lambda x, y: (y == 1).to(y), output="u")
        yield Dirichlet(0.0, output="v")
        yield Mean(0.0, of=lambda f: f["p"].value)

    def validation_set(self) -> Reference:
        return self._centerlines(every=8)

    def test_set(self) -> Reference:
        return self._centerlines(every=1)

    def _centerlines(self, every: int) -> Reference:
        flow = {name: torch.from_numpy(values) for name, values in references.lid_driven_cavity().items()}
        s = flow["x"]
        middle = len(s) // 2
        half = torch.full_like(s, 0.5)
        upright, level = torch.stack([half, s], dim=1), torch.stack([s, half], dim=1)
        u, v = (torch.cat([flow[name][:, middle], flow[name][middle]]) for name in ("u", "v"))
        known = torch.stack([u, v, torch.full_like(u, torch.nan)], dim=1)
        return Reference(torch.cat([upright, level])[::every], known[::every])
