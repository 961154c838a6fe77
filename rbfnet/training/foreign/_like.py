"""Checks that untrusted data have the form of known data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from rbfnet.errors import InputError, number

LARGEST = 1 << 53
"""The largest valid count."""

NODES = 64
"""Maximum number of nodes and lists in a node of an untrusted config."""

PARTS = 100_000
"""Maximum number of values in plain data, shared ones counted repeatedly."""


def like(what: str, given: Any, form: Any) -> Any:
    """Return ``given`` if it has the form of ``form``: the same keys, lengths and types, and tensor shapes and dtypes.

    Raises:
        InputError: a difference, with its location in ``what``.
    """
    if isinstance(form, Mapping):
        keyed(what, given, form)
        return {key: like(f"{what}.{key}", given[key], inner) for key, inner in form.items()}
    if isinstance(form, (list, tuple)):
        if type(given) is not type(form) or len(given) != len(form):
            raise misfit(what, f"a {type(form).__name__} of {len(form)} values", given)
        return type(form)(like(f"{what}[{i}]", one, inner) for i, (one, inner) in enumerate(zip(given, form, strict=True)))
    if isinstance(form, Tensor):
        return tensor(what, given, tuple(form.shape), form.dtype)
    if isinstance(form, bool) or not isinstance(form, (int, float)):
        if type(given) is not type(form):
            raise misfit(what, f"of type {type(form).__name__}", given)
        return given
    return count(what, given) if isinstance(form, int) and isinstance(given, int) else real(what, given)


def keyed(what: str, given: Any, form: Mapping[Any, Any]) -> None:
    """Raise InputError unless ``given`` is a mapping with the same keys."""
    if not isinstance(given, Mapping) or given.keys() != form.keys():
        raise misfit(what, f"a mapping of {', '.join(map(repr, form)) or 'nothing'}", given)


def count(what: str, given: Any, most: int = LARGEST) -> int:
    """Check that a value is a whole number from 0 to ``most``."""
    if type(given) is not int or not 0 <= given <= most:
        raise misfit(what, f"a whole number from 0 to {most}", given)
    return given


def real(what: str, given: Any) -> float:
    """Check that a value is a number other than NaN."""
    found = number(given)
    if found is None or (abs(found) > LARGEST and isinstance(found, int)) or math.isnan(found):
        raise misfit(what, "a number", given)
    return found


def tensor(what: str, given: Any, shape: Sequence[int] | None, dtype: torch.dtype | None, *, finite: bool = True) -> Tensor:
    """Check that a value is a tensor that stores all its elements, optionally with a given shape and dtype, or finite."""
    if not isinstance(given, Tensor) or given.layout is not torch.strided:
        raise misfit(what, "a tensor", given)
    if given.numel() * given.element_size() > given.untyped_storage().nbytes():
        raise misfit(what, "a tensor with each of its elements stored", given)
    if (shape is not None and tuple(given.shape) != tuple(shape)) or (dtype is not None and given.dtype != dtype):
        raise misfit(what, f"a tensor of {dtype or given.dtype} of shape {tuple(given.shape if shape is None else shape)}", given)
    if finite and not bool(torch.isfinite(given).all()):
        raise misfit(what, "finite", given)
    return given


def scalar(what: str, given: Any) -> Any:
    """Check that a value is a number or a one-element tensor, possibly NaN."""
    if isinstance(given, Tensor) and given.ndim == 0 and given.is_floating_point() and given.layout is torch.strided:
        return given
    if number(given) is None:
        raise misfit(what, "a number", given)
    return given


def plain(what: str, given: Any) -> Any:
    """Return ``given`` if it consists of tensors, numbers and texts in lists and mappings, and is not too large."""
    parts, seen = [given], 0
    while parts:
        part = parts.pop()
        if (seen := seen + 1) > PARTS:
            raise InputError(f"{what} in the checkpoint must contain at most {PARTS:,} values, but contains more.")
        if isinstance(part, Mapping):
            parts += [*part.keys(), *part.values()]
        elif isinstance(part, (list, tuple)):
            parts += part
        elif isinstance(part, Tensor):
            tensor(what, part, None, None)
        elif not isinstance(part, (str, int, float, type(None))):
            raise misfit(what, "plain data", part)
    return given


def misfit(what: str, wanted: str, given: Any) -> InputError:
    """The error for data of the wrong form; the value is shown if it is short."""
    if isinstance(given, Tensor):
        shown = f"a tensor of {given.dtype} of shape {tuple(given.shape)}"
    elif given is None or isinstance(given, (bool, int, float, str)):
        shown = repr(given)[:80]
    else:
        shown = f"a {type(given).__name__}"
    return InputError(f"{what} in the checkpoint must be {wanted}, but is {shown}; the run cannot be resumed from it.")


def require_few(node: Mapping[str, Any]) -> None:
    """Raise InputError for a node with too many parts, for example through YAML aliases."""
    parts: list[Any] = [node]
    for _ in range(NODES):
        if not parts:
            return
        part = parts.pop()
        parts += [value for value in _inner(part) if any(isinstance(inner, (Mapping, list)) for inner in _inner(value))]
    raise InputError(f"A node of a config from elsewhere may contain at most {NODES} nodes and lists, but one has more.")


def _inner(part: Any) -> Iterable[Any]:
    """The values in a node or list."""
    return part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ()
