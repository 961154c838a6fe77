"""Equations and values as text, read by a grammar of their own: nothing of a text is ever run as Python."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rbfnet.errors import InputError, unknown
from rbfnet.operators import Operator
from rbfnet.problems.text._expression import (
    ARITHMETIC,
    COMPARISONS,
    CONSTANTS,
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
from rbfnet.problems.text._tokens import ExpressionError, Token, readable, tilings, tokens

Names = tuple[str, ...]

DEPTH, ORDER = 32, 8
"""The deepest nesting and the highest derivative there may be: enough for any equation."""

MISPLACED = {
    "": "The text ends where a number, a name or a parenthesis belongs.",
    ")": "This ')' stands where a number, a name or '(' belongs, or has no '(' before it.",
    "(": "An operator is missing before this '('; a product is written with *.",
    ",": "A comma belongs between the arguments of a function only.",
    "=": "An '=' belongs once in an equation, outside of all parentheses, and not in a value.",
    "==": "An equation is written with a single '='.",
    "number": "An operator is missing before this number; a product is written with *.",
    "name": "An operator is missing before this name; a product is written with *.",
    "sign": "This operator has nothing to its left.",
}


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
        raise InputError(f"An equation is a text, as in 'u_t = u_xx', but got {text!r}.")
    over = tuple(coords if space is None else space)
    return Parser(text, tuple(coords), over, tuple(outputs), dict(parameters or {})).whole(equation)


class Parser:
    """Recursive descent: equation, sum, product, sign, power, atom; each method takes what belongs to it."""

    def __init__(self, text: str, coords: Names, space: Names, outputs: Names, parameters: dict[str, Parameter]) -> None:
        self.text, self.coords, self.space, self.outputs, self.parameters = text, coords, space, outputs, parameters
        self.depth, self.place = 0, 0
        self.operators: dict[Operator, None] = {}
        self.tokens = tokens(text)

    def error(self, sentence: str, token: Token) -> ExpressionError:
        return ExpressionError(sentence, self.text, token.at, len(token.text))

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.next
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def misplaced(self, token: Token) -> ExpressionError:
        if token.text in COMPARISONS or token.text == "!=":
            return self.error("A comparison by <, <=, > or >= belongs in where(...) only, as in where(x < 0, 1, 2).", token)
        return self.error(MISPLACED.get(token.text) or MISPLACED[token.kind], token)

    # -- the grammar ---------------------------------------------------------------------------------------------------

    def whole(self, equation: bool) -> Expression:
        node = self.sum()
        if equation and self.next.text == "=":
            sign = self.take()
            node = self.apply(operator.sub, sign, node, self.sum())
        if self.next.kind:
            raise self.misplaced(self.next)
        return Expression(self.text, self.coords, tuple(self.operators), node)

    def sum(self) -> Node:
        return self.chain(self.product, ("+", "-"))

    def product(self) -> Node:
        return self.chain(self.signed, ("*", "/"))

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

    def signed(self) -> Node:
        self.deeper()
        if self.next.text in ("+", "-"):
            sign = self.take()
            node = self.signed()
            node = self.apply(operator.neg, sign, node) if sign.text == "-" else node
        else:
            node = self.power()
        self.depth -= 1
        return node

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH:
            raise self.error(f"This is nested deeper than {DEPTH} levels; write it in parts.", self.next)

    def power(self) -> Node:
        base = self.atom()
        if self.next.text not in ("**", "^"):
            return base
        sign = self.take()
        return self.apply(operator.pow, sign, base, self.signed())

    def atom(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return self.number(float, token, token.text)
        if token.kind == "name":
            return self.call(token) if self.next.text == "(" else self.named(token)
        if token.text != "(":
            raise self.misplaced(token)
        node = self.sum()
        self.close(token)
        return node

    def close(self, opened: Token) -> None:
        if not self.next.kind:
            raise self.error("This '(' is not closed.", opened)
        if self.next.text != ")":
            raise self.misplaced(self.next)
        self.take()

    def number(self, f: Callable[..., Any], token: Token, *arguments: Any) -> float:
        """Numbers are floats and worked out here, so that 9**9**9 is refused at once."""
        try:
            value = f(*arguments)
        except (ZeroDivisionError, OverflowError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            raise self.error("This gives no finite real number.", token)
        return float(value)

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
                raise self.error(f"{name!r} is no function; a product is written {name}*(...).", token)
            raise self.error(str(unknown("function", name, FUNCTIONS)), token)
        arguments = [self.sum()]
        f: Callable[..., Any] = {**ONE, **TWO}.get(name, _where)
        if name == "where":
            if (sign := self.take()).text not in COMPARISONS:
                raise self.error("where(...) begins with a comparison by <, <=, > or >=, as in where(x < 0, 1, 2).", sign)
            arguments.append(self.sum())
            f = partial(_where, COMPARISONS[sign.text])
        while self.next.text == ",":
            self.take()
            arguments.append(self.sum())
        self.close(opened)
        needed = 1 if name in ONE else 2 if name in TWO else 4
        if len(arguments) != needed:
            how = "where(a < b, c, d)" if name == "where" else f"{name}({'a' if needed == 1 else 'a, b'})"
            raise self.error(f"{name!r} has another number of arguments: {how}.", token)
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
