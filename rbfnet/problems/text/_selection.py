"""Where something holds, as text: ``x <= 0.5``, ``0 < x < 1 and not (y > 0.5 or t == 0)``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.grammar import ExpressionError, Token
from rbfnet.problems.text._expression import COMPARISONS, Expression, Node, Parameter, Read, of_tensors, value_of
from rbfnet.problems.text._parser import Parser

ROUNDING = 1e-9
"""Relative tolerance for equality."""


def _equal(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs() <= ROUNDING * (a.abs() + b.abs() + 1)


SELECTING: dict[str, Callable[..., Tensor]] = {**COMPARISONS, "==": _equal, "!=": lambda a, b: ~_equal(a, b)}


def parse_selection(text: str, coords: Sequence[str], parameters: Mapping[str, Parameter] | None = None) -> Expression:
    """Read a comparison of the coordinates, or several joined by ``and``, ``or`` and ``not``: 1 where it holds, else 0.

    ``==`` and ``!=`` compare up to rounding, as points of a boundary need it.

    Args:
        text: at most 2000 characters.
        coords: the names of the coordinates, in their order.
        parameters: further names, each a number or a function without arguments that gives one.

    Raises:
        ExpressionError: a text that cannot be read, with the place.
    """
    if not isinstance(text, str):
        raise InputError(f"`where` must be a string such as 'x < 0.5', but got {text!r}.")
    return _Selector(text, tuple(coords), tuple(coords), (), dict(parameters or {})).selection()


class _Selector(Parser):
    """either, both, negated, compared: each method takes what belongs to it, and sums are those of any equation."""

    def selection(self) -> Expression:
        node = self.either()
        if self.next.kind:
            raise self.misplaced(self.next)
        return Expression(self.text, self.coords, (), node)

    def either(self) -> Node:
        return self.joined("or", self.both, torch.any)

    def both(self) -> Node:
        return self.joined("and", self.negated, torch.all)

    def joined(self, word: str, part: Callable[[], Node], f: Callable[..., Tensor]) -> Node:
        """a or b or c ...; side by side, so that a long list is not a deep one."""
        nodes = [part()]
        while self.next.text == word:
            self.take()
            nodes.append(part())
        return nodes[0] if len(nodes) == 1 else lambda read: f(_stacked([value_of(node, read) for node in nodes]), dim=0)

    def negated(self) -> Node:
        """A comparison, or a part in parentheses, with or without ``not`` before it."""
        self.deeper()
        token = self.next
        if token.text == "not":
            self.take()
            inner = self.negated()
            node: Node = lambda read: ~torch.as_tensor(value_of(inner, read))  # noqa: E731
        elif token.text == "(" and self.encloses_comparison():
            self.take()
            node = self.either()
            self.close(token)
        else:
            node = self.compared()
        self.depth -= 1
        return node

    def compared(self) -> Node:
        """a < b, or a < b <= c, which means both."""
        sides, signs = [self.sum()], []
        while self.next.text in SELECTING:
            signs.append(SELECTING[self.take().text])
            sides.append(self.sum())
        if not signs:
            raise self.error("A comparison is expected here, as in x < 0.5; combine several by and, or and not.", self.next)

        def evaluate(read: Read) -> Tensor:
            values = [value_of(side, read) for side in sides]
            found = [of_tensors(sign)(*pair) for sign, pair in zip(signs, itertools.pairwise(values), strict=True)]
            return _stacked(found).all(dim=0)

        return evaluate

    def misplaced(self, token: Token) -> ExpressionError:
        if token.text in SELECTING:
            return self.error("A comparison is true or false, not a number; combine several by and, or and not.", token)
        return super().misplaced(token)

    def encloses_comparison(self) -> bool:
        """Whether the parenthesis that comes next holds a comparison that is no argument of a function."""
        of_functions: list[bool] = []
        for place in range(self.place, len(self.tokens)):
            text = self.tokens[place].text
            if text == "(":
                of_functions.append(place > self.place and self.tokens[place - 1].kind == "name" and not self.joins(place - 1))
            elif text == ")":
                of_functions.pop()
                if not of_functions:
                    return False
            elif (text in SELECTING or self.joins(place)) and not any(of_functions):
                return True
        return False

    def joins(self, place: int) -> bool:
        return self.tokens[place].text in ("and", "or", "not")


def _stacked(values: Sequence[Any]) -> Tensor:
    """One row each."""
    return torch.stack(torch.broadcast_tensors(*values))
