"""Default numbers of points of conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbfnet.domains import Domain, PointCloud
from rbfnet.errors import MOST_POINTS, positive
from rbfnet.memory import require_memory
from rbfnet.problems.conditions._placement import Part

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem

INSIDE = 2.25
"""Points in the domain for each centre: 900 for 400."""

DENSER = 1.67
"""How many times as dense, along a boundary, points are as inside: 200 on the boundary of a square for 900 in it."""

IN_CELL = 100
"""Points in a part of the domain of a fit to data, such as a cell over which a mean was measured."""

FEWEST = 3
"""On a part of a boundary, however small, that is no point itself."""


def inside(problem: Problem, points: int | None, name: str, part: Domain | None = None) -> int:
    """Points in the domain, or in a domain within it: its share by volume."""
    if points is not None:
        return _whole(points, name)
    n = problem.num_interior
    if isinstance(problem.domain, PointCloud):
        # It has no volume for a share of it.
        return IN_CELL if part is not None and problem.given_interior is None else n
    if part is None or problem.given_interior is not None:
        return n
    return max(FEWEST, round(n * part.volume / problem.domain.volume))


def on_parts(problem: Problem, points: int | None, name: str, part: Part | None = None, of: Domain | None = None) -> int:
    """Points on the boundary of the domain or of one ``of`` within it, or on a part of that: its share by size."""
    if points is not None:
        return _whole(points, name)
    if problem.given_boundary is not None:
        return problem.given_boundary
    dims = len(problem.domain.coords)
    if dims == 1:
        return 1
    whole = _spaced(problem) * _size(problem, problem.domain, None)
    own = _spaced(problem) * _size(problem, of or problem.domain, part)
    return max(FEWEST, round(own * min(1.0, problem.num_interior / whole)))


def across(problem: Problem, points: int | None, name: str) -> int:
    """Points on a section of the whole domain, such as the start of time."""
    if points is not None:
        return _whole(points, name)
    if problem.given_boundary is not None:
        return problem.given_boundary
    if len(problem.domain.coords) == 1:
        return 1
    if problem.in_space:
        return problem.num_interior
    return max(FEWEST, round(_spaced(problem) * _filled(problem.domain)))


def _whole(points: int, name: str) -> int:
    what = f"The number of points of condition {name!r}"
    require_memory(what, number := positive(what, points, whole=True, most=MOST_POINTS))
    return int(number)


def _spaced(problem: Problem) -> float:
    """Points on a face of the bounding box, where points are as dense as on a boundary."""
    domain = problem.domain
    # Where centres lie in space alone, points at all times are as many as they are different in space; ends of a line are two.
    dims = len(domain.space_coords) if problem.in_space and len(domain.space_coords) > 1 else len(domain.coords)
    return DENSER * (problem.num_interior / _filled(domain)) ** ((dims - 1) / dims)


def _filled(domain: Domain) -> float:
    """Which part of its bounding box a domain fills."""
    if isinstance(domain, PointCloud):
        return 1.0
    return domain.volume / float((domain.box[1] - domain.box[0]).prod())


def _size(problem: Problem, domain: Domain, part: Part | None) -> float:
    """The size of a part of a boundary, where the problem's bounding box is a unit cube, so that units do not matter."""
    return domain.boundary_measure(part, problem.domain.box[1] - problem.domain.box[0])
