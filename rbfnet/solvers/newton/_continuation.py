"""Parameter continuation: a sequence of problems, each started from the solution of the previous one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rbfnet.errors import InputError, number, unknown
from rbfnet.problems import Problem
from rbfnet.solvers.assembly import Posed


class Stages:
    """The stages of a continuation in attributes of the problem; each stage starts from the solution of the previous one.

    Args:
        continuation: attributes of the problem, each with the values that precede its own.

    Raises:
        InputError: values that are not numbers, or lists of different lengths.
    """

    def __init__(self, continuation: Mapping[str, Sequence[float]] | None) -> None:
        self.continuation = {name: _numbers(name, values) for name, values in (continuation or {}).items()}
        lengths = {len(values) for values in self.continuation.values()}
        if len(lengths) > 1:
            raise InputError(f"Attributes in continuation need the same number of values, but got {continuation!r}.")
        self.count = lengths.pop() + 1 if lengths else 1

    def check(self, problem: Problem) -> None:
        """Raise InputError if the problem lacks a numeric attribute of this name."""
        for name in self.continuation:
            value = getattr(problem, name, None)
            if number(value) is None:
                known = [key for key, v in vars(problem).items() if number(v) is not None]
                if name in problem.unknowns():
                    raise InputError(f"{name!r} is an unknown, which cannot be continued; continue a number.")
                raise unknown(f"number to continue in {type(problem).__name__} called", name, known)

    @contextmanager
    def entered(self, stage: int, posed: Posed) -> Iterator[Posed]:
        """Set the attributes of a stage; their own values are restored when the context exits."""
        problem, last = posed.problem, stage + 1 == self.count
        own = {name: getattr(problem, name) for name in self.continuation}
        try:
            if not last:
                for name, values in self.continuation.items():
                    setattr(problem, name, values[stage])
            yield posed
        finally:
            for name, value in own.items():
                setattr(problem, name, value)


def _numbers(name: str, values: Sequence[float]) -> list[float]:
    given = list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    if not given or not all(number(v) is not None and abs(v) < float("inf") for v in given):
        raise InputError(f"continuation needs a list of numbers for {name!r}, as in {{{name}: [10, 100]}}, but got {values!r}.")
    return [float(v) for v in given]
