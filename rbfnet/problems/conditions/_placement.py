"""Placement of the points of conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from rbfnet.domains import Domain, SpaceTime
from rbfnet.errors import InputError
from rbfnet.problems.conditions._condition import Sample
from rbfnet.problems.conditions._given_values import FileValue, Value, from_file

Part = str | Callable[[Tensor], Tensor] | Sequence[str | Callable[[Tensor], Tensor]]
"""A part of the boundary: its name in ``domain.parts``, a function of points (B, D) that is true there, (B,), or several."""

ALONG = 4000
"""Number of points used to locate a part of the boundary."""


def on_boundary(domain: Domain, n: int, sampler: str, part: Part | None, normals: bool = True) -> Sample:
    """n points on the boundary or a named part of it, with normals where they are wanted.

    Raises:
        InputError: a part the boundary does not have.
    """
    if part is None and not normals:
        return Sample((domain.boundary(n, sampler),))
    if not normals:
        return Sample((domain.boundary(n, sampler, part=part),))
    x, normal = domain.boundary_with_normals(n, sampler, part=part)
    return Sample((x,), normal=normal)


def lying_on(domain: Domain, x: Float[Tensor, "N D"], part: Part | None, normals: bool = True) -> tuple[Tensor, Sample]:
    """Which of some points lie on the boundary, and these with their normals; of a part, to a thousandth of its length."""
    space = domain.space if isinstance(domain, SpaceTime) else domain
    inside = x[:, : len(space.coords)]
    near = torch.finfo(x.dtype).eps ** 0.5 * (space.box[1] - space.box[0]).max().item()
    rows = domain.contains(x) & ~space.within(inside, -near)
    if part is not None and rows.any():
        drawn = domain.boundary(ALONG, part=part)
        dims = len(domain.coords) - 1
        reach = near if not dims else 2 * (domain.boundary_measure(part) / ALONG) ** (1 / dims)
        rows[rows.clone()] = torch.from_numpy(KDTree(drawn).query(x[rows].detach().cpu())[0] <= reach).to(x.device)
    chosen = x[rows]
    return rows, Sample((chosen,), normal=domain.normals(chosen) if normals and len(chosen) else None)


def with_values(path: FileValue, domain: Domain, output: str, normals: bool = False) -> Sample:
    """The points of a file, and the values there; their normals are the columns normal_x, normal_y, ..."""
    directions = [f"normal_{name}" for name in domain.coords] if normals else []
    x, columns = from_file(path, domain, domain.coords, [output, *directions])
    normal = columns[:, 1:] if normals else None
    if normal is not None and not torch.allclose(normal.norm(dim=1), torch.ones_like(normal[:, 0]), atol=1e-3):
        raise InputError(f"The columns {', '.join(directions)} of {str(path)!r} must hold unit vectors.")
    return Sample((x,), normal=normal, data=(columns[:, 0],))


def is_file(value: Value | FileValue) -> bool:
    """Whether a value is to be read from a file."""
    return isinstance(value, (str, Path))


def at_points(domain: Domain, x: Tensor, name: str) -> Sample:
    """Points made by projection, once they are known to lie in the domain."""
    if not domain.contains(x).all():
        raise InputError(f"Condition {name!r} needs a domain with two matching sides, but got {domain!r}.")
    return Sample((x,))
