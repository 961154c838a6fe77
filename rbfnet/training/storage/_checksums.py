"""Files of a run that carry a checksum of themselves, so that damage is told.

Those of versions without checksums are read as well; what is damaged in them is told only where it cannot be read.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of

from rbfnet.archives import archive, require_plain
from rbfnet.errors import InputError
from rbfnet.training.storage._whole_files import read, write_whole

NONE = "0" * 64
"""In the place of the checksum while it is computed."""

END = b"PK\x05\x06"
"""What begins the last record of an archive; a comment may follow."""

MARK = b"sha256:"


def damaged(path: Path, why: str = "") -> InputError:
    """The error for a file that is not what was written."""
    reason = f" ({why})" if why else ""
    return InputError(f"{str(path)!r} cannot be read: it is damaged or cut off{reason}.")


def checkpoint_bytes(checkpoint: Mapping[str, Any]) -> memoryview:
    """A checkpoint as ``torch.save`` writes it, which is a zip archive, with the checksum as the archive's comment."""
    file = io.BytesIO()
    torch.save(dict(checkpoint), file)
    size = len(MARK) + len(NONE)
    file.seek(-2, io.SEEK_END)
    file.write(size.to_bytes(2, "little"))
    file.write(MARK + hashlib.sha256(file.getbuffer()).hexdigest().encode())
    return file.getbuffer()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint, read as data: nothing is unpickled.

    Raises:
        InputError: there is none, it is damaged, or holds more than data.
    """
    data = read(path)
    size = len(MARK) + len(NONE)
    if data[-size:].startswith(MARK):
        intact = hashlib.sha256(data[:-size]).hexdigest().encode() == data[-len(NONE) :]
    else:
        # Without a comment, as before there were checksums.
        intact = data[-22:].startswith(END) and data.endswith(b"\0\0")
    if not intact:
        raise damaged(path)
    # The unpickler of ``weights_only`` allows more than data need, and allocates whatever is claimed.
    with archive(path, stored=True) as claimed:
        require_plain(str(path), claimed)
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise InputError(f"{str(path)!r} cannot be read: it holds more than data, and nothing is unpickled.") from None
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        raise damaged(path, str(error).strip().partition("\n")[0]) from None
    if not isinstance(found, dict):
        raise damaged(path)
    return found


def write_model(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file with its checksum among the metadata; the same content gives the same bytes."""
    data = bytes_of(dict(tensors))
    start = 8 + int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8:start]), data[start:]

    def whole(checksum: str) -> bytes:
        text = json.dumps({"__metadata__": {**metadata, "sha256": checksum}, **header}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text + rest

    write_whole(path, whole(hashlib.sha256(whole(NONE)).hexdigest()))


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file.

    Raises:
        InputError: there is none, or it is damaged.
    """
    data = read(path)
    try:
        tensors = tensors_of(data)
        start = 8 + int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8:start]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise damaged(path, str(error).strip().partition("\n")[0]) from None
    if metadata.keys() - {"format_version"}:
        place = re.search(rb'"sha256":"([0-9a-f]{64})"', data[:start])
        if place is None:
            raise damaged(path)
        zeros = data[: place.start(1)] + NONE.encode() + data[place.end(1) :]
        if hashlib.sha256(zeros).hexdigest().encode() != place[1]:
            raise damaged(path)
    return tensors, metadata


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write a summary as JSON, with a checksum of all but seconds and provenance: it is that of any run with the same result."""
    write_whole(path, json.dumps({**summary, "sha256": _digest(summary)}, indent=2) + "\n")


def read_summary(path: Path) -> dict[str, Any]:
    """A summary.

    Raises:
        InputError: there is none, or it is damaged.
    """
    try:
        summary = json.loads(read(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from None
    if not isinstance(summary, dict) or ("sha256" in summary and summary["sha256"] != _digest(summary)):
        raise damaged(path)
    return summary


def digest_of(data: Any) -> str:
    """The checksum of plain data, in whatever order they were written."""
    return hashlib.sha256(json.dumps(_by_text(data), sort_keys=True, default=str).encode()).hexdigest()


def _by_text(data: Any) -> Any:
    """The same with texts for keys, which can be sorted: YAML reads ``on`` as true."""
    if isinstance(data, Mapping):
        return {str(key): _by_text(value) for key, value in data.items()}
    return [_by_text(value) for value in data] if isinstance(data, (list, tuple)) else data


def _digest(summary: Mapping[str, Any]) -> str:
    return digest_of({key: value for key, value in summary.items() if key not in ("seconds", "provenance", "sha256")})
