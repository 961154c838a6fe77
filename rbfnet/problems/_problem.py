"""Problem: a domain, conditions, and, where one exists, a reference."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.domains import Domain, Sites
from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.given import call, one_each
from rbfnet.initialised import Initialised
from rbfnet.memory import require_memory
from rbfnet.nn import Embedding, RBFNetwork, Wrapper
from rbfnet.operators import Field, Operator
from rbfnet.problems.conditions import INSIDE, Bound, Condition, Sample, hard_ansatz, on_parts, sampled
from rbfnet.problems.unknowns import Unknown, UnknownField


@dataclass(frozen=True)
class Reference:
    """Points (N, D) and reference values (N, O) for measuring errors.

    Example:
        >>> from rbfnet.problems import Poisson
        >>> reference = Poisson().test_set()
        >>> reference.x.shape, reference.y.shape
        (torch.Size([10000, 2]), torch.Size([10000, 1]))
    """

    x: Float[Tensor, "N D"]
    y: Float[Tensor, "N O"]


@dataclass(frozen=True)
class Units:
    """Shift and scale that take inputs (D,) and outputs (O,) from the user's units to order one.

    Example:
        >>> import torch
        >>> from rbfnet.problems import DataProblem
        >>> units = DataProblem(torch.tensor([[0.0], [10.0]]), torch.tensor([[5.0], [7.0]]), ["x"]).units()
        >>> units.output_shift.tolist()
        [6.0]
    """

    input_shift: Tensor
    input_scale: Tensor
    output_shift: Tensor
    output_scale: Tensor


class Problem(nn.Module, Initialised, ABC):
    """A problem to be solved. Subclasses define ``domain`` and ``conditions``, and ``exact`` if the solution is known::

        class Poisson(rbfnet.Problem):
            domain = Rectangle(x=(0, 1), y=(0, 1))
            def conditions(self):
                yield Interior(lambda u: u.laplacian() + 2 * pi**2 * sin(pi * u.x) * sin(pi * u.y))
                yield Dirichlet(0.0)
            def exact(self, x, y):
                return sin(pi * x) * sin(pi * y)

    It is a module, so that unknown coefficients can be its parts: :class:`Unknown` and :class:`UnknownField`.

    Args:
        num_interior: collocation points of each equation inside the domain. None: 2.25 for each centre of the network, shared by
            volume where an equation holds in a part of the domain.
        num_boundary: collocation points of each condition on the boundary. None: 1.67 times as dense as inside, a condition on a
            part having its share by size; on the unit square 200 for 400 centres. They are not more than inside, and each part
            has 3. A start of time, or an end of a period, counts as a part.
        sampler: ``"halton"``, ``"random"`` or ``"grid"``.

    Attributes:
        domain: the Domain.
        outputs: a name for each output.
        num_centers: what numbers of points that are not given follow, see :meth:`follow`.
        measured_in: the units of coordinates and outputs, for the axes of figures: ``{"x": "m", "u": "K"}``.
        enrichment: functions (B, D) -> (B, T) that are added to the basis, where the form of a singularity is known
            (:class:`rbfnet.nn.Enriched`).
        exact: a function of the coordinates, in their order, that returns (N,), or a tuple of them for several outputs;
            None where the solution is not known, NaN where an output does not live (it has equations elsewhere only).

    Raises:
        InputError: a number of points below 1.
    """

    _needed = ("_parameters", "num_interior")
    domain: Domain
    outputs: tuple[str, ...] = ("u",)
    measured_in: Mapping[str, str] = MappingProxyType({})
    enrichment: Sequence[Callable[[Tensor], Tensor]] = ()
    exact: Callable[..., Tensor | tuple[Tensor, ...]] | None = None

    def __init__(self, *, num_interior: int | None = None, num_boundary: int | None = None, sampler: str = "halton") -> None:
        super().__init__()
        for name, n in (("num_interior", num_interior), ("num_boundary", num_boundary)):
            if n is not None:
                positive(name, n, whole=True, most=MOST_POINTS)
                require_memory(name, n)
        self.given_interior, self.given_boundary, self.sampler = num_interior, num_boundary, sampler
        self.follow(400)

    def follow(self, num_centers: int, in_space: bool = False) -> None:
        """Let the numbers of points that were not given follow those of a network: done for each run, before points are drawn.

        Args:
            num_centers: how many centres the network has, or is to have.
            in_space: they lie in space alone, and what they do in time is not known by points.
        """
        self.num_centers, self.in_space = num_centers, in_space

    @property
    def num_interior(self) -> int:
        """Points inside the domain, as given or as they follow the centres."""
        return math.ceil(INSIDE * self.num_centers) if self.given_interior is None else self.given_interior

    @num_interior.setter
    def num_interior(self, n: int | None) -> None:
        self.given_interior = n

    @property
    def num_boundary(self) -> int:
        """Points on the boundary, as given or as they follow the centres."""
        return on_parts(self, None, "")

    @num_boundary.setter
    def num_boundary(self, n: int | None) -> None:
        self.given_boundary = n

    @abstractmethod
    def conditions(self) -> Iterable[Condition]:
        """The conditions, each with a unique name."""

    def ansatz(self, network: RBFNetwork | Wrapper) -> RBFNetwork | Wrapper:
        """The model that is trained: the network, or one wrapped around it that satisfies conditions by construction.

        By default it satisfies those that are ``hard``. A subclass may return any :class:`rbfnet.nn.Wrapper` of the network
        instead, :class:`rbfnet.nn.Ansatz` among them, and leave those conditions away.

        ``rbfnet.load`` makes the problem of the run again to call it, and restores its parameters.

        Raises:
            InputError: hard conditions that have no such form.
        """
        return hard_ansatz(self, network, self._all_conditions().values())

    def named_conditions(self) -> dict[str, Condition]:
        """The conditions that the solver imposes, by name; hard ones are not among them.

        Raises:
            InputError: none at all, or two of the same name.
        """
        found = {name: condition for name, condition in self._all_conditions().items() if not condition.hard}
        if not found:
            raise InputError(f"{type(self).__name__} has no conditions; yield at least one that is not hard.")
        return found

    def _all_conditions(self) -> dict[str, Condition]:
        found: dict[str, Condition] = {}
        self.require_domain()
        # A list is as good as a method that yields.
        yielded: object = self.conditions() if callable(self.conditions) else self.conditions
        for condition in yielded if isinstance(yielded, Iterable) else [yielded]:
            if not isinstance(condition, Condition):
                raise InputError(f"`conditions` of {type(self).__name__} must yield conditions, but gave {condition!r}.")
            if condition.name in found:
                raise InputError(f"Two conditions are called {condition.name!r}; give them different names.")
            found[condition.name] = condition
        return found

    def require_domain(self) -> None:
        """Raise InputError where there is no domain, or something else in its place, or outputs have no names."""
        if not isinstance(domain := getattr(self, "domain", None), Domain):
            has = "has no domain" if domain is None else f"has {domain!r} as its domain"
            raise InputError(f"{type(self).__name__} {has}; set `domain` to one of rbfnet.domains.")
        if not isinstance(self.outputs, (tuple, list)) or not all(isinstance(name, str) for name in self.outputs):
            raise InputError(f"`outputs` of {type(self).__name__} must be names, as in ('u', 'v'), but got {self.outputs!r}.")

    def sample(self) -> dict[str, Sample]:
        """The points of each condition that the solver imposes, with normals, weights and data."""
        return {name: sampled(condition, self) for name, condition in self.named_conditions().items()}

    def fields(
        self, models: Sequence[Callable[[Tensor], Tensor]], sample: Sample, ahead: Sequence[Iterable[Operator]] | None = None
    ) -> tuple[Field, ...]:
        """A field at each site of a sample, from a model for each of them, with the operators known to be needed there.

        Its Laplacians are along the coordinates of space, in a :class:`rbfnet.domains.SpaceTime` all but the time.
        """
        known = ahead or [()] * len(sample.sites)
        return tuple(
            Field(model, x, self.domain.coords, self.outputs, ops, sample.normal, self.domain.space_coords)
            for model, x, ops in zip(models, sample.sites, known, strict=True)
        )

    def unknowns(self) -> dict[str, Unknown | UnknownField]:
        """The unknown coefficients by name."""
        return {name: part for name, part in self.named_modules() if isinstance(part, (Unknown, UnknownField))}

    def support(self) -> Float[Tensor, "N D"]:
        """Points whose bounding box the centres fill: the corners of the domain's bounding box."""
        return self.domain.box

    def sites(self) -> Sites | None:
        """The sites of the data, for networks that interpolate; None for a problem without data."""
        return None

    def row_weights(self) -> Float[Tensor, " N"] | None:
        """The inverse variance of each row of the data, up to a factor; None if all are equal."""
        return None

    def bounds(self) -> Sequence[Bound]:
        """Inequalities that a fit to data satisfies."""
        return ()

    def region(self) -> Float[Tensor, "2 D"]:
        """The corners of the box in which these hold."""
        return self.domain.box

    def remarks(self) -> list[str]:
        """Sentences about the given data, for the summary."""
        return []

    def units(self) -> Units | None:
        """The scaling of inputs and outputs in the model; None for no scaling."""
        return None

    def embedding(self, dtype: torch.dtype = torch.float64) -> Embedding | None:
        """Where inputs live on circles or a sphere; None for no such inputs. ``units`` are then those of its coordinates.

        Args:
            dtype: that of the model, in which periods are saved.
        """
        return None

    def validation_set(self) -> Reference | None:
        """A small reference for the training log."""
        return self.exact_at(self.domain.scattered(400))

    def test_set(self) -> Reference | None:
        """The reference for the final errors: 10,000 evenly scattered points, the same in every run."""
        return self.exact_at(self.domain.scattered(10_000))

    def exact_at(self, x: Float[Tensor, "N D"]) -> Reference | None:
        """The exact solution at points; None if it is not known.

        Raises:
            InputError: ``exact`` is no function, or does not return one (N,) for each output.
        """
        if self.exact is None:
            return None
        if not callable(self.exact):
            raise InputError(
                f"`exact` must be a function of the coordinates {', '.join(self.domain.coords)}, but got {self.exact!r}."
            )
        must = f"`exact` must return one (N,) for each of the outputs {', '.join(self.outputs)}"
        # Copies, which it may change in place.
        values = call(self.exact, f"`exact` of {type(self).__name__}", *[column.clone() for column in x.unbind(dim=1)])
        given = values if isinstance(values, tuple) else (values,)
        if len(given) != len(self.outputs):
            raise InputError(f"{must}, but it returned {len(given)}.")
        columns = [torch.as_tensor(one_each(column, x[:, 0], must)) for column in given]
        return Reference(x, torch.stack([column.to(x).expand(len(x)) for column in columns], dim=1))
