"""Unknown numbers and functions of inverse problems."""

from rbfnet.problems.unknowns._unknown import Unknown
from rbfnet.problems.unknowns._unknown_field import UnknownField

__all__ = [
    "Unknown",
    "UnknownField",
]
