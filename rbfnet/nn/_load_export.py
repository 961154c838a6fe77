"""Read an untrusted program of ``torch.export`` as data.

``torch.export.load`` unpickles weights, constants and example inputs, evaluates the expressions of sizes as Python code, calls
whatever function of PyTorch a program names, and loads compiled libraries. What :func:`rbfnet.export` writes needs none of that.
So the archive is written anew, in memory, of parts that have been looked at, and PyTorch reads that one.
"""

from __future__ import annotations

import io
import json
import logging
import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from rbfnet.archives import archive, require_plain
from rbfnet.errors import InputError
from rbfnet.nn._foreign_program import require_program

MODEL, WEIGHTS = "models/model.json", "data/weights/model_weights_config.json"
CONSTANTS, EXAMPLE = "data/constants/model_constants_config.json", "data/sample_inputs/model.pt"

NEEDED = {MODEL, WEIGHTS, CONSTANTS, EXAMPLE, "archive_format", "archive_version", "byteorder"}

OTHERS = re.compile(
    r"data/weights/weight_\d+|data/constants/tensor_\d+|\.data/(version|serialization_id)|\.?format_version|version"
)

DTYPES = {7: torch.float32, 8: torch.float64}
"""By their numbers in a program."""

MOST = 100_000
"""Coordinates of a point."""

TEXT = 1 << 24
"""Maximum number of bytes of a text part; valid ones have some ten thousand."""


def load_export(path: str | Path) -> torch.nn.Module:
    """The program in a file that :func:`rbfnet.export` has written, wherever the file comes from; ``torch.export.load`` may run
    code that a file holds.

    The program computes whatever it says, with tensors alone: how long that takes, and whether the numbers are true, is up to
    whoever wrote it.

    Args:
        path: of the file, ending in .pt2.

    Returns:
        Points x (B, D) -> a value (B, O) for each operator, by its name.

    Raises:
        InputError: no such file, or one with anything in it that :func:`rbfnet.export` does not write.

    Example:
        >>> import tempfile, rbfnet
        >>> network = rbfnet.RBFNetwork(1, 1, 5)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     program = rbfnet.load_export(rbfnet.export(network, f"{directory}/line.pt2"))
        >>> program(network.centers)["u"].shape
        torch.Size([5, 1])
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"There is no file {str(path)!r}.")
    try:
        buffer = _written_anew(file)
        with _quiet():
            return torch.export.load(buffer).module()
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{str(path)!r} cannot be read as a program: its parts are nested too deeply.") from None
    except Exception as error:
        # Of whatever PyTorch trips over in a file that is damaged.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{str(path)!r} cannot be read as a program: {reason.rstrip('.')}.") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch logs why it cannot read a program, with a traceback, and then raises something else."""
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _written_anew(file: Path) -> io.BytesIO:
    buffer = io.BytesIO()
    with archive(file, stored=True) as found, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as written:
        members = _members(file, found)
        texts = {name: _text(file, found, members[name]) for name in (MODEL, WEIGHTS, CONSTANTS)}
        tensors = {
            **_require_tensors(file, texts[WEIGHTS], members, "data/weights/"),
            **_require_tensors(file, texts[CONSTANTS], members, "data/constants/"),
        }
        require_program(file, texts[MODEL])
        with zipfile.ZipFile(io.BytesIO(found.read(members[EXAMPLE]))) as example:
            require_plain(str(file), example)
        for name, content in texts.items():
            written.writestr(f"program/{name}", json.dumps(content))
        for name, member in tensors.items():
            written.writestr(f"program/{name}", found.read(member))
        points = io.BytesIO()
        torch.save(((_points(file, texts[MODEL]),), {}), points)
        order = found.read(members["byteorder"])[:6]
        for name, given in {"archive_format": b"pt2", "archive_version": b"0", "byteorder": order, "version": b"3\n"}.items():
            written.writestr(f"program/{name}", given)
        written.writestr(f"program/{EXAMPLE}", points.getvalue())
    buffer.seek(0)
    return buffer


def _members(file: Path, found: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """By their names below the one directory that there is."""
    members = {member.filename.partition("/")[2]: member for member in found.infolist()}
    if len(members) != len(found.infolist()) or len({member.filename.partition("/")[0] for member in found.infolist()}) > 1:
        raise InputError(f"{str(file)!r} is not a program written by rbfnet.export: it has several members of the same name.")
    for name in members:
        if name not in NEEDED and not OTHERS.fullmatch(name):
            raise InputError(f"{str(file)!r} holds {name[:100]!r}, which rbfnet.export does not write; it is not read.")
    if missing := sorted(NEEDED - members.keys()):
        raise InputError(f"{str(file)!r} is not a program written by rbfnet.export: {missing[0]!r} is missing.")
    return members


def _text(file: Path, found: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    if member.file_size > TEXT:
        raise InputError(f"{str(file)!r} holds {member.file_size:,} bytes of text in one part; at most {TEXT:,} are read.")
    return json.loads(found.read(member))


def _require_tensors(file: Path, config: Any, members: dict[str, zipfile.ZipInfo], place: str) -> dict[str, zipfile.ZipInfo]:
    """The members with the numbers of tensors, none of them pickled, each with all the numbers that are said to be in it."""
    found = {}
    for name, payload in config["config"].items():
        member = members.get(place + payload["path_name"])
        if payload["use_pickle"] is not False or member is None or not re.fullmatch(r"(weight|tensor)_\d+", payload["path_name"]):
            raise InputError(
                f"{str(file)!r} holds {name[:100]!r} as a pickle, which rbfnet.export does not write; it is not read."
            )
        meta = payload["tensor_meta"]
        sizes = [size["as_int"] for size in (*meta["sizes"], *meta["strides"], meta["storage_offset"])]
        if not all(type(size) is int and size >= 0 for size in sizes) or (
            math.prod(sizes[: len(meta["sizes"])]) > member.file_size
        ):
            raise InputError(f"{str(file)!r} claims numbers of {name[:100]!r} that it does not hold.")
        found[place + payload["path_name"]] = member
    return found


def _points(file: Path, model: Any) -> torch.Tensor:
    """Two points, as the program takes them."""
    module = model["graph_module"]
    inputs = (spec["user_input"]["arg"] for spec in module["signature"]["input_specs"] if "user_input" in spec)
    takes = [argument["as_tensor"]["name"] for argument in inputs]
    meta = module["graph"]["tensor_values"][takes[0]]
    dims = meta["sizes"][-1]["as_int"]
    if len(takes) != 1 or len(meta["sizes"]) != 2 or meta["dtype"] not in DTYPES or not 1 <= dims <= MOST:
        raise InputError(f"{str(file)!r} does not take points (N, D); it is not read.")
    return torch.zeros((2, dims), dtype=DTYPES[meta["dtype"]])
