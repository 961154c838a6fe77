"""The exit code of a command, and a one-sentence error message for wrong input or a file that cannot be written."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rbfnet.cli.interrupt import INTERRUPTED
from rbfnet.errors import InputError, WriteError


def answered(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Run a command and return its exit code: 2 for wrong input, 1 for a file that cannot be written, 130 after Ctrl-C."""
    try:
        return command(arguments)
    except InputError as error:
        print(f"rbfnet: {error}", file=sys.stderr)
        return 2
    except WriteError as error:
        print(f"rbfnet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("rbfnet: interrupted.", file=sys.stderr)
        return INTERRUPTED
