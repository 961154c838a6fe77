"""Data by local interpolants: the nodal values are the data, and nothing is solved for all points at once."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import LocalNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel
from rbfnet.solvers.assembly import Posed, Values
from rbfnet.solvers.scattered._scattered_values import scattered


def is_local(model: object) -> bool:
    """Whether the network inside of a model is a :class:`rbfnet.nn.LocalNetwork`."""
    return isinstance(model, LinearModel) and isinstance(innermost(model), LocalNetwork)


def fit_locally(posed: Posed, values: Values) -> tuple[Float[Tensor, "S O"], Float[Tensor, "N O"] | None, list[str]]:
    """The values at the nodes, the leave-one-out error of each row (None if other rows measure the fit), and sentences."""
    network = innermost(posed.model)
    assert isinstance(network, LocalNetwork)
    data = scattered(values, posed.problem.sites(), 0.0, posed.problem.row_weights())
    missed = network.left_out(data.y)
    words = []
    for name, error, spread in zip(posed.problem.outputs, missed.T, data.spread.tolist(), strict=True):
        known = error[~torch.isnan(error)]
        share = f"{100 * float(known.square().mean().sqrt()) / spread:.2g} %" if len(known) and spread else "an unknown share"
        words.append(
            f"Local interpolation, {network.neighbors} points each: the leave-one-out error of {name} is {share} of its spread."
        )
    return data.y, None if posed.problem.test_set() is not None else data.by_row(missed), words
