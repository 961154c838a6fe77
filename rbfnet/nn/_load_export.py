"""A program of ``torch.export`` from somebody else, read as data.

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
"""Bytes of a part that is text: honest ones have some ten thousand."""

OPERATIONS = set(
    [
        "_assert_tensor_metadata",
        "abs",
        "acos",
        "acosh",
        "add",
        "addcmul",
        "addmm",
        "amax",
        "amin",
        "arange",
        "asin",
        "asinh",
        "atan",
        "atan2",
        "atanh",
        "bmm",
        "broadcast_to",
        "cat",
        "clamp",
        "clamp_max",
        "clamp_min",
        "clone",
        "contiguous",
        "copysign",
        "cos",
        "cosh",
        "cross",
        "cumsum",
        "detach",
        "div",
        "dot",
        "einsum",
        "eq",
        "erf",
        "erfc",
        "exp",
        "exp2",
        "expand",
        "expm1",
        "eye",
        "flatten",
        "full",
        "full_like",
        "ge",
        "gt",
        "index",
        "index_select",
        "le",
        "lgamma",
        "lift_fresh_copy",
        "linalg_vector_norm",
        "log",
        "log10",
        "log1p",
        "log2",
        "logical_and",
        "logical_not",
        "logical_or",
        "lt",
        "mT",
        "matmul",
        "maximum",
        "mean",
        "minimum",
        "mm",
        "movedim",
        "mul",
        "ne",
        "neg",
        "new_ones",
        "new_zeros",
        "numpy_T",
        "ones",
        "ones_like",
        "outer",
        "permute",
        "pow",
        "prod",
        "reciprocal",
        "relu",
        "remainder",
        "repeat",
        "reshape",
        "rsqrt",
        "rsub",
        "searchsorted",
        "select",
        "sgn",
        "sigmoid",
        "sign",
        "sin",
        "sinc",
        "sinh",
        "slice",
        "softplus",
        "sqrt",
        "square",
        "squeeze",
        "stack",
        "sub",
        "sum",
        "sym_size",
        "t",
        "tan",
        "tanh",
        "to",
        "transpose",
        "tril",
        "tril_indices",
        "triu",
        "triu_indices",
        "unbind",
        "unflatten",
        "unsqueeze",
        "view",
        "view_as",
        "where",
        "xlogy",
        "zeros",
        "zeros_like",
    ]
)
"""Of ATen: those that compute numbers from numbers, and read or write nothing else."""

ARGUMENTS = {
    "as_bool", "as_bools", "as_device", "as_expr", "as_float", "as_floats", "as_int", "as_ints", "as_layout", "as_memory_format",
    "as_name", "as_none", "as_optional_tensor", "as_optional_tensors", "as_scalar_type", "as_sym_int", "as_sym_ints", "as_tensor",
    "as_tensors",
}  # fmt: skip
"""Kinds of values in a program; among the others are graphs, functions and objects."""

SPECIFIED = {"parameter", "buffer", "tensor_constant", "user_input", "user_output"}

NAME = re.compile(r"\w[\w.]{0,300}|")

SYMBOL = re.compile(r"Symbol\('s\d{1,6}', positive=True, integer=True\)")
"""The number of points, as an expression."""

TAKES = [1, {"type": "builtins.tuple", "children_spec": [
    {"type": "builtins.tuple", "children_spec": [None]}, {"type": "builtins.dict", "children_spec": []},
]}]  # fmt: skip
"""The form of the arguments: one array of points."""


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
        _require_program(file, texts[MODEL])
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
        raise InputError(f"{str(file)!r} is no program that rbfnet.export has written: it has members of the same name.")
    for name in members:
        if name not in NEEDED and not OTHERS.fullmatch(name):
            raise InputError(f"{str(file)!r} holds {name[:100]!r}, which rbfnet.export does not write; it is not read.")
    if missing := sorted(NEEDED - members.keys()):
        raise InputError(f"{str(file)!r} is no program that rbfnet.export has written: {missing[0]!r} is missing.")
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
            raise InputError(f"{str(file)!r} claims numbers of {name[:100]!r} that it does not have.")
        found[place + payload["path_name"]] = member
    return found


def _require_program(file: Path, model: Any) -> None:
    """Nothing but arithmetic on arrays, by names that are names; what tells where it was written is dropped."""
    module = model["graph_module"]
    for node in module["graph"]["nodes"]:
        node["metadata"] = {}
        called = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.\w+", node["target"])
        if called is None or (called[1] not in OPERATIONS and called[1].removesuffix("_") not in OPERATIONS):
            raise InputError(f"{str(file)!r} calls {node['target'][:100]!r}, which is none of the operations of a network.")
    if model["guards_code"] or module["graph"]["custom_obj_values"] or module["treespec_namedtuple_fields"]:
        raise InputError(f"{str(file)!r} holds code or objects, which rbfnet.export does not write; it is not read.")
    for spec in (*module["signature"]["input_specs"], *module["signature"]["output_specs"]):
        if not spec.keys() <= SPECIFIED:
            raise InputError(f"{str(file)!r} takes or gives {sorted(spec)[0][:100]!r}, which is no array.")
    for call in module["module_call_graph"]:
        if call["signature"] is not None:
            _require_form(file, call["signature"])
            call["signature"]["forward_arg_names"] = ["x"]
    model["torch_version"] = torch.__version__
    for key, text in _texts({**model, "torch_version": ""}):
        if key in ("in_spec", "out_spec"):
            continue
        fits = SYMBOL.fullmatch(text) if key == "expr_str" else NAME.fullmatch(text)
        if not fits or (key == "key" and text.startswith("as_") and text not in ARGUMENTS):
            raise InputError(f"{str(file)!r} holds {text[:100]!r}, which is no part of a program of rbfnet.export.")


def _points(file: Path, model: Any) -> torch.Tensor:
    """Two points, as the program takes them."""
    module = model["graph_module"]
    inputs = (spec["user_input"]["arg"] for spec in module["signature"]["input_specs"] if "user_input" in spec)
    takes = [argument["as_tensor"]["name"] for argument in inputs]
    meta = module["graph"]["tensor_values"][takes[0]]
    dims = meta["sizes"][-1]["as_int"]
    if len(takes) != 1 or len(meta["sizes"]) != 2 or meta["dtype"] not in DTYPES or not 1 <= dims <= MOST:
        raise InputError(f"{str(file)!r} takes something else than points (N, D); it is not read.")
    return torch.zeros((2, dims), dtype=DTYPES[meta["dtype"]])


def _require_form(file: Path, signature: Any) -> None:
    """One array comes in, arrays go out by their names."""
    takes, gives = json.loads(signature["in_spec"]), json.loads(signature["out_spec"])
    names = json.loads(gives[1]["context"])
    if (
        _bare(takes) != TAKES
        or gives[1]["type"] != "builtins.dict"
        or not all(isinstance(name, str) for name in names)
        or [_bare(child) for child in gives[1]["children_spec"]] != [None] * len(names)
    ):
        raise InputError(f"{str(file)!r} takes or gives something else than arrays; it is not read.")
    leaf: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
    form = {"type": "builtins.dict", "context": json.dumps(names), "children_spec": [leaf] * len(names)}
    signature["out_spec"] = json.dumps([1, form])


def _bare(spec: Any) -> Any:
    """The types in a form alone."""
    if isinstance(spec, list):
        return [_bare(part) for part in spec]
    if not isinstance(spec, dict):
        return spec
    if spec["type"] is None and not spec["children_spec"]:
        return None
    if json.loads(spec["context"]):
        return spec
    return {"type": spec["type"], "children_spec": _bare(spec["children_spec"])}


def _texts(part: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """All texts, with the key that each belongs to; keys are texts too."""
    if isinstance(part, dict):
        for name, inner in part.items():
            yield "key", name
            yield from _texts(inner, name)
    elif isinstance(part, list):
        for inner in part:
            yield from _texts(inner, key)
    elif isinstance(part, str):
        yield key, part
