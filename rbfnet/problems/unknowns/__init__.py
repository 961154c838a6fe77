"""What an inverse problem looks for beside the solution: numbers and functions."""

from rbfnet.problems.unknowns._unknown import Unknown
from rbfnet.problems.unknowns._unknown_field import UnknownField

__all__ = [
    "Unknown",
    "UnknownField",
]
