"""Problem: a domain, conditions, and, where one exists, a reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.domains import Domain
from rbfnet.errors import InputError, positive
from rbfnet.problems._condition import Condition, Sample


@dataclass(frozen=True)
class Reference:
    """Points (N, D) and the true values there (N, O): what errors are measured against."""

    x: Float[Tensor, "N D"]
    y: Float[Tensor, "N O"]


@dataclass(frozen=True)
class Units:
    """Shift and scale that take inputs (D,) and outputs (O,) from the user's units to order one."""

    input_shift: Tensor
    input_scale: Tensor
    output_shift: Tensor
    output_scale: Tensor


class Problem(nn.Module, ABC):
    """What is to be solved. Subclasses give ``domain`` and ``conditions``, and ``exact`` where the solution is known::

        class Poisson(rbfnet.Problem):
            domain = Rectangle(x=(0, 1), y=(0, 1))
            def conditions(self):
                yield Interior(lambda u: u.laplacian() + 2 * pi**2 * sin(pi * u.x) * sin(pi * u.y))
                yield Dirichlet(0.0)
            def exact(self, x, y):
                return sin(pi * x) * sin(pi * y)

    It is a module, so that unknown coefficients can be its parameters.

    Args:
        num_interior: collocation points inside the domain.
        num_boundary: collocation points on the boundary.
        sampler: ``"halton"``, ``"random"`` or ``"grid"``.

    Attributes:
        domain: the Domain.
        outputs: a name for each output.
        exact: a function of the coordinates, in their order, that returns (N,), or a tuple of them for several outputs;
            None where the solution is not known.

    Raises:
        InputError: a number of points below 1.
    """

    domain: Domain
    outputs: tuple[str, ...] = ("u",)
    exact: Callable[..., Tensor | tuple[Tensor, ...]] | None = None

    def __init__(self, *, num_interior: int = 900, num_boundary: int = 200, sampler: str = "halton") -> None:
        super().__init__()
        for name, n in (("num_interior", num_interior), ("num_boundary", num_boundary)):
            positive(name, n, whole=True)
        self.num_interior, self.num_boundary, self.sampler = num_interior, num_boundary, sampler

    @abstractmethod
    def conditions(self) -> Iterable[Condition]:
        """The conditions, each with a name of its own."""

    def named_conditions(self) -> dict[str, Condition]:
        """The conditions by name.

        Raises:
            InputError: none at all, or two of the same name.
        """
        found: dict[str, Condition] = {}
        if not isinstance(getattr(self, "domain", None), Domain):
            raise InputError(f"{type(self).__name__} has no domain; set `domain` to one of rbfnet.domains.")
        yielded = self.conditions()
        for condition in yielded if isinstance(yielded, Iterable) else [yielded]:
            if not isinstance(condition, Condition):
                raise InputError(f"`conditions` of {type(self).__name__} must yield conditions, but gave {condition!r}.")
            if condition.name in found:
                raise InputError(f"Two conditions are called {condition.name!r}; give each a name of its own.")
            found[condition.name] = condition
        if not found:
            raise InputError(f"{type(self).__name__} has no conditions; yield at least one.")
        return found

    def sample(self) -> dict[str, Sample]:
        """Points, and what belongs to them, for each condition."""
        return {name: condition.sample(self) for name, condition in self.named_conditions().items()}

    def support(self) -> Float[Tensor, "N D"]:
        """Points that say where centres belong: the corners of the bounding box."""
        return self.domain.box

    def units(self) -> Units | None:
        """How the model scales inputs and outputs; None leaves them as they are."""
        return None

    def validation_set(self) -> Reference | None:
        """A small reference for the training log."""
        return self._exact_at(self.domain.grid(400))

    def test_set(self) -> Reference | None:
        """The reference the final errors are measured against, dense, and on points of its own."""
        return self._exact_at(self.domain.grid(10_000))

    def _exact_at(self, x: Tensor) -> Reference | None:
        if self.exact is None:
            return None
        values = self.exact(*x.unbind(dim=1))
        columns = values if isinstance(values, tuple) else (values,)
        if len(columns) != len(self.outputs) or any(c.shape != (len(x),) for c in columns):
            shapes = ", ".join(str(tuple(c.shape)) for c in columns)
            raise InputError(
                f"`exact` must return one (N,) for each of the outputs {', '.join(self.outputs)}, here ({len(x)},), "
                f"but it returned {shapes}."
            )
        return Reference(x, torch.stack(columns, dim=1))
