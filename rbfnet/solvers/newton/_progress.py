"""The progress of Newton's method, as saved in checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor


@dataclass
class SlabSolution:
    """A solution computed in time slabs, for comparison.

    Attributes:
        x, u: points, and its values there. miss: its maximum relative residual.
        weights: the weights before and after, one of which is finally kept.
    """

    x: Tensor
    u: Tensor
    miss: float
    weights: list[Tensor]


@dataclass
class Progress:
    """The state of the method between two steps.

    Attributes:
        damping: lambda, of the trust region. slow: number of consecutive steps that lowered the loss by little.
        stage: of the continuation. steps: so far. first: the loss at the start; None before it is known.
        rounds: number of times points were added. chosen: sentences on the chosen width; None before.
        moving: whether shapes are moved too. went: whether time slabs are not, or no longer, an option.
        course: the slabwise solution. told: sentences for the summary.
        inference: the state of :class:`Inference`, if there is one.
    """

    damping: float = 0.0
    slow: int = 0
    stage: int = 0
    steps: int = 0
    first: float | None = None
    rounds: int = 0
    chosen: list[str] | None = None
    moving: bool = False
    went: bool = False
    course: SlabSolution | None = None
    told: list[str] = field(default_factory=list)
    inference: dict[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """Plain data and tensors, by name."""
        found = dict(vars(self)) | {"course": None if self.course is None else dict(vars(self.course))}
        if self.inference is None:
            del found["inference"]
        return found

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Progress:
        """The inverse of :meth:`plain`; other keys are ignored."""
        known = {part.name: given[part.name] for part in fields(cls) if part.name in given}
        course = known.get("course")
        return cls(**known | {"course": None if course is None else SlabSolution(**course)})
