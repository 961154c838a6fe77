"""A checkpoint as plain data: tensors, numbers and texts, whoever wrote the file."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from rbfnet.archives import archive
from rbfnet.errors import InputError

STORAGES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")

NAMES = {
    "collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter", "torch Size",
    *(f"torch {name}Storage" for name in STORAGES),
}  # fmt: skip
"""All that the pickle of an honest checkpoint names. PyTorch's ``weights_only`` allows more, such as a bytearray of any size."""

MOST = 1 << 22
"""Bytes of the pickle without its tensors: honest ones have some ten thousand."""


def read_checkpoint(file: Path) -> dict[str, Any]:
    """What the checkpoint holds; nothing is unpickled but tensors and plain data, and no more is allocated than the file has.

    Raises:
        InputError: a file that is no checkpoint, or claims or names anything else.
    """
    with archive(file, stored=True) as found:
        _require_plain(file, found)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise unreadable(file, error) from None
    if not isinstance(checkpoint, dict):
        raise InputError(f"The checkpoint {str(file)!r} does not belong to a run.")
    return checkpoint


def _require_plain(file: Path, found: zipfile.ZipFile) -> None:
    pickles = [member for member in found.infolist() if member.filename.endswith(".pkl")]
    if len(pickles) != 1 or pickles[0].filename.count("/") != 1 or not pickles[0].filename.endswith("/data.pkl"):
        raise InputError(f"The checkpoint {str(file)!r} cannot be read: it must hold one data.pkl, but has {len(pickles)}.")
    if pickles[0].file_size > MOST:
        raise InputError(f"The checkpoint {str(file)!r} cannot be read: its data.pkl has more than {MOST:,} bytes.")
    try:
        for code, named, _ in pickletools.genops(found.read(pickles[0])):
            if (code.name == "GLOBAL" and named not in NAMES) or code.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"):
                raise InputError(
                    f"The checkpoint {str(file)!r} cannot be read: it names {named or code.name!r}, which is no data."
                )
    except (ValueError, UnicodeDecodeError, OverflowError, zipfile.BadZipFile, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise unreadable(file, error) from None


def unreadable(file: Path, error: Exception) -> InputError:
    """The error for a file that some library cannot read."""
    return InputError(f"The checkpoint {str(file)!r} cannot be read: {(str(error).splitlines() or ['it is damaged'])[0]}.")
