"""Problems written as text."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from rbfnet.catalogue import catalogue
from rbfnet.domains import Domain, read_columns
from rbfnet.errors import InputError, number, read_by_yaml, unknown, written
from rbfnet.problems._computed import computed
from rbfnet.problems._problem import Problem, Reference
from rbfnet.problems.conditions import Condition
from rbfnet.problems.text import Expression, Parameter, parse, parse_selection
from rbfnet.tables import FILES

VALIDATION = 400
"""About how many rows of a file the training log is measured on."""

PLACES = {"on", "where"}
"""Arguments that say where a condition holds."""

SIGN = re.compile("[<>]|==|!=")
"""Characters that distinguish a comparison from the name of a boundary part."""

AT_THE_START = {"initial"}
"""Conditions whose functions are of the coordinates of space alone; time is the last coordinate."""


class Equations(Problem):
    """A problem as plain data, with equations, conditions and exact solution as text, for a YAML file without Python. ::

        domain: {_target_: rbfnet.domains.SpaceTime, space: {_target_: rbfnet.domains.Interval, x: [-1, 1]}, t: [0, 1/2]}
        outputs: [u]
        equations: ["u_t + u*u_x = nu*u_xx"]
        conditions: [{initial: "-sin(pi*x)"}, {dirichlet: 0, weight: 10}]
        parameters: {nu: 1/(2*pi)}

    Texts are read by a grammar of their own. There are numbers, ``pi`` and ``e``; ``+ - * /``, ``**`` or ``^``, parentheses;
    coordinates, outputs and parameters by name; derivatives ``u_xxt``, ``d(u, x1, x1)``, ``lap(u)`` and ``bilap(u)`` along the
    coordinates of space, ``lap(u, x, y)``, also written ``laplacian(u)`` and ``biharmonic(u)``; sin, cos, tan, sinh, cosh, tanh,
    exp, log, sqrt, abs, sign, ``max(a, b)``, ``min(a, b)``, ``where(a < b, c, d)``.

    A condition is the name of one of the conditions of this package with its first argument, and further arguments by name:
    ``{dirichlet: x*y, output: u}`` is ``Dirichlet(lambda x, y: x * y, output="u")``. Where a condition takes a number, or a
    function of the coordinates or of the field, a text is read as such. ``on`` takes the name of a part of the boundary, and both
    ``on`` and ``where`` take a comparison, ``x <= 0.5``, ``0 < x < 1 and not (y > 0.5 or x == y)``, or a list for where any of
    them holds. The second condition of a name is called ``dirichlet_2`` unless it has a ``name``.

    Args:
        domain: a Domain.
        equations: texts, to be zero inside the domain, or with an ``=``.
        conditions: what else has to hold, nodes as above or Conditions.
        outputs: a name for each output.
        parameters: further names in the texts: numbers, texts that may use the parameters before them, or functions without
            arguments; a module among these, an unknown number, becomes a part of the problem.
        enrichment: texts of the coordinates, or functions (B, D) -> (B, T) such as :class:`rbfnet.nn.CornerSingularity`, that
            are added to the basis (:class:`rbfnet.nn.Enriched`).
        exact: a text, or one for each output; or a CSV or NPZ file whose columns are the coordinates and outputs; or the name of
            a computed reference with its arguments, ``{reference: burgers_thin}``: a function of
            :mod:`rbfnet.problems.zoo.references` that returns such columns.
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Raises:
        InputError: a text that cannot be read, with the place; an unknown condition, argument or reference; a file without those
            columns.
    """

    def __init__(
        self,
        domain: Domain,
        equations: Sequence[str] | str,
        conditions: Sequence[Mapping[str, Any] | Condition],
        outputs: Sequence[str] = ("u",),
        parameters: Mapping[str, Parameter | str] | None = None,
        exact: Sequence[str] | str | Mapping[str, Any] | None = None,
        enrichment: Sequence[str | Callable[[Tensor], Tensor]] | str | None = None,
        num_interior: int | None = None,
        num_boundary: int | None = None,
        sampler: str = "halton",
    ) -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)
        if not isinstance(domain, Domain):
            way_out = "as in {_target_: rbfnet.domains.Box, x: [0, 1]}"
            raise InputError(f"domain must be one of rbfnet.domains, {way_out}, but got {domain!r}.")
        self.domain, self.outputs = domain, tuple(_listed("outputs", outputs))
        wrong = [name for name in self.outputs if not isinstance(name, str) or not name.isidentifier()]
        if wrong or not self.outputs:
            hint = read_by_yaml(next(iter(wrong), None))
            raise InputError(f"outputs must be names of letters, digits and _, as in [u, v], but got {outputs!r}{hint}.")
        self._numbers = _numbers(parameters or {})
        for name, value in self._numbers.items():
            if isinstance(value, nn.Module):
                if hasattr(self, name):
                    raise InputError(f"{name!r} is already an attribute of a problem; give this unknown parameter another name.")
                self.add_module(name, value)
        residuals = [self._read(text, equation=True) for text in _listed("equations", equations)]
        self._conditions: dict[str, Condition] = {}
        if residuals:
            self._add(*self._condition({"interior": _together(residuals)}))
        for given in _listed("conditions", conditions):
            self._add(*self._condition(given))
        self.enrichment = [self._added(given) for given in _listed("enrichment", enrichment or [])]
        self._table: Reference | None = None
        self._computed = computed(exact, [*domain.coords, *self.outputs]) if isinstance(exact, Mapping) else None
        if isinstance(exact, str) and exact.lower().endswith(FILES):
            self._table = self._rows(read_columns(exact, [*domain.coords, *self.outputs]))
        elif exact is not None and self._computed is None:
            solutions = [self._read(text) for text in _listed("exact", exact)]
            self.exact = _together(solutions)

    def conditions(self) -> Iterable[Condition]:
        return self._conditions.values()

    def validation_set(self) -> Reference | None:
        table = self._tabulated()
        if table is None:
            return super().validation_set()
        every = max(1, len(table.x) // VALIDATION)
        return Reference(table.x[::every], table.y[::every])

    def test_set(self) -> Reference | None:
        """The reference for the final errors; if it is a file or computed, all its rows."""
        table = self._tabulated()
        return super().test_set() if table is None else table

    def _tabulated(self) -> Reference | None:
        """The rows of the reference, computed or read; None if it is an expression, or unknown."""
        if self._table is None and self._computed is not None:
            self._table = self._rows(self._computed())
        return self._table

    def _rows(self, columns: Tensor) -> Reference:
        return Reference(*columns.split([len(self.domain.coords), len(self.outputs)], dim=1))

    def _read(self, text: Any, equation: bool = False) -> Expression:
        text = str(text) if _is_number(text) else text
        outputs = self.outputs if equation else ()
        return parse(text, self.domain.coords, outputs, self._numbers, equation=equation, space=self.domain.space_coords)

    def _added(self, given: Any) -> Callable[[Tensor], Tensor]:
        """A function of points (B, D) that is added to the basis."""
        if not callable(given):
            expression = self._read(given)
            return lambda x: expression(*x.unbind(dim=1)).expand(len(x))
        return cast(Callable[[Tensor], Tensor], given)

    def _add(self, condition: Condition, named: bool) -> None:
        if not named:
            first, count = condition.name, 1
            while condition.name in self._conditions:
                count += 1
                condition.name = f"{first}_{count}"
        if condition.name in self._conditions:
            raise InputError(f"Two conditions are called {condition.name!r}; give them different names.")
        self._conditions[condition.name] = condition

    def _condition(self, given: Mapping[str, Any] | Condition) -> tuple[Condition, bool]:
        """The condition a node stands for, and whether it is given a name."""
        if isinstance(given, Condition):
            return given, True
        known = catalogue("problems", "Condition")
        if not isinstance(given, Mapping) or not given:
            raise InputError(f"A condition must be a node such as {{dirichlet: 0}}, but got {given!r}.")
        kind = next((key for key in given if key in known), None)
        if kind is None:
            raise unknown("condition", next(iter(given)), known)
        # The annotations of our own constructors, in which a name may stand for a union.
        parameters = inspect.signature(known[kind], eval_str=True).parameters
        first = next(iter(parameters))
        names = {key: first if key == kind else written(key, parameters, f"The condition {kind}") for key in given}
        arguments = {names[key]: value for key, value in given.items()}
        for key in arguments:
            if key not in parameters:
                raise unknown(f"argument of the condition {kind} called", key, parameters)
        for name, parameter in parameters.items():
            if parameter.default is parameter.empty and name not in arguments:
                raise InputError(f"The condition {kind} needs the argument {name!r}, which is not given.")
        coords = self.domain.coords[:-1] if kind in AT_THE_START else self.domain.coords
        for key, value in arguments.items():
            if key in PLACES:
                arguments[key] = self._place(key, value)
            else:
                arguments[key] = self._argument(f"{key} of {kind}", value, str(parameters[key].annotation), coords)
        return known[kind](**arguments), "name" in given

    def _place(self, key: str, value: Any) -> Any:
        """A part of the boundary or the domain: comparisons as functions of points or of coordinates, the rest as it is."""
        if isinstance(value, list):
            parts = [self._place(key, part) for part in value]
            return parts if key == "on" or not all(isinstance(part, Expression) for part in parts) else _any(parts)
        name = key == "on" and isinstance(value, str) and (not SIGN.search(value) or value in self.domain.parts)
        if not isinstance(value, str) or name:
            return value
        selection = parse_selection(value, self.domain.coords, self._numbers)
        return selection if key == "where" else lambda points: selection(*points.unbind(dim=1))

    def _argument(self, what: str, value: Any, annotation: str, coords: tuple[str, ...]) -> Any:
        """A text as what the constructor takes: a function of the field or of coordinates, a number, or the text itself."""
        words = set(re.findall(r"\w+", annotation))
        function, number, text = "Callable" in words, "float" in words, "str" in words
        if isinstance(value, list) and value and function and "tuple" in words:
            parts = [self._argument(what, part, annotation.replace("tuple", ""), coords) for part in value]
            return _together(parts) if "Field" in words else tuple(parts)
        if isinstance(value, list) and "Tensor" in words and not function:
            return self._array(what, value)
        if isinstance(value, bool) and text and not number:
            raise InputError(f"{what} must be a string, but got {value!r}{read_by_yaml(value)}.")
        file = text and isinstance(value, str) and value.lower().endswith(FILES)
        if not (function or number) or file or (text and not (function and (number or "Field" in words))):
            return value
        if isinstance(value, str):
            of_field = function and "Field" in words
            outputs, space = self.outputs if of_field else (), self.domain.space_coords
            expression = parse(value, coords, outputs, self._numbers, equation=of_field, space=space)
            if number and isinstance(expression.node, float):
                return expression.node
            if function:
                return expression
        elif value is None or callable(value) or isinstance(value, (Domain, Tensor)) or _is_number(value):
            return value
        raise InputError(f"{what} must be a number{' or a string' if function else ''}, but got {value!r}.")

    def _array(self, what: str, given: list[Any]) -> Tensor:
        """A list of numbers, or of rows of them, some of which may be texts."""

        def number(value: Any) -> Any:
            if isinstance(value, list):
                return [number(part) for part in value]
            return parse(value, (), (), self._numbers).node if isinstance(value, str) else value

        try:
            return torch.tensor(number(given), dtype=torch.float64)
        except (TypeError, ValueError, RuntimeError):
            raise InputError(f"{what} must be a list of numbers or of rows of numbers, but got {given!r}.") from None


def _together(parts: Sequence[Callable[..., Tensor]]) -> Callable[..., Any]:
    """One function for several: it gives a tuple."""
    return parts[0] if len(parts) == 1 else lambda *given: tuple([part(*given) for part in parts])


def _any(parts: Sequence[Expression]) -> Callable[..., Tensor]:
    """True where any of the parts is."""
    return lambda *columns: torch.stack([part(*columns) for part in parts]).any(dim=0)


def _numbers(given: Mapping[str, Parameter | str]) -> dict[str, Parameter]:
    """Parameters by name; a text may use those before it."""
    found: dict[str, Parameter] = {}
    if not isinstance(given, Mapping):
        raise InputError(f"parameters must be numbers by name, as in {{nu: 0.1}}, but got {given!r}.")
    for name, value in given.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise InputError(
                f"The name of a parameter must consist of letters, digits and _, but got {name!r}{read_by_yaml(name)}."
            )
        if isinstance(value, str):
            node = parse(value, (), (), found).node
            # It depends on no coordinate, but perhaps on an unknown parameter.
            found[name] = node if isinstance(node, float) else partial(node, _nothing)
        elif callable(value) or (_is_number(value) and math.isfinite(value)):
            found[name] = value
        else:
            raise InputError(f"The parameter {name} must be a finite number or a string, but got {value!r}.")
    return found


def _nothing(name: str, op: object) -> Tensor:
    raise AssertionError(f"{name} is no parameter")


def _is_number(value: Any) -> bool:
    return number(value) is not None


def _listed(what: str, given: Any) -> list[Any]:
    """What is given as a list, or alone."""
    if isinstance(given, (str, Mapping, Condition)) or _is_number(given):
        return [given]
    if not isinstance(given, Sequence):
        raise InputError(f"{what} must be a list, but got {given!r}.")
    return list(given)
