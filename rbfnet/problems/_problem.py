"""Problem: a domain, conditions, and, where one exists, a reference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.domains import Domain, Sites
from rbfnet.domains._sampling import own_draws
from rbfnet.errors import InputError, positive
from rbfnet.nn import RBFNetwork, Wrapper
from rbfnet.operators import Field, Operator
from rbfnet.problems._condition import Condition, Sample
from rbfnet.problems._hard import hard_ansatz
from rbfnet.problems._unknown import Unknown
from rbfnet.problems._unknown_field import UnknownField


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

    It is a module, so that unknown coefficients can be its parts: :class:`Unknown` and :class:`UnknownField`.

    Args:
        num_interior: collocation points inside the domain.
        num_boundary: collocation points on the boundary.
        sampler: ``"halton"``, ``"random"`` or ``"grid"``.

    Attributes:
        domain: the Domain.
        outputs: a name for each output.
        exact: a function of the coordinates, in their order, that returns (N,), or a tuple of them for several outputs;
            None where the solution is not known, NaN where an output does not live (it has equations elsewhere only).

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

    def ansatz(self, network: RBFNetwork | Wrapper) -> RBFNetwork | Wrapper:
        """The model that is trained: the network, or one wrapped around it that fulfils conditions by its form.

        By itself it fulfils those that are ``hard``. A subclass may return any :class:`rbfnet.nn.Wrapper` of the network
        instead, :class:`rbfnet.nn.Ansatz` among them, and leave those conditions away.

        ``rbfnet.load`` makes the problem of the run again to call it, and restores its parameters.

        Raises:
            InputError: hard conditions that have no such form.
        """
        return hard_ansatz(self, network, self._all_conditions().values())

    def named_conditions(self) -> dict[str, Condition]:
        """The conditions that are to be trained for, by name.

        Raises:
            InputError: none at all, or two of the same name.
        """
        found = {name: condition for name, condition in self._all_conditions().items() if not condition.hard}
        if not found:
            raise InputError(f"{type(self).__name__} has no conditions; yield at least one that is not hard.")
        return found

    def _all_conditions(self) -> dict[str, Condition]:
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
        return found

    def sample(self) -> dict[str, Sample]:
        """Points, and what belongs to them, for each condition that is to be trained for."""
        return {name: condition.sample(self) for name, condition in self.named_conditions().items()}

    def fields(
        self, models: Sequence[Callable[[Tensor], Tensor]], sample: Sample, ahead: Sequence[Iterable[Operator]] | None = None
    ) -> tuple[Field, ...]:
        """A field at each site of a sample, from a model for each of them, with the operators known to be needed there."""
        known = ahead or [()] * len(sample.sites)
        return tuple(
            Field(model, x, self.domain.coords, self.outputs, ops, sample.normal)
            for model, x, ops in zip(models, sample.sites, known, strict=True)
        )

    def unknowns(self) -> dict[str, Unknown | UnknownField]:
        """The unknown coefficients by name."""
        return {name: part for name, part in self.named_modules() if isinstance(part, (Unknown, UnknownField))}

    def support(self) -> Float[Tensor, "N D"]:
        """Points that say where centres belong: the corners of the bounding box."""
        return self.domain.box

    def sites(self) -> Sites | None:
        """Where the rows of its data lie, for networks that interpolate at them; None for a problem without data."""
        return None

    def remarks(self) -> list[str]:
        """What a user should know of the points and values that were given, in sentences for the summary."""
        return []

    def units(self) -> Units | None:
        """How the model scales inputs and outputs; None leaves them as they are."""
        return None

    def validation_set(self) -> Reference | None:
        """A small reference for the training log."""
        return self._exact_at(self._spread(400))

    def test_set(self) -> Reference | None:
        """The reference the final errors are measured against, dense, and on points of its own."""
        return self._exact_at(self._spread(10_000))

    def _spread(self, n: int) -> Tensor:
        """About n points of a grid; above three dimensions, where few fit on a side, n Halton points, the same each time."""
        if len(self.domain.coords) <= 3:
            return self.domain.grid(n)
        with own_draws():
            return self.domain.interior(n)

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
