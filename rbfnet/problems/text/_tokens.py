"""The words of an equation, and errors that point at one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rbfnet.errors import InputError

LENGTH, NAME = 2000, 64
"""The longest text and the longest name there may be."""

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>\*\*|[<>=!]=|[-+*/^()=,<>]))"
)
STRAY = {
    ".": "There are no attributes in an equation; a coordinate is named as it is, x, and a derivative is u_x.",
    "'": "There are no texts in quotes in an equation; names stand as they are.",
    "[": "There are no brackets in an equation; group with '(' and ')'.",
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


def tilings(word: str, coords: Sequence[str]) -> list[tuple[str, ...]]:
    """The first two ways, up to order, in which a word is made of coordinates; from its end, so that no text takes long."""
    ways: list[list[tuple[str, ...]]] = [[] for _ in word] + [[()]]
    for at in reversed(range(len(word))):
        found = [tuple(sorted((c, *rest))) for c in coords if word.startswith(c, at) for rest in ways[at + len(c)]]
        ways[at] = list(dict.fromkeys(found))[:2]
    return ways[0] if word else []


def readable(word: str, coords: Sequence[str]) -> int:
    """How far a word is made of coordinates."""
    reached = {0}
    for at in range(len(word)):
        reached |= {at + len(c) for c in coords if at in reached and word.startswith(c, at)}
    return max(reached)
