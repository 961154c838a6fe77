"""The operations allowed in a program of ``torch.export``: arithmetic on arrays only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from rbfnet.errors import InputError

OPERATIONS = frozenset(
    """
    _assert_tensor_metadata abs acos acosh add addcmul addmm amax amin arange asin asinh atan atan2 atanh bmm broadcast_to
    cat clamp clamp_max clamp_min clone contiguous copysign cos cosh cross cumsum detach div dot einsum eq erf erfc exp exp2
    expand expm1 eye flatten full full_like ge gt index index_select le lgamma lift_fresh_copy linalg_vector_norm log log10
    log1p log2 logical_and logical_not logical_or lt mT matmul maximum mean minimum mm movedim mul ne neg new_ones new_zeros
    numpy_T ones ones_like outer permute pow prod reciprocal relu remainder repeat reshape rsqrt rsub searchsorted select
    sgn sigmoid sign sin sinc sinh slice softplus sqrt square squeeze stack sub sum sym_size t tan tanh to transpose tril
    tril_indices triu triu_indices unbind unflatten unsqueeze view view_as where xlogy zeros zeros_like
    """.split()  # noqa: SIM905 - a hundred names read better so
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


def require_program(file: Path, model: Any) -> None:
    """Nothing but arithmetic on arrays, by names that are names; what tells where it was written is dropped."""
    module = model["graph_module"]
    for node in module["graph"]["nodes"]:
        node["metadata"] = {}
        called = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.\w+", node["target"])
        if called is None or (called[1] not in OPERATIONS and called[1].removesuffix("_") not in OPERATIONS):
            raise InputError(f"{str(file)!r} calls {node['target'][:100]!r}, which is not an operation of a network.")
    if model["guards_code"] or module["graph"]["custom_obj_values"] or module["treespec_namedtuple_fields"]:
        raise InputError(f"{str(file)!r} holds code or objects, which rbfnet.export does not write; it is not read.")
    for spec in (*module["signature"]["input_specs"], *module["signature"]["output_specs"]):
        if not spec.keys() <= SPECIFIED:
            raise InputError(f"{str(file)!r} takes or gives {sorted(spec)[0][:100]!r}, which is not an array.")
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
            raise InputError(f"{str(file)!r} holds {text[:100]!r}, which rbfnet.export does not write; it is not read.")


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
        raise InputError(f"{str(file)!r} takes or returns values other than arrays; it is not read.")
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
