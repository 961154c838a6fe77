"""Validate the return values of user functions."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from rbfnet.errors import InputError


def one_each(given: object, like: Tensor, must: str) -> Tensor | float:
    """One real number for each point, (B,) as ``like``, or one for all of them; whole numbers and NumPy arrays become such.

    Raises:
        InputError: anything else; the sentence begins with ``must``, "... must give one number per point".
    """
    found = torch.from_numpy(given) if isinstance(given, np.ndarray) and given.dtype.kind in "fiub" else given
    if isinstance(found, Tensor):
        if found.shape in ((), like.shape) and not found.is_complex():
            return found if found.is_floating_point() else found.to(like)
    elif isinstance(found, (int, float, np.integer, np.floating)) and not isinstance(found, bool):
        return float(found)
    raise InputError(f"{must}, ({len(like)},), but gave {_described(found)}.")


def true_each(given: object, x: Tensor, what: str) -> Bool[Tensor, " B"]:
    """True or false for each of the points x (B, D).

    Raises:
        InputError: anything else; ``what`` names the function in the sentence.
    """
    found = torch.from_numpy(given) if isinstance(given, np.ndarray) and given.dtype.kind in "fiub" else given
    if isinstance(found, Tensor) and found.shape == (len(x),) and not found.is_complex():
        return found.bool().to(x.device)
    raise InputError(f"{what} must give true or false at each point, ({len(x)},), but gave {_described(found)}.")


def call(function: Callable[..., Any], what: str, *arguments: Any) -> Any:
    """What ``function`` returns for these arguments.

    Raises:
        InputError: it takes another number of them; ``what`` names it. An error inside of it keeps its traceback.
    """
    try:
        return function(*arguments)
    except TypeError:
        if (signature := misfit(function, *arguments)) is None:
            raise
    count = len(arguments)
    raise InputError(f"{what} is called with {count} argument{'s' * (count != 1)}, but takes {signature}.")


def misfit(function: Callable[..., Any], *arguments: Any) -> inspect.Signature | None:
    """The signature of a function that cannot be called with these arguments; None where it can, or nothing is known."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*arguments)
    except TypeError:
        return signature
    return None


def untouched(function: Callable[[], Any], *tensors: Tensor) -> tuple[Any, bool]:
    """What ``function`` returns, and whether it has left these tensors as they were."""
    before = [(tensor.clone(), _version(tensor)) for tensor in tensors]
    returned = function()
    same = all(
        _version(tensor) == version and torch.allclose(tensor, values, rtol=0.0, atol=0.0, equal_nan=True)
        for tensor, (values, version) in zip(tensors, before, strict=True)
    )
    return returned, same


def _version(tensor: Tensor) -> int:
    """How often PyTorch has seen it change; it does not look at tensors made in inference mode."""
    return 0 if tensor.is_inference() else tensor._version


def _described(found: object) -> str:
    if isinstance(found, Tensor):
        return f"{tuple(found.shape)}{' of complex numbers' if found.is_complex() else ''}"
    if isinstance(found, np.ndarray):
        return f"a NumPy array {found.shape} of {found.dtype}"
    return reprlib.repr(found)
