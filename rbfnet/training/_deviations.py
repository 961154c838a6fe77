"""Standard deviations of quantities that are asked of a fit to data."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import LocalNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import Operator, Recorder
from rbfnet.solvers import Posterior
from rbfnet.training._asked import Asked, field_of
from rbfnet.training._column_names import ColumnNames
from rbfnet.training._model import Network


def deviations(
    posterior: Posterior | None, model: Network, x: Float[Tensor, "N D"], asked: Sequence[Asked], names: ColumnNames
) -> Float[Tensor, "N K"]:
    """The standard deviation of each quantity; expressions are linearised at the model.

    Raises:
        InputError: there is no posterior, or its kernel is not smooth enough.
    """
    if posterior is None and isinstance(innermost(model), LocalNetwork):
        raise InputError(
            "Error bars need one system of all points, which local interpolants do not have; use network='default', or "
            "num_centers for many points."
        )
    if posterior is None:
        raise InputError(
            "Error bars are for data fitted by least_squares in this session; fit the data again, as in rbfnet.fit(x, y)."
        )
    found = [posterior.std_of(x, _linear(one, model, x, names)) for one in asked]
    if not posterior.warned and (far := posterior.outside(x)):
        posterior.warned = True
        warnings.warn(
            f"{far:,} of {len(x):,} points are outside of the data, where a fit extrapolates and its error bars grow.",
            stacklevel=3,
        )
    return torch.stack(found, dim=1)


def _linear(one: Asked, model: Network, x: Tensor, names: ColumnNames) -> dict[int, Operator]:
    """The operator on each output that a quantity is, up to what does not depend on the solution."""
    if isinstance(one.of, Operator):
        return {names.outputs.index(one.output): one.of}
    plain, _ = names.identifiers()
    recorder = Recorder(len(names.outputs), model)
    with torch.enable_grad():
        values = one.of(field_of(recorder, x, plain, one.of.operators))
    leaves = recorder.channels
    if not values.requires_grad or not leaves:
        return {}
    slopes = torch.autograd.grad(values.sum(), list(leaves.values()), allow_unused=True)
    found: dict[int, Operator] = {}
    for op, slope in zip(leaves, slopes, strict=True):
        for o, c in enumerate(() if slope is None else slope.unbind(dim=1)):
            if c.any():
                term = (float(c[0]) if bool((c == c[0]).all()) else c) * op
                found[o] = found[o] + term if o in found else term
    return found
