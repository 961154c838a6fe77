"""The one exception for wrong input, and the sentence helpers its messages share."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path

MOST, MOST_POINTS, LARGE = 10**9, 10**7, 1e250
"""The largest number of points, and the largest absolute value of a number; anything larger is a mistake."""

LONGEST_NAME = 255
"""The longest file name that file systems allow, in bytes."""


class InputError(ValueError):
    """Something the user gave is wrong: the message is one sentence (what is wrong, what was given, what would work).

    In Python it is an ordinary ``ValueError``; the command line prints the sentence alone and exits with code 2.
    Anything else that is raised is a defect, ours or in the user's own code, and keeps its traceback.

    Example:
        >>> import rbfnet
        >>> try:
        ...     rbfnet.RBFNetwork(2, 1, num_centers=0)
        ... except rbfnet.InputError as error:
        ...     print(error)
        num_centers must be a whole number of at least 1, but got 0.
    """


class WriteError(OSError):
    """A file could not be written: the message is one sentence (which file, why, what would help).

    The last good file is still there. The command line prints the sentence alone and exits with code 1.
    """


class NotSolvedWarning(UserWarning):
    """A run whose verdict is ``"not solved"``: the message names the largest residual or what is undetermined, and suggestions.

    Example:
        >>> import rbfnet, warnings
        >>> from rbfnet.problems import Poisson
        >>> with warnings.catch_warnings(record=True) as given:
        ...     warnings.simplefilter("always", rbfnet.NotSolvedWarning)
        ...     solution = rbfnet.solve(Poisson(), num_centers=9)
        >>> solution.verdict, given[-1].category.__name__
        ('not solved', 'NotSolvedWarning')
    """


def unknown(what: str, given: object, known: Iterable[object]) -> InputError:
    """The error for a name that is not in a catalogue; the nearest known name is suggested."""
    names = sorted(str(name) for name in known)
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}."
    return InputError(f"There is no {what} {str(given)!r}; {hint}")


def one_of(what: str, given: object, known: Iterable[str]) -> str:
    """``given``, once it is known to be one of these names."""
    names = list(known)
    if not isinstance(given, str) or given not in names:
        raise unknown(what, given, names)
    return given


def positive(name: str, value: object, *, whole: bool = False, zero: bool = False, most: int = MOST) -> float:
    """``value`` as a Python number, once it is known to be a positive (or zero), finite (and whole) one; NumPy's count too."""
    given = number(value)
    if given is None or not (0 <= given if zero else 0 < given) or not given < math.inf or (whole and given != int(given)):
        least = 0 if zero else 1
        kind = (
            f"a whole number of at least {least}" if whole else "zero or positive, and finite" if zero else "positive and finite"
        )
        raise InputError(f"{name} must be {kind}, but got {value!r}.")
    if given > (most if whole else LARGE) or 0 < given < 1 / LARGE:
        limits = f"at most {most:,}" if whole else f"between {1 / LARGE:g} and {LARGE:g}"
        raise InputError(f"{name} must be {limits}, but got {value!r}.")
    return given


def number(value: object) -> int | float | None:
    """A real number of Python's or NumPy's as one of Python's; None for anything else, true and false among it."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return int(value) if isinstance(value, Integral) else float(value)


def written(key: object, known: Iterable[str], what: str) -> str:
    """The key of a YAML node as it was written; ``what`` is what the node is.

    Raises:
        InputError: a key that is no text. YAML 1.1 reads ``on`` as true; where ``on`` is known, that is what is meant.
    """
    if key is True and "on" in known:
        return "on"
    if isinstance(key, str):
        return key
    raise InputError(f"{what} has the key {key!r}, which is not a string{read_by_yaml(key)}.")


def read_by_yaml(value: object) -> str:
    """What to say of true and false where a name belongs; nothing of other values."""
    if not isinstance(value, bool):
        return ""
    return "; YAML reads yes, no, on and off as true and false: put them in quotes"


def shape_of(value: object) -> str:
    """The shape of a tensor, or what kind of thing it is instead; this file does without PyTorch."""
    return str(tuple(value.shape)) if hasattr(value, "requires_grad") else f"a {type(value).__name__}"  # type: ignore[attr-defined]


def flag(name: str, value: object) -> bool:
    """``value``, once it is known to be true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{name} must be true or false, but got {value!r}.")
    return value


def path(name: str, value: object) -> Path:
    """``value`` as a path, once it is known that a file may be called so."""
    if not isinstance(value, (str, Path)) or not str(value).strip():
        raise InputError(f"{name} must be a path, but got {value!r}.")
    if "\0" in str(value) or any(len(part.encode(errors="surrogateescape")) > LONGEST_NAME for part in Path(value).parts):
        raise InputError(f"{name} must be a path with names of at most {LONGEST_NAME} characters, but got {str(value)!r}.")
    return Path(value)
