"""Run files with embedded checksums, so that damage is detected.

Files from versions without checksums are read as well; in these, only damage that makes them unreadable is detected.
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
"""The placeholder for the checksum while it is computed."""

END = b"PK\x05\x06"
"""The signature of the last record of a zip archive; a comment may follow."""

MARK = b"sha256:"


def damaged(path: Path, why: str = "") -> InputError:
    """The error for a damaged file."""
    reason = f" ({why})" if why else ""
    return InputError(f"{str(path)!r} cannot be read: it is damaged or truncated{reason}.")


def checkpoint_bytes(checkpoint: Mapping[str, Any]) -> memoryview:
    """Write a checkpoint as ``torch.save`` does, as a zip archive, with the checksum in the archive's comment."""
    file = io.BytesIO()
    torch.save(dict(checkpoint), file)
    size = len(MARK) + len(NONE)
    file.seek(-2, io.SEEK_END)
    file.write(size.to_bytes(2, "little"))
    file.write(MARK + hashlib.sha256(file.getbuffer()).hexdigest().encode())
    return file.getbuffer()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint as data, without unpickling.

    Raises:
        InputError: the file is missing, damaged, or contains more than data.
    """
    data = read(path)
    size = len(MARK) + len(NONE)
    if data[-size:].startswith(MARK):
        intact = hashlib.sha256(data[:-size]).hexdigest().encode() == data[-len(NONE) :]
    else:
        # No comment: written before checksums were introduced.
        intact = data[-22:].startswith(END) and data.endswith(b"\0\0")
    if not intact:
        raise damaged(path)
    # The ``weights_only`` unpickler allows more than data need and allocates any claimed size.
    with archive(path, stored=True) as claimed:
        require_plain(str(path), claimed)
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except UnpicklingError:
        raise InputError(f"{str(path)!r} cannot be read: it contains more than data, and rbfnet does not unpickle.") from None
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        raise damaged(path, str(error).strip().partition("\n")[0]) from None
    if not isinstance(found, dict):
        raise damaged(path)
    return found


def write_model(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file with its checksum in the metadata; equal content gives equal bytes."""
    data = bytes_of(dict(tensors))
    start = 8 + int.from_bytes(data[:8], "little")
    header, rest = json.loads(data[8:start]), data[start:]

    def whole(checksum: str) -> bytes:
        text = json.dumps({"__metadata__": {**metadata, "sha256": checksum}, **header}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text + rest

    write_whole(path, whole(hashlib.sha256(whole(NONE)).hexdigest()))


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read the tensors and metadata of a safetensors file.

    Raises:
        InputError: the file is missing or damaged.
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
    """Write a summary as JSON. The checksum excludes timings and provenance, so runs with equal results have equal checksums."""
    write_whole(path, json.dumps({**summary, "sha256": _digest(summary)}, indent=2) + "\n")


def read_summary(path: Path) -> dict[str, Any]:
    """Read a summary.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        summary = json.loads(read(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from None
    if not isinstance(summary, dict) or ("sha256" in summary and summary["sha256"] != _digest(summary)):
        raise damaged(path)
    return summary


def digest_of(data: Any) -> str:
    """The checksum of plain data, independent of key order."""
    return hashlib.sha256(json.dumps(_by_text(data), sort_keys=True, default=str).encode()).hexdigest()


def _by_text(data: Any) -> Any:
    """The same data with string keys, which can be sorted: YAML reads ``on`` as true."""
    if isinstance(data, Mapping):
        return {str(key): _by_text(value) for key, value in data.items()}
    return [_by_text(value) for value in data] if isinstance(data, (list, tuple)) else data


def _digest(summary: Mapping[str, Any]) -> str:
    return digest_of({key: value for key, value in summary.items() if key not in ("seconds", "provenance", "sha256")})
