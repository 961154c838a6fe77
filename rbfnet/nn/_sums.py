"""Sums over basis functions, and the routes to them: neighbour lists, compiled blocks, radial sums, all pairs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.nn._metric import Isotropic
from rbfnet.nn.blocks import (
    PAIRS,
    AllPairs,
    Cache,
    CompiledBlock,
    Neighbours,
    Pairs,
    RadialBlock,
    blockwise,
    radial_powers,
    transformed,
)
from rbfnet.operators import Coefficient, Operator, tensors_of

if TYPE_CHECKING:
    from rbfnet.nn._layer import RBFLayer

FILL, FILL_COMPILED = 0.12, 0.04
"""Below these shares of pairs within reach, lists beat all pairs, and compiled ones (``scripts/bench_scale.py``)."""

_COMPILED: WeakKeyDictionary[nn.Module, Cache] = WeakKeyDictionary()
"""What has been compiled for a layer; not on the layer itself, which can be copied and sent to other processes."""


def contract(
    layer: RBFLayer, x: Float[Tensor, "B D"], ops: Sequence[Operator], weight: Float[Tensor, "M O"]
) -> Float[Tensor, "B O K"]:
    """Each operator of sum_j phi_j(x) weight_jo, by the cheapest route there is.

    - Lists of the centres within reach, where the kernel has compact support and few are.
    - Compiled blocks, where the layer is to be compiled.
    - Radial sums, where the operators are made of powers of the Laplacian and the metric is isotropic.
    - Blocks of all pairs.
    """
    if not ops:
        return x.new_zeros((x.shape[0], weight.shape[1], 0))
    rows, shared = [x, *tensors_of(ops)], [*layer.tensors(), weight]
    lists = _neighbours(layer, x)
    if lists is not None:
        neighbours, size = lists
        order = neighbours.order(x)
        sorted_rows = [row.index_select(0, order) for row in rows]
        sums = blockwise(layer.block(ops, neighbours.pairs, _sums), sorted_rows, shared, size)
        return sums.index_select(0, order.argsort())
    size = layer.rows_per_block
    if layer.compiled and not torch.compiler.is_compiling() and x.shape[0] >= size:
        pairs = AllPairs(fused=True)
        # One metric for each centre, so that all gradients are sums over points: the compiler makes one loop of those alone.
        if not layer.metric.per_center:
            shared[1] = shared[1].expand(layer.num_centers, *shared[1].shape)
        f = layer.block(ops, lambda x: pairs, _sums)
        block = CompiledBlock(f, (layer.kernel, _form(ops)), size, len(rows), _COMPILED.setdefault(layer, {}))
        return blockwise(block, rows, shared, size)
    powers = _powers(layer, ops)
    if powers is not None:
        return _radial_sums(layer, x, powers, weight)
    pairs = AllPairs()
    return blockwise(layer.block(ops, lambda x: pairs, _sums), rows, shared, size)


def _sums(x: Tensor, ops: Sequence[Operator], columns: Sequence[Tensor], pairs: Pairs, weight: Tensor) -> Tensor:
    return torch.stack([pairs.contract(column, weight) for column in columns], dim=-1)


def _form(ops: Sequence[Operator]) -> Hashable:
    """What operators are, up to the values of the tensors in them."""
    tensors = tensors_of(ops)

    def named(part: Hashable) -> Hashable:
        return ("tensor", next(n for n, t in enumerate(tensors) if t is part)) if isinstance(part, Tensor) else part

    return tuple(tuple((tuple(named(v) for v in ds), named(c)) for ds, c in op.terms) for op in ops)


def _neighbours(layer: RBFLayer, x: Tensor) -> tuple[Neighbours, int] | None:
    """Lists of the centres within reach, and how many points make a block, where a compact kernel makes them worth it."""
    if not layer.kernel.compact or torch.compiler.is_compiling() or x.shape[0] * layer.num_centers <= PAIRS:
        return None
    if transformed(x, *layer.tensors()):
        return None
    neighbours = Neighbours(layer.centers, layer.metric.reach(layer.in_features))
    counts = neighbours.counts(x)
    if counts.mean() >= (FILL_COMPILED if layer.compiled else FILL) * layer.num_centers:
        return None
    # By the most crowded, as points sorted by place crowd together.
    return neighbours, max(1, PAIRS // max(1, int(counts.max())))


def _powers(layer: RBFLayer, ops: Sequence[Operator]) -> list[dict[int, Coefficient]] | None:
    """The powers of the Laplacian that make up the operators, where all of them are made of such and nothing else is."""
    # Parameters of the kernel get their gradients from autograd.
    if not isinstance(layer.metric, Isotropic) or any(True for _ in layer.kernel.parameters()):
        return None
    powers = []
    for op in ops:
        found = radial_powers(op, layer.in_features)
        if found is None:
            return None
        powers.append(found)
    return powers


def _radial_sums(layer: RBFLayer, x: Tensor, powers: list[dict[int, Coefficient]], weight: Tensor) -> Tensor:
    needed = sorted({p for by_power in powers for p in by_power}) or [0]
    block = RadialBlock(layer.kernel.derivatives, needed)
    channels = blockwise(block, [x], [layer.centers, layer.metric.factor().square(), weight], layer.rows_per_block)
    plain = [p for by_power in powers for p, c in by_power.items() if not isinstance(c, Tensor) and c == 1.0]
    if plain == needed and all(len(by_power) == 1 for by_power in powers):
        return channels
    results = []
    for by_power in powers:
        terms = [(c[:, None] if isinstance(c, Tensor) else c) * channels[..., needed.index(p)] for p, c in by_power.items()]
        results.append(sum(terms[1:], terms[0]) if terms else torch.zeros_like(channels[..., 0]))
    return torch.stack(results, dim=-1)
