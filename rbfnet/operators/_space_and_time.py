"""The terms of an operator in space and time, taken apart."""

from __future__ import annotations

from rbfnet.operators._operator import Coefficient, Operator

Along = tuple[int, ...]
"""The coordinates of a derivative, sorted; empty for the value."""


def in_space_and_time(op: Operator, time: int) -> list[tuple[Along, int, Coefficient]]:
    """The terms of an operator as (derivatives in space, how many in time, coefficient); ``time`` is the last coordinate.

    Example:
        >>> from rbfnet.operators import Operator, in_space_and_time
        >>> in_space_and_time(Operator.d(0, 1, 1), time=1)
        [((0,), 2, 1.0)]
    """
    return [(tuple(i for i in chosen if i != time), chosen.count(time), c) for chosen, c in op.written_out(time + 1)]
