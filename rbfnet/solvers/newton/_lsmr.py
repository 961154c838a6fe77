"""Damped least squares by LSMR, for problems whose triangular factor does not fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator, lsmr
from torch import Tensor

from rbfnet import memory
from rbfnet.errors import InputError
from rbfnet.nn.wrappers import innermost
from rbfnet.solvers.algebra import processes, shared, stacked
from rbfnet.solvers.assembly import Posed, Unknowns

GROUP = 400
"""Block size of the block-Jacobi preconditioner."""

ITERATIONS = 400
"""Maximum number of iterations in one step."""


class Iterative:
    """min |J d + r|^2 + region^2 |S d|^2 by LSMR; J is formed in row blocks for each product, S holds its column norms.

    Neighbouring basis functions are nearly dependent. So the unknowns are partitioned into groups of neighbours, and each group's
    columns are orthogonalised by their own QR factorisation; this needs memory for one group times the unknowns. Row blocks that
    fit into memory are kept and the others are recomputed each time; this costs at most as much as a product by automatic
    differentiation and gives exactly adjoint products.

    It is less accurate than a factorisation, because the directions in which nearly dependent functions differ converge last.

    Source: Fong and Saunders, LSMR: an iterative algorithm for sparse least-squares problems, SIAM J. Sci. Comput. 33 (2011).
    """

    def __init__(self, unknowns: Unknowns, posed: Posed) -> None:
        self.unknowns = unknowns
        self.parts = list(posed.parts(min(len(unknowns), 1000)))
        self.kept: dict[int, Tensor] = {}
        self.residual = torch.cat([part.residual().detach() for part in self.parts])
        self.groups = groups(unknowns)
        self.room = memory.budget() // 2
        found: list[Tensor | None] = [None] * len(self.groups)
        squares: Tensor | float = 0.0
        for block in self._blocks():
            squares = squares + block.square().sum(dim=0)
            found = [stacked(old, block[:, group]) for old, group in zip(found, self.groups, strict=True)]
        lengths = processes.total(cast(Tensor, squares)).sqrt()
        if not torch.isfinite(lengths).all():
            raise InputError("The linear system holds NaN or infinity; check the residuals and their coefficients.")
        self.scale = torch.where(lengths > 0, lengths, 1.0)
        self.triangles = [shared(cast(Tensor, one)) for one in found]

    def step(self, region: float) -> Float[Tensor, " U"]:
        """d."""
        rounding = torch.finfo(self.scale.dtype).eps ** 0.5
        factors = [
            stacked(one, (max(region, rounding) * self.scale[group]).diag())
            for one, group in zip(self.triangles, self.groups, strict=True)
        ]
        local, rows = len(self.residual), len(self.residual) * processes.count()
        first = local * processes.rank()
        like = self.scale

        def undo(y: Tensor, transpose: bool) -> Tensor:
            x = torch.empty_like(y)
            for factor, group in zip(factors, self.groups, strict=True):
                square = factor.T if transpose else factor
                x[group] = torch.linalg.solve_triangular(square, y[group, None], upper=not transpose)[:, 0]
            return x

        def forward(y: Any) -> Any:
            x = undo(torch.from_numpy(np.ravel(y)).to(like), False)
            products = processes.gathered(torch.cat([block @ x for block in self._blocks()]))
            return torch.cat([products, region * self.scale * x]).cpu().numpy()

        def backward(u: Any) -> Any:
            v = torch.from_numpy(np.ravel(u)).to(like)
            mine = v[first : first + local].split([part.num_rows for part in self.parts])
            sums = sum((block.T @ one for block, one in zip(self._blocks(), mine, strict=True)), torch.zeros_like(like))
            return undo(processes.total(sums) + region * self.scale * v[rows:], True).cpu().numpy()

        size = len(self.scale)
        operator = LinearOperator((rows + size, size), matvec=forward, rmatvec=backward, dtype=self._numpy(like).dtype)
        target = torch.cat([-processes.gathered(self.residual), torch.zeros_like(like)])
        found = lsmr(operator, self._numpy(target), atol=1e-14, btol=1e-14, conlim=0, maxiter=ITERATIONS)[0]
        return undo(torch.from_numpy(found).to(like), False)

    def _blocks(self) -> Iterator[Tensor]:
        for k, part in enumerate(self.parts):
            block = self.kept[k] if k in self.kept else self.unknowns.linearization(part)[1]
            if k not in self.kept and (needed := block.numel() * block.element_size()) <= self.room:
                self.kept[k] = block
                self.room -= needed
            yield block

    @staticmethod
    def _numpy(values: Tensor) -> Any:
        return values.cpu().numpy()


def groups(unknowns: Unknowns) -> list[Tensor]:
    """Groups of unknowns: the coefficients of neighbouring centres for each output, then all others."""
    centers = cast(Tensor, innermost(unknowns.model).centers).detach()
    columns, outputs = unknowns.model.coefficients.shape
    # The tail is grouped with the last centres.
    cells = _halved(centers, torch.arange(len(centers), device=centers.device))
    cells[-1] = torch.cat([cells[-1], torch.arange(len(centers), columns, device=centers.device)])
    rest = torch.arange(unknowns.num_linear, len(unknowns), device=centers.device)
    return [cell + o * columns for o in range(outputs) for cell in cells] + ([*rest.split(GROUP)] if len(rest) else [])


def _halved(centers: Tensor, chosen: Tensor) -> list[Tensor]:
    """Bisect across the longest side until each cell is small enough."""
    if len(chosen) <= GROUP:
        return [chosen]
    x = centers[chosen]
    order = chosen[x[:, int((x.amax(dim=0) - x.amin(dim=0)).argmax())].argsort()]
    half = len(order) // 2
    return _halved(centers, order[:half]) + _halved(centers, order[half:])
