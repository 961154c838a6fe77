"""Blocks compiled by torch.compile: one loop over the pairs of a block, in which nothing is stored between its steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

from rbfnet.nn.blocks._blockwise import Block
from rbfnet.nn.blocks._functorch import transformed

Cache = dict[Hashable, Callable[..., object]]

NOTHING_STORED = {
    name: 10_000 for name in ("realize_opcount_threshold", "realize_reads_threshold", "realize_acc_reads_threshold")
}
"""The compiler stores what is used often or took long; for a pair, to compute it in one go is several times faster."""


class CompiledBlock(Block):
    """A block whose forward and gradients are compiled, each on its first use. A block of fewer rows, the last, is filled up.

    The function is traced to PyTorch's own operations first (``make_fx``), the gradients with it, so that whatever runs can be
    compiled: kernels of the user's own and their parameters too.

    Args:
        f: as for :class:`Block`.
        key: what the function depends on beside its tensors; two of equal key are the same function.
        size: the rows of a full block.
        num_rows: how many of the tensors have a row for each point.
        cache: where what has been compiled is kept.
    """

    holds = False

    def __init__(self, f: Callable[..., Tensor], key: Hashable, size: int, num_rows: int, cache: Cache) -> None:
        super().__init__(f)
        self.key, self.size, self.num_rows, self.cache = key, size, num_rows, cache

    def __call__(self, *tensors: Tensor) -> Tensor:
        if transformed(*tensors):
            return self.f(*tensors)
        there = len(tensors[0])
        value: Any = self._run("value", self.f, self._filled(tensors))
        return value[:there]

    def pull(self, inputs: Sequence[Tensor], wanted: Sequence[int], grad: Tensor) -> Sequence[Tensor]:
        plain, there = super().pull, len(grad)

        def gradients(*tensors: Tensor) -> tuple[Tensor, ...]:
            return tuple(plain(tensors[:-1], wanted, tensors[-1]))

        # Rows that were filled in have no part in the loss.
        padding = grad.new_zeros((self.size - there, *grad.shape[1:]))
        found: Any = self._run(tuple(wanted), gradients, (*self._filled(inputs), _dense(torch.cat([grad, padding]))))
        return [part[:there] if i < self.num_rows else part for i, part in zip(wanted, found, strict=True)]

    def _filled(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        rows, missing = tensors[: self.num_rows], self.size - len(tensors[0])
        filled = [torch.cat([t, t[-1:].expand(missing, *t.shape[1:])]) if missing else t for t in rows]
        return [*map(_dense, filled), *tensors[self.num_rows :]]

    def _run(self, what: Hashable, f: Callable[..., object], tensors: Sequence[Tensor]) -> object:
        forms = tuple((t.shape, t.stride(), t.dtype, t.device) for t in tensors)
        key = (what, self.key, forms)
        leaves = [t.detach() for t in tensors]
        with torch.no_grad():
            if key not in self.cache:
                traced = make_fx(f)(*leaves)
                # Forward mode leaves questions behind whose answers nobody uses, and which the compiler cannot ask.
                traced.graph.eliminate_dead_code()
                traced.recompile()
                self.cache[key] = torch.compile(traced, fullgraph=True, dynamic=False, options=dict(NOTHING_STORED))
            return self.cache[key](*leaves)


def _dense(rows: Tensor) -> Tensor:
    """In one layout, whatever the rows were cut from: another layout would be compiled for anew."""
    return rows.clone(memory_format=torch.contiguous_format)
