"""Quantities to evaluate on a solution: operators given as text, by name or as objects."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import POINTS, LocalNetwork
from rbfnet.nn.wrappers import Wrapper, innermost
from rbfnet.operators import Field, LinearModel, Operator, tensors_of
from rbfnet.problems.text import Expression, parse
from rbfnet.progress import Steps
from rbfnet.training._column_names import ColumnNames
from rbfnet.training._model import Network

LOCALLY = 2**18
"""Number of points per block for local interpolants: each block goes through every interpolant near one of its points."""

What = str | Operator | Sequence["str | Operator"] | Mapping[str, "str | Operator"]
"""The quantities to evaluate: one, several, or several with names chosen by the user."""


@dataclass(frozen=True)
class Asked:
    """One column of results: its name, and an operator on one output, or an expression of the field."""

    name: str
    output: str
    of: Operator | Expression


def as_asked(what: What, names: ColumnNames, points: int) -> tuple[list[Asked], bool]:
    """The requested columns, and whether a single one was requested outside a list.

    Raises:
        InputError: a text that cannot be parsed, an operator over other coordinates, or an empty request.
    """
    if isinstance(what, (str, Operator)):
        found = _asked(None, what, names, points)
        return found, len(found) == 1
    if isinstance(what, Mapping):
        pairs: list[tuple[str | None, Any]] = [(str(name), one) for name, one in what.items()]
    elif isinstance(what, Sequence):
        pairs = [(None, one) for one in what]
    else:
        pairs = [(None, what)]
    if not pairs:
        raise InputError("Give at least one quantity, as in predict(points, ['u', 'u_x', 'laplacian(u)']).")
    columns = [column for name, one in pairs for column in _asked(name, one, names, points)]
    told = [column.name for column in columns]
    if twice := next((name for name in told if told.count(name) > 1), None):
        raise InputError(f"{twice!r} is requested twice; give names, as in predict(points, {{'a': ..., 'b': ...}}).")
    return columns, False


def _asked(name: str | None, one: Any, names: ColumnNames, points: int) -> list[Asked]:
    if isinstance(one, str):
        if one in names.outputs:
            return [Asked(name or one, one, Operator.identity())]
        return [Asked(name or one, "", read(one, names))]
    if not isinstance(one, Operator):
        raise InputError(f"A quantity must be a text such as 'u_x' or 'laplacian(u)', or an Operator, but got {one!r}.")
    bound = one.bind(names.coords).over(points, len(names.coords))
    if len(names.outputs) == 1:
        return [Asked(name or str(one), names.outputs[0], bound)]
    return [Asked(f"{name or one}[{output}]", output, bound) for output in names.outputs]


def read(text: str, names: ColumnNames) -> Expression:
    """Parse a text such as ``laplacian(u)`` or ``sqrt(u_x^2 + u_y^2)``, written as in equations; names may have any letters.

    Raises:
        InputError: a text that cannot be parsed; the message shows the position.
    """
    plain, written = names.identifiers()
    # Only names that an expression cannot contain are replaced, longest first: one name may be a prefix of another.
    pattern = "|".join(re.escape(name) for name in sorted(written, key=len, reverse=True))
    hidden = re.sub(pattern, lambda match: written[match[0]], text) if written else text
    try:
        return parse(hidden, plain.coords, plain.outputs, space=plain.space)
    except InputError as error:
        message = str(error)
        for name, alias in written.items():
            message = message.replace(alias, name)
        raise InputError(message) from None


def field_of(model: Callable[[Tensor], Tensor], x: Tensor, names: ColumnNames, ahead: Sequence[Operator] = ()) -> Field:
    """A field with the names of its columns."""
    return Field(model, x, names.coords, names.outputs, ahead, space=names.space)


def _inside(model: Network, x: Float[Tensor, "N D"]) -> Float[Tensor, "N E"]:
    """The points as the network inside of all wrappers gets them."""
    inner: LinearModel = model
    while isinstance(inner, Wrapper):
        x, _ = inner.inner(x, [])
        inner = inner.network
    return x


def values(
    model: Network, x: Float[Tensor, "N D"], asked: Sequence[Asked], names: ColumnNames, progress: bool
) -> Float[Tensor, "N K"]:
    """Evaluate the quantities at any number of points, block by block, so that temporary memory is that of one block."""
    plain, _ = names.identifiers()
    per_point = tensors_of([one.of for one in asked if isinstance(one.of, Operator)])
    results = model.weight.new_empty((len(x), len(asked)))
    places = {output: alias for output, alias in zip(names.outputs, plain.outputs, strict=True)}
    local = innermost(model)
    size = LOCALLY if isinstance(local, LocalNetwork) else POINTS
    if isinstance(local, LocalNetwork) and (far := local.outside(_inside(model, x))):
        warnings.warn(
            f"{far:,} of {len(x):,} points are outside of the nodes, where local interpolants extrapolate.", stacklevel=3
        )
    steps = Steps("points", len(x)) if progress and len(x) > size else None
    done = 0
    try:
        with torch.no_grad():
            for part, *tensors in zip(*(rows.split(size) for rows in (x, *per_point)), strict=True):
                ops = [one.of.substitute(per_point, tensors) if isinstance(one.of, Operator) else one.of for one in asked]
                ahead = [op for of in ops for op in ([of] if isinstance(of, Operator) else of.operators)]
                field = field_of(model, part, plain, ahead)
                for k, (one, of) in enumerate(zip(asked, ops, strict=True)):
                    column = field[places[one.output]].apply(of) if isinstance(of, Operator) else of(field)
                    results[done : done + len(part), k] = column
                done += len(part)
                if steps is not None:
                    steps.at(done)
    finally:
        if steps is not None:
            steps.stop()
    return results
