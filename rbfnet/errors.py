"""The one exception for wrong input, and the sentence helpers its messages share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave is wrong: the message is one sentence (what is wrong, what was given, what would work).

    In Python it is an ordinary ``ValueError``; the command line prints the sentence alone and exits with code 2.
    Anything else that is raised is a defect, ours or in the user's own code, and keeps its traceback.
    """


def unknown(what: str, given: object, known: Iterable[object]) -> InputError:
    """The error for a name that is not in a catalogue; the nearest known name is suggested."""
    names = sorted(str(name) for name in known)
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}."
    return InputError(f"There is no {what} {str(given)!r}; {hint}")
