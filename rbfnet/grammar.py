"""The grammar of numbers as text, ``1/2`` or ``2*pi``; equations (:class:`rbfnet.problems.Equations`) extend it by names."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from rbfnet.errors import InputError, unknown

LENGTH, NAME, DEPTH = 2000, 64, 32
"""The longest text, the longest name and the deepest nesting there may be: enough for any equation."""

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>\*\*|[<>=!]=|[-+*/^()=,<>]))"
)
STRAY = {
    ".": "There are no attributes in an equation; a coordinate is named as it is, x, and a derivative is u_x.",
    "'": "There are no texts in quotes in an equation; names stand as they are.",
    "[": "There are no brackets in an equation; group with '(' and ')'.",
}
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
CONSTANTS = {"pi": math.pi, "e": math.e}
ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow, "^": operator.pow,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[[float], float]] = {
    **{name: getattr(math, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt")},
    "abs": abs,
}


class ExpressionError(InputError):
    """A text that cannot be read: one sentence, the text, and marks below the place; ``position`` counts from 0."""

    def __init__(self, sentence: str, text: str, position: int, length: int = 1) -> None:
        self.position = position
        # A window of a long text; what moves the cursor would put the marks elsewhere.
        start = max(0, position - 60)
        shown = "".join([c if c.isprintable() else " " for c in text[start : start + 120]])
        super().__init__(f"{sentence}\n  {shown}\n  {' ' * (position - start)}{'^' * max(1, min(length, 60))}")


class Token(NamedTuple):
    """``kind`` is number, name or sign, and empty at the end of the text."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """A text, word by word, and the end."""
    if len(text) > LENGTH:
        raise ExpressionError(f"An equation has at most {LENGTH} characters, but this has {len(text)}.", text, LENGTH)
    found, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            stray = text[at]
            sentence = STRAY.get({'"': "'", "]": "["}.get(stray, stray), f"The character {stray!r} means nothing in an equation.")
            raise ExpressionError(sentence, text, at)
        kind = str(match.lastgroup)
        found.append(Token(kind, match[kind], match.start(kind)))
        if kind == "name" and len(match[kind]) > NAME:
            raise ExpressionError(f"A name has at most {NAME} characters.", text, match.start(kind), NAME)
        at = match.end()
    return [*found, Token("", "", end)]


class Grammar:
    """Recursive descent: sum, product, sign, power, atom; each method takes what belongs to it, and gives a number."""

    def __init__(self, text: str) -> None:
        self.text, self.depth, self.place = text, 0, 0
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
        return self.error(MISPLACED.get(token.text) or MISPLACED[token.kind], token)

    def end(self) -> None:
        if self.next.kind:
            raise self.misplaced(self.next)

    def sum(self) -> Any:
        return self.chain(self.product, ("+", "-"))

    def product(self) -> Any:
        return self.chain(self.signed, ("*", "/"))

    def chain(self, operand: Callable[[], Any], signs: tuple[str, ...]) -> Any:
        value = operand()
        while self.next.text in signs:
            sign = self.take()
            value = self.number(ARITHMETIC[sign.text], sign, value, operand())
        return value

    def signed(self) -> Any:
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

    def power(self) -> Any:
        base = self.atom()
        if self.next.text not in ("**", "^"):
            return base
        sign = self.take()
        return self.apply(operator.pow, sign, base, self.signed())

    def atom(self) -> Any:
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
        except (ArithmeticError, ValueError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            raise self.error("This gives no finite real number.", token)
        return float(value)

    def apply(self, f: Callable[..., Any], token: Token, *arguments: Any) -> Any:
        return self.number(f, token, *arguments)

    def call(self, token: Token) -> Any:
        if token.text not in FUNCTIONS:
            raise self.error(str(unknown("function", token.text, FUNCTIONS)), token)
        opened = self.take()
        value = self.sum()
        self.close(opened)
        return self.number(FUNCTIONS[token.text], token, value)

    def named(self, token: Token) -> Any:
        if token.text not in CONSTANTS:
            raise self.error(str(unknown("name", token.text, CONSTANTS)), token)
        return CONSTANTS[token.text]


def constant(text: str) -> float | None:
    """The number that a text stands for, ``1/2`` or ``2*pi``; None where it stands for none."""
    try:
        grammar = Grammar(text)
        value: float = grammar.sum()
        grammar.end()
    except ExpressionError:
        return None
    return value
