"""Parsed expressions: functions of a field or of coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rbfnet.operators import Field, Operator

Read = Callable[[str, Operator | None], Tensor]
"""The values of a coordinate (without an operator) or of an operator on an output, (B,)."""

Node = float | Callable[[Read], Tensor]
"""A part of an expression: a number, or what it is where the names have values."""

Parameter = float | Callable[[], Tensor]
"""A number, or a function without arguments that gives it: the unknowns of inverse problems."""

COMPARISONS = {"<": torch.lt, "<=": torch.le, ">": torch.gt, ">=": torch.ge}
ONE: dict[str, Callable[..., Any]] = {
    "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "sinh": torch.sinh, "cosh": torch.cosh, "tanh": torch.tanh,
    "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "abs": torch.abs, "sign": torch.sign,
}  # fmt: skip
TWO: dict[str, Callable[..., Any]] = {"max": torch.maximum, "min": torch.minimum}
OPERATORS = {
    "d": Operator.d, "lap": Operator.laplacian, "laplacian": Operator.laplacian, "bilap": Operator.biharmonic,
    "biharmonic": Operator.biharmonic,
}  # fmt: skip
FUNCTIONS = (*ONE, *TWO, *OPERATORS, "where")


@dataclass(frozen=True)
class Expression:
    """A text that has been read: a function of a Field, or of the coordinates in their order; (B,) either way.

    Attributes:
        text: as it was given.
        coords: the names of the coordinates.
        operators: what it asks of a field, to be evaluated together (``ahead``).
        node: a number, where the text is no more than that.
    """

    text: str
    coords: tuple[str, ...]
    operators: tuple[Operator, ...]
    node: Node

    def __call__(self, *given: Field | Tensor) -> Tensor:
        field = given[0] if isinstance(given[0], Field) else None
        columns = given[0].points.unbind(dim=1) if isinstance(given[0], Field) else given

        def read(name: str, op: Operator | None) -> Tensor:
            if op is None:
                return columns[self.coords.index(name)]  # type: ignore[return-value]
            assert field is not None  # a text read without outputs has no operators
            return field[name].apply(op)

        like: Any = columns[0]
        return torch.as_tensor(value_of(self.node, read), dtype=like.dtype, device=like.device).expand(like.shape)


def value_of(node: Node, read: Read) -> float | Tensor:
    return node if isinstance(node, float) else node(read)


def parameter(given: Parameter) -> Node:
    return (lambda read: torch.as_tensor(given())) if callable(given) else float(given)


def of_tensors(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of torch that takes numbers too."""

    def apply(*arguments: float | Tensor) -> Tensor:
        like = next((a for a in arguments if isinstance(a, Tensor)), torch.empty((), dtype=torch.float64))
        return f(*[torch.as_tensor(a, dtype=like.dtype, device=like.device) if isinstance(a, float) else a for a in arguments])

    return apply
