"""A solution on a grid over some of its coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rbfnet.errors import InputError, number, one_of, unknown
from rbfnet.training import Solution


@dataclass(frozen=True)
class Section:
    """A grid over some coordinates of a solution, where the others are held.

    Attributes:
        solution: the solution.
        axes: the places along each coordinate of the grid.
        held: the value of every other coordinate.
    """

    solution: Solution
    axes: dict[str, np.ndarray]
    held: dict[str, float]

    @classmethod
    def of(cls, solution: Solution, names: Sequence[str], steps: int, at: Mapping[str, float] | None = None) -> Section:
        """``steps`` places along each of ``names``, over the bounding box; the others at ``at``, or else in its middle.

        Raises:
            InputError: ``at`` has a coordinate that the solution lacks or the grid has, or a value that is not a finite number.
        """
        coords = solution.names.coords
        low, high = (end.tolist() for end in solution.problem.domain.box)
        box = dict(zip(coords, zip(low, high, strict=True), strict=True))
        for name in names:
            one_of("coordinate", name, coords)
        rest = [name for name in coords if name not in names]
        for name, value in (at or {}).items():
            if name not in rest:
                raise unknown("coordinate to hold", name, rest)
            if (given := number(value)) is None or not np.isfinite(given):
                raise InputError(f"at[{name!r}] must be a finite number, but got {value!r}.")
        held = {name: float((at or {}).get(name, sum(box[name]) / 2)) for name in rest}
        return cls(solution, {name: np.linspace(*box[name], steps) for name in names}, held)

    def points(self, moved: Mapping[str, float] | None = None) -> np.ndarray:
        """The points (N, D), the last coordinate of the grid fastest, with some of the held coordinates elsewhere."""
        grid = dict(zip(self.axes, np.meshgrid(*self.axes.values(), indexing="ij"), strict=True))
        held = self.held | dict(moved or {})
        shape = next(iter(grid.values())).shape
        columns = [grid[name] if name in grid else np.full(shape, held[name]) for name in self.solution.names.coords]
        return np.stack(columns, axis=-1).reshape(-1, len(columns))

    def values(self, what: str, inside: bool = True, moved: Mapping[str, float] | None = None) -> np.ndarray:
        """An output or expression on the grid, one dimension for each coordinate.

        Args:
            what: in the syntax of :meth:`rbfnet.Solution.predict`.
            inside: NaN outside the domain, unless the whole section lies outside.
            moved: values of held coordinates, in place of those that are held.
        """
        x = self.points(moved)
        found = np.asarray(self.solution.predict(x, what, progress=False), dtype=float)
        if inside and (within := self.solution.problem.domain.contains(torch.from_numpy(x)).numpy()).any():
            found = np.where(within, found, np.nan)
        return found.reshape([len(places) for places in self.axes.values()])

    def title(self) -> str:
        """The coordinates that are held, as in ``y = 0.5, z = 1``."""
        return ", ".join(f"{name} = {value:.4g}" for name, value in self.held.items())
