"""The names of a model's coordinates and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rbfnet.operators import default_coords
from rbfnet.problems import DataProblem, Problem


@dataclass(frozen=True)
class ColumnNames:
    """The names of the columns of a model.

    Attributes:
        coords, outputs: the name of each.
        space: the coordinates of a Laplacian that names none.
        is_complex: whether the second half of the outputs are the imaginary parts of the first half.
    """

    coords: tuple[str, ...]
    outputs: tuple[str, ...]
    space: tuple[str, ...]
    is_complex: bool = False

    @classmethod
    def of(cls, problem: Problem) -> ColumnNames:
        """The names of a problem's columns."""
        domain = problem.domain
        is_complex = isinstance(problem, DataProblem) and problem.is_complex
        return cls(tuple(domain.coords), tuple(problem.outputs), tuple(domain.space_coords), is_complex)

    @classmethod
    def read(cls, summary: Mapping[str, Any], dims: int, outputs: int) -> ColumnNames | None:
        """The names in a summary; None if it has none that fit the model."""
        found = summary.get("columns")
        if not isinstance(found, Mapping):
            return None
        given = {key: found.get(key) for key in ("coords", "outputs", "space")}
        if not all(isinstance(part, list) and all(isinstance(name, str) for name in part) for part in given.values()):
            return None
        names = cls(**{key: tuple(part) for key, part in given.items()}, is_complex=found.get("is_complex") is True)  # type: ignore[arg-type]
        unique = all(len(set(part)) == len(part) for part in (names.coords, names.outputs))
        fits = len(names.coords) == dims and len(names.outputs) == outputs and set(names.space) <= set(names.coords)
        return names if unique and fits else None

    @classmethod
    def default(cls, dims: int, outputs: int) -> ColumnNames:
        """Default names: x, y, z and u."""
        coords = default_coords(dims)
        return cls(coords, ("u",) if outputs == 1 else tuple(f"u{o + 1}" for o in range(outputs)), coords)

    def plain(self) -> dict[str, Any]:
        """The names as plain data, for a summary."""
        return {
            "coords": list(self.coords), "outputs": list(self.outputs), "space": list(self.space), "is_complex": self.is_complex,
        }  # fmt: skip

    @property
    def values(self) -> tuple[str, ...]:
        """The names of the values: the outputs, or the complex numbers that pairs of outputs form."""
        if not self.is_complex:
            return self.outputs
        half = self.outputs[: len(self.outputs) // 2]
        return tuple(name.removesuffix("_real") for name in half)

    def identifiers(self) -> tuple[ColumnNames, dict[str, str]]:
        """The columns under names that are valid in an expression, and the mapping for those that differ."""
        written: dict[str, str] = {}
        for kind, names in (("coord", self.coords), ("output", self.outputs)):
            written |= {name: f"{kind}{n}q" for n, name in enumerate(names) if not name.isidentifier()}

        def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(written.get(name, name) for name in names)

        return replace(self, coords=renamed(self.coords), outputs=renamed(self.outputs), space=renamed(self.space)), written
