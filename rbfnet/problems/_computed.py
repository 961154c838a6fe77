"""References of problems written as text that are computed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, unknown
from rbfnet.problems.zoo.references import columns


def computed(node: Mapping[str, Any], names: Sequence[str]) -> Callable[[], Float[Tensor, "N C"]]:
    """The columns of the reference that a node names, ``{reference: burgers_thin}``, as a function that computes them.

    Args:
        node: ``reference``, and the arguments of that function of :func:`rbfnet.problems.zoo.references.columns`.
        names: of the columns, in order. One that the reference does not have is NaN.

    Raises:
        InputError: an unknown reference or argument.
    """
    if "reference" not in node:
        raise InputError(
            f"exact must be a string, a list of strings or a node such as {{reference: kdv_cosine}}, but got {dict(node)!r}."
        )
    arguments = {key: value for key, value in node.items() if key != "reference"}
    known = columns()
    if node["reference"] not in known:
        raise unknown("computed reference called", node["reference"], known)
    compute = known[node["reference"]]
    parameters = inspect.signature(compute).parameters
    for key in arguments:
        if key not in parameters:
            raise unknown(f"argument of the reference {node['reference']} called", key, parameters)
    return partial(_stacked, partial(compute, **arguments), names)


def _stacked(compute: Callable[[], Mapping[str, Any]], names: Sequence[str]) -> Float[Tensor, "N C"]:
    found = {name: torch.as_tensor(values, dtype=torch.float64) for name, values in compute().items()}
    missing = torch.full_like(next(iter(found.values())), torch.nan)
    return torch.stack([found.get(name, missing) for name in names], dim=1)
