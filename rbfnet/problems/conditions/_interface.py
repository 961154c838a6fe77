"""Interface conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rbfnet.domains import Domain
from rbfnet.errors import InputError
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, positive_weight
from rbfnet.problems.conditions._given_values import Value, checked, evaluate
from rbfnet.problems.conditions._placement import Part, on_boundary
from rbfnet.problems.conditions._point_counts import on_parts

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


class Interface(Condition):
    """Two outputs coupled on the boundary of a subdomain: u1 - u2 = jump and a1 n . grad u1 - a2 n . grad u2 = flux.

    Each output has its own equation on its own side, ``Interior(..., where=...)``, so that the solution may have a kink or a
    jump in between, which no smooth kernel could follow. The normal n leaves the sub-domain.

    Args:
        outputs: u1, which lives in the sub-domain, and u2.
        where: the sub-domain. The points are those of its boundary that are not on the boundary of the problem's domain.
        jump, flux: numbers or functions of the coordinates; None leaves this equation away.
        coefficients: a1 and a2, numbers or functions of the coordinates.
        on: a part of the boundary of the sub-domain.
        weight, name, points: see :class:`rbfnet.problems.Boundary`.

    Raises:
        InputError: values of another kind, neither jump nor flux; when points are drawn, a sub-domain whose boundary has none
            within the domain.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Disc, Rectangle
        >>> from rbfnet.problems import Dirichlet, Interface, Interior
        >>> plate, inset = Rectangle(x=(0, 4), y=(0, 4)), Disc((2, 2), 1)
        >>> class Inset(rbfnet.Problem):
        ...     domain, outputs = plate, ("u", "v")
        ...     def conditions(self):
        ...         yield Interior(lambda f: f["u"].laplacian(), where=inset, name="inset")
        ...         yield Interior(lambda f: f["v"].laplacian(), where=plate - inset, name="plate")
        ...         yield Dirichlet(lambda x, y: x, output="v")
        ...         yield Interface(("u", "v"), inset, coefficients=(10.0, 1.0))  # the inset conducts ten times as well
        >>> sorted(Inset().named_conditions())
        ['dirichlet_v', 'inset', 'interface', 'plate']
    """

    def __init__(
        self,
        outputs: Sequence[str],
        where: Domain,
        jump: Value | None = 0.0,
        flux: Value | None = 0.0,
        coefficients: tuple[Value, Value] = (1.0, 1.0),
        *,
        on: Part | None = None,
        weight: float = 1.0,
        name: str = "interface",
        points: int | None = None,
    ) -> None:
        if len(outputs) != 2 or isinstance(outputs, str):
            raise InputError(f"Condition {name!r} needs two outputs, but got {outputs!r}.")
        if not isinstance(where, Domain):
            raise InputError(f"Condition {name!r} needs a Domain as `where`, but got {where!r}.")
        if len(coefficients) != 2:
            raise InputError(f"Condition {name!r} needs two coefficients, one per side, but got {coefficients!r}.")
        if jump is None and flux is None:
            raise InputError(f"Condition {name!r} needs a jump or a flux, but both are None.")
        self._jump, self._flux = (None if value is None else checked(value, name) for value in (jump, flux))
        self._outputs, self._where = tuple(outputs), where
        self._coefficients = (checked(coefficients[0], name), checked(coefficients[1], name))
        self._on, self._points = on, points
        self.weight, self.name = positive_weight(weight, name), name

    def sample(self, problem: Problem) -> Sample:
        n = on_parts(problem, self._points, self.name, self._on, of=self._where)
        found = on_boundary(self._where, n, problem.sampler, self._on)
        domain = problem.domain
        x = found.sites[0]
        size = float((domain.box[1] - domain.box[0]).max())
        within = domain.contains(x) & (domain.distance(x).abs() > 1e-9 * size)
        if not within.any():
            raise InputError(f"No point of the boundary of {self._where!r} lies within the domain, for condition {self.name!r}.")
        return found.rows(within)

    def residual(self, u: Field) -> Residual:
        x = u.points.unbind(dim=1)
        first, second = (u[name] for name in self._outputs)
        equations = []
        if self._jump is not None:
            equations.append(first - second - evaluate(self._jump, x, self.name))
        if self._flux is not None:
            a1, a2 = (evaluate(a, x, self.name) for a in self._coefficients)
            equations.append(
                a1 * first.normal_derivative() - a2 * second.normal_derivative() - evaluate(self._flux, x, self.name)
            )
        return tuple(equations)
