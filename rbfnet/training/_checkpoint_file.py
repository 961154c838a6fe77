"""A checkpoint as plain data: tensors, numbers and texts, whoever wrote the file."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from rbfnet.archives import archive, require_plain
from rbfnet.errors import InputError


def read_checkpoint(file: Path) -> dict[str, Any]:
    """What the checkpoint holds; nothing is unpickled but tensors and plain data, and no more is allocated than the file has.

    Raises:
        InputError: a file that is no checkpoint, or claims or names anything else.
    """
    with archive(file, stored=True) as found:
        require_plain(str(file), found)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = (str(error).splitlines() or ["it is damaged"])[0]
        raise InputError(f"The checkpoint {str(file)!r} cannot be read: {reason.rstrip('.')}.") from None
    if not isinstance(checkpoint, dict):
        raise InputError(f"The checkpoint {str(file)!r} does not belong to a run.")
    return checkpoint
