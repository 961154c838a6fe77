"""Equations, values and parts of a boundary as text, read by a grammar of their own."""

from rbfnet.problems.text._expression import Expression, Parameter
from rbfnet.problems.text._parser import parse
from rbfnet.problems.text._selection import parse_selection

__all__ = [
    "Expression",
    "Parameter",
    "parse",
    "parse_selection",
]
