"""Operators by the names of their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rbfnet.errors import InputError
from rbfnet.operators import Operator, default_coords


def named_operators(operators: Mapping[str, Operator] | None, coords: Sequence[str] | None, dims: int) -> dict[str, Operator]:
    """``operators`` over the indices of ``dims`` coordinates; the value alone, as ``"u"``, if None.

    Raises:
        InputError: no operators, something else than operators, an unknown coordinate, or another number of coordinates.
    """
    chosen = {"u": Operator.identity()} if operators is None else operators
    if not isinstance(chosen, Mapping) or not chosen or not all(isinstance(op, Operator) for op in chosen.values()):
        raise InputError(f"At least one operator is needed, as in {{'u': Operator.identity()}}, but got {operators!r}.")
    names = default_coords(dims) if coords is None else tuple(coords)
    if len(names) != dims:
        raise InputError(f"The model has {dims} inputs, but {len(names)} coordinates are named: {', '.join(names)}.")
    return {name: op.bind(names) for name, op in chosen.items()}
