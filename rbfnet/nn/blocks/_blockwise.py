"""Evaluate a row-wise function block by block, forward and backward, so that no B x M array is ever held."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from rbfnet.nn.blocks._functorch import transformed

PAIRS = 2**18
"""Pairs per block in float64, twice as many in float32: few enough to stay in cache, enough for what operations cost to start."""

# The C library gives arrays of this size back to the system when they are freed, and gets them page by page again: twice the
# time of a block. Once it has seen a larger array freed, it keeps them (mallopt(3), M_MMAP_THRESHOLD); nothing is touched here.
torch.empty(31 * 2**20, dtype=torch.uint8, device="cpu")


class Block:
    """A function of one block of rows, and its gradients.

    Args:
        f: maps tensors, of which the first few have a row for each point, to a tensor with a row for each point. Every tensor
            that it depends on and that is to be differentiated has to be among them.
    """

    holds = True
    """A single block may be kept as it is, for autograd to go through; not where the gradients are written by hand."""

    def __init__(self, f: Callable[..., Tensor]) -> None:
        self.f = f

    def __call__(self, *tensors: Tensor) -> Tensor:
        """The function, where nothing is differentiated through it."""
        return self.f(*tensors)

    def pull(self, inputs: Sequence[Tensor], wanted: Sequence[int], grad: Tensor) -> Sequence[Tensor]:
        """The gradients in the inputs numbered ``wanted``, from that of the output, as numbers."""
        leaves = [t.detach().requires_grad_(i in wanted) for i, t in enumerate(inputs)]
        with torch.enable_grad():
            return torch.autograd.grad(self.f(*leaves), [leaves[i] for i in wanted], grad, materialize_grads=True)


def blockwise(block: Block | Callable[..., Tensor], rows: Sequence[Tensor], shared: Sequence[Tensor], size: int) -> Tensor:
    """``block(*rows, *shared)``, where the function maps rows to rows, evaluated ``size`` rows at a time.

    Forward holds one block's intermediates; backward recomputes each block, and so does forward mode; a backward that is itself
    differentiated (``create_graph=True``) replays the blocks with a graph, in the memory that takes. Every tensor that the
    function depends on and that is to be differentiated has to be passed in.

    Example:
        >>> import torch
        >>> from rbfnet.nn import blockwise
        >>> x, y = torch.rand(1000, 2), torch.rand(300, 2)
        >>> blockwise(lambda x, y: (x @ y.T).square().sum(dim=1), [x], [y], size=100).shape
        torch.Size([1000])
    """
    block = block if isinstance(block, Block) else Block(block)
    if torch.compiler.is_compiling():
        return block.f(*rows, *shared)
    if len(rows[0]) <= size and (block.holds or transformed(*rows, *shared)):
        return block.f(*rows, *shared)
    return _Blockwise.apply(block, size, len(rows), *rows, *shared)


class _Blockwise(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(block: Block, size: int, num_rows: int, *tensors: Tensor) -> Tensor:
        rows, shared = tensors[:num_rows], tensors[num_rows:]
        if len(rows[0]) <= size:
            return block(*tensors)
        joined = _Joined(len(rows[0]))
        for part in _parts(rows, size):
            joined.add(block(*part, *shared))
        return joined.whole()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.block, ctx.size, ctx.num_rows, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tensors, n = ctx.saved_tensors, ctx.num_rows
        wanted = [i for i, needed in enumerate(ctx.needs_input_grad[3:]) if needed]
        # Gradients that are differentiated again, or inside torch.func, need vjp; for all others plain numbers cost less.
        plain = not torch.is_grad_enabled() and not transformed(*tensors, grad)
        grads: list[Any] = [None] * len(tensors)
        joined = {i: _Joined(len(grad) if plain else None) for i in wanted if i < n}
        for *rows, g in _parts((*tensors[:n], grad), ctx.size):
            inputs = [*rows, *tensors[n:]]
            pulled = ctx.block.pull(inputs, wanted, g) if plain else _pull_differentiably(ctx.block.f, inputs, wanted, g)
            for i, part in zip(wanted, pulled, strict=True):
                if i < n:
                    joined[i].add(part)
                else:
                    grads[i] = part if grads[i] is None else grads[i] + part
        for i, rows_of in joined.items():
            grads[i] = rows_of.whole()
        return (None, None, None, *grads)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        f, n = ctx.block.f, ctx.num_rows
        # Forward mode is off in here for all levels; see rbfnet.kernels._ladder.
        with forward_ad._set_fwd_grad_enabled(True):
            primals = [forward_ad.unpack_dual(t, level=0).primal for t in ctx.saved_tensors]
            directions = [
                torch.zeros_like(p) if t is None else forward_ad.unpack_dual(t, level=0).primal
                for p, t in zip(primals, tangents[3:], strict=True)
            ]

            def push(*parts: Tensor) -> Tensor:
                half = len(parts) // 2
                rows, shared = parts[: 2 * n], parts[2 * n :]
                split = half - n
                point = (*rows[:n], *shared[:split])
                direction = (*rows[n:], *shared[split:])
                return torch.func.jvp(f, point, direction)[1]

            return blockwise(push, [*primals[:n], *directions[:n]], [*primals[n:], *directions[n:]], ctx.size)


class _Joined:
    """Rows joined from parts; in place where their number is given.

    Small results kept apart over all blocks would lie between the large arrays of the blocks, whose memory could then not be
    given back: gigabytes for a million points. A graph through them wants them apart.
    """

    def __init__(self, num_rows: int | None) -> None:
        self.num_rows, self.done = num_rows, 0
        self.parts: list[Tensor] = []

    def add(self, part: Tensor) -> None:
        if self.num_rows is None:
            self.parts.append(part)
            return
        if not self.parts:
            self.parts = [part.new_empty((self.num_rows, *part.shape[1:]))]
        self.parts[0][self.done : self.done + len(part)] = part
        self.done += len(part)

    def whole(self) -> Tensor:
        return self.parts[0] if self.num_rows is not None else torch.cat(self.parts)


def _parts(rows: Sequence[Tensor], size: int) -> Any:
    return zip(*(r.split(size) for r in rows), strict=True)


def _pull_differentiably(f: Callable[..., Tensor], inputs: list[Tensor], wanted: list[int], grad: Tensor) -> Sequence[Tensor]:
    """The same, as differentiable functions of all inputs."""

    def of_wanted(*some: Tensor) -> Tensor:
        filled = list(inputs)
        for i, tensor in zip(wanted, some, strict=True):
            filled[i] = tensor
        return f(*filled)

    return torch.func.vjp(of_wanted, *(inputs[i] for i in wanted))[1](grad)
