"""Parser for equations and values as text; no part of a text is executed as Python."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rbfnet.errors import InputError, unknown
from rbfnet.grammar import ARITHMETIC, CONSTANTS, ExpressionError, Grammar, Token
from rbfnet.operators import Operator
from rbfnet.problems.text._expression import (
    COMPARISONS,
    FUNCTIONS,
    ONE,
    OPERATORS,
    TWO,
    Expression,
    Node,
    Parameter,
    Read,
    of_tensors,
    parameter,
    value_of,
)
from rbfnet.problems.text._tilings import readable, tilings

Names = tuple[str, ...]

ORDER = 8
"""The maximum order of a derivative."""


def parse(
    text: str,
    coords: Sequence[str],
    outputs: Sequence[str] = (),
    parameters: Mapping[str, Parameter] | None = None,
    *,
    equation: bool = False,
    space: Sequence[str] | None = None,
) -> Expression:
    """Read a text such as ``u_t + u*u_x = nu*u_xx``, which means the difference of its sides.

    What a text may hold is told at :class:`rbfnet.problems.Equations`.

    Args:
        text: at most 2000 characters.
        coords: the names of the coordinates, in their order.
        outputs: those of the outputs; a value, which depends on the coordinates alone, has none.
        parameters: further names, each a number or a function without arguments that gives one.
        equation: there may be an ``=``.
        space: the coordinates that ``lap`` and ``bilap`` are along where none is named; all of them if None.

    Raises:
        ExpressionError: a text that cannot be read, with the place.
    """
    if not isinstance(text, str):
        raise InputError(f"An equation must be a string, as in 'u_t = u_xx', but got {text!r}.")
    over = tuple(coords if space is None else space)
    return Parser(text, tuple(coords), over, tuple(outputs), dict(parameters or {})).whole(equation)


class Parser(Grammar):
    """The grammar of numbers with names in it, and an equation around it."""

    def __init__(self, text: str, coords: Names, space: Names, outputs: Names, parameters: dict[str, Parameter]) -> None:
        super().__init__(text)
        self.coords, self.space, self.outputs, self.parameters = coords, space, outputs, parameters
        self.operators: dict[Operator, None] = {}

    def misplaced(self, token: Token) -> ExpressionError:
        if token.text in COMPARISONS or token.text == "!=":
            return self.error("A comparison by <, <=, > or >= may only occur in where(...), as in where(x < 0, 1, 2).", token)
        return super().misplaced(token)

    def whole(self, equation: bool) -> Expression:
        node = self.sum()
        if equation and self.next.text == "=":
            sign = self.take()
            node = self.apply(operator.sub, sign, node, self.sum())
        self.end()
        return Expression(self.text, self.coords, tuple(self.operators), node)

    def chain(self, operand: Callable[[], Node], signs: tuple[str, ...]) -> Node:
        """a + b - c ..., from left to right; in a loop, so that a long sum is not a deep one."""
        first = operand()
        rest: list[tuple[Callable[..., Any], Node]] = []
        while self.next.text in signs:
            sign = self.take()
            f, right = ARITHMETIC[sign.text], operand()
            if sign.text == "/" and right == 0.0:
                raise self.error("This divides by zero.", sign)
            if isinstance(first, float) and isinstance(right, float) and not rest:
                first = self.number(f, sign, first, right)
            else:
                rest.append((f, right))

        def evaluate(read: Read) -> Tensor:
            value = value_of(first, read)
            for f, right in rest:
                value = f(value, value_of(right, read))
            return value  # type: ignore[return-value]

        return evaluate if rest else first

    def apply(self, f: Callable[..., Any], token: Token, *arguments: Node) -> Node:
        if all([isinstance(a, float) for a in arguments]):
            return self.number(f, token, *arguments)
        return lambda read: f(*[value_of(a, read) for a in arguments])

    # -- functions and names -------------------------------------------------------------------------------------------

    def call(self, token: Token) -> Node:
        name, opened = token.text, self.take()
        if name in OPERATORS:
            return self.operator(token, opened)
        if name not in FUNCTIONS:
            if name in (*CONSTANTS, *self.coords, *self.outputs, *self.parameters):
                raise self.error(f"{name!r} is not a function; write a product as {name}*(...).", token)
            raise self.error(str(unknown("function", name, FUNCTIONS)), token)
        arguments = [self.sum()]
        f: Callable[..., Any] = {**ONE, **TWO}.get(name, _where)
        if name == "where":
            if (sign := self.take()).text not in COMPARISONS:
                raise self.error("where(...) must begin with a comparison by <, <=, > or >=, as in where(x < 0, 1, 2).", sign)
            arguments.append(self.sum())
            f = partial(_where, COMPARISONS[sign.text])
        while self.next.text == ",":
            self.take()
            arguments.append(self.sum())
        self.close(opened)
        needed = 1 if name in ONE else 2 if name in TWO else 4
        if len(arguments) != needed:
            how = "where(a < b, c, d)" if name == "where" else f"{name}({'a' if needed == 1 else 'a, b'})"
            raise self.error(f"{name!r} has the wrong number of arguments: {how}.", token)
        return self.apply(of_tensors(f), token, *arguments)

    def operator(self, token: Token, opened: Token) -> Node:
        """d(u, x, y), lap(u), bilap(u, x): an output, then coordinates."""
        sentence = f"{token.text}(...) takes an output and coordinates, by name."
        names: list[Token] = []
        while not names or self.next.text == ",":
            if names:
                self.take()
            if self.next.kind != "name":
                raise self.error(sentence, self.next)
            names.append(self.take())
        if self.next.kind and self.next.text != ")":
            raise self.error(sentence, self.next)
        self.close(opened)
        output, *along = names
        if output.text not in self.outputs:
            raise self.error(str(unknown("output", output.text, self.outputs)), output)
        for place, name in enumerate(along):
            if name.text not in self.coords:
                raise self.error(str(unknown("coordinate", name.text, self.coords)), name)
            if token.text != "d" and name.text in [other.text for other in along[:place]]:
                raise self.error(f"The coordinate {name.text!r} is named twice.", name)
        if token.text == "d" and not along:
            raise self.error("d(...) needs the coordinates to differentiate along, as in d(u, x).", token)
        over = [name.text for name in along] or self.space
        return self.channel(token, output.text, OPERATORS[token.text](*over))

    def channel(self, token: Token, output: str, op: Operator) -> Node:
        if op.order > ORDER:
            raise self.error(f"Derivatives go up to order {ORDER}, but this has order {op.order}.", token)
        self.operators[op] = None
        return lambda read: read(output, op)

    def named(self, token: Token) -> Node:
        """A name that can be read in one way."""
        name = token.text
        readings: dict[str, Callable[[], Node]] = {}
        if name in CONSTANTS:
            readings["the number"] = lambda: CONSTANTS[name]
        if name in self.coords:
            readings["the coordinate"] = lambda: lambda read: read(name, None)
        if name in self.outputs:
            readings["the output"] = lambda: self.channel(token, name, Operator.identity())
        if name in self.parameters:
            readings["the parameter"] = lambda: parameter(self.parameters[name])
        bases = [output for output in self.outputs if name.startswith(f"{output}_")]
        for output in bases:
            for along in tilings(name[len(output) + 1 :], self.coords):
                reading = f"d({', '.join([output, *along])})"
                readings[reading] = partial(self.channel, token, output, Operator.d(*along))
        if len(readings) > 1:
            first, second = list(readings)[:2]
            way_out = "write d(...) for a derivative, or give one of them another name"
            raise self.error(f"{name!r} can be read as {first} and as {second}; {way_out}.", token)
        if readings:
            return next(iter(readings.values()))()
        if bases:
            start = len(max(bases, key=len)) + 1
            start += readable(name[start:], self.coords)
            rest = Token("name", name[start:], token.at + start)
            raise self.error(str(unknown("coordinate", rest.text, self.coords)), rest)
        if name in FUNCTIONS:
            raise self.error(f"{name!r} is a function: write {name}(...).", token)
        raise self.error(str(unknown("name", name, (*CONSTANTS, *self.coords, *self.outputs, *self.parameters))), token)


def _where(compare: Callable[..., Tensor], a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.where(compare(a, b), c, d)
