"""Blocks compiled by torch.compile: one loop over the pairs of a block, in which nothing is stored between its steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.fx.experimental.proxy_tensor import make_fx

from rbfnet.nn._blockwise import Block

Cache = dict[Hashable, Callable[..., object]]

NOTHING_STORED = {
    name: 10_000 for name in ("realize_opcount_threshold", "realize_reads_threshold", "realize_acc_reads_threshold")
}
"""The compiler stores what is used often or took long; for a pair, to compute it in one go is several times faster."""


class CompiledBlock(Block):
    """A block whose forward and gradients are compiled, each on its first use; smaller blocks, such as the last, are not.

    The function is traced to PyTorch's own operations first (``make_fx``), the gradients with it, so that whatever runs can be
    compiled: kernels of the user's own and their parameters too.

    Args:
        f: as for :class:`Block`.
        key: what the function depends on beside its tensors; two of equal key are the same function.
        size: the rows of a full block.
        cache: where what has been compiled is kept.
    """

    holds = False

    def __init__(self, f: Callable[..., Tensor], key: Hashable, size: int, cache: Cache) -> None:
        super().__init__(f)
        self.key, self.size, self.cache = key, size, cache

    def __call__(self, *tensors: Tensor) -> Tensor:
        if len(tensors[0]) != self.size or any(map(is_functorch_wrapped_tensor, tensors)):
            return self.f(*tensors)
        return self._run("value", self.f, tensors)  # type: ignore[return-value]

    def pull(self, inputs: Sequence[Tensor], wanted: Sequence[int], grad: Tensor) -> Sequence[Tensor]:
        if len(inputs[0]) != self.size:
            return super().pull(inputs, wanted, grad)
        plain = super().pull

        def gradients(*tensors: Tensor) -> tuple[Tensor, ...]:
            return tuple(plain(tensors[:-1], wanted, tensors[-1]))

        return self._run(tuple(wanted), gradients, (*inputs, grad))  # type: ignore[return-value]

    def _run(self, what: Hashable, f: Callable[..., object], tensors: Sequence[Tensor]) -> object:
        forms = tuple((t.shape, t.dtype, t.device) for t in tensors)
        key = (what, self.key, forms)
        leaves = [t.detach() for t in tensors]
        with torch.no_grad():
            if key not in self.cache:
                traced = make_fx(f)(*leaves)
                self.cache[key] = torch.compile(traced, fullgraph=True, dynamic=False, options=dict(NOTHING_STORED))
            return self.cache[key](*leaves)
