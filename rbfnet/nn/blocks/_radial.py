"""The fast path: sums of radial functions of the squared distance, with a custom backward pass.

The Laplacian of phi(s), s = epsilon^2 |x - c|^2, is epsilon^2 (L phi)(s) with L f = 2 D f' + 4 s f'': again a function of s
alone, and so are its powers. What is contracted with the weights and differentiated in centres and shapes is then one profile
and its slope, with no factor that depends on a direction (``scripts/bench_operators.py`` measures what that is worth).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rbfnet.nn.blocks._blockwise import Block
from rbfnet.nn.blocks._collect import collect
from rbfnet.nn.blocks._columns import Rungs
from rbfnet.nn.blocks._functorch import transformed
from rbfnet.operators import Coefficient, Operator

Expansion = dict[tuple[int, int], float]
"""(m, k) -> coefficient, for the sum over coefficient * s^m f^(k)(s)."""


def radial_powers(op: Operator, dims: int) -> dict[int, Coefficient] | None:
    """For an operator sum_p c_p Lap^p over all inputs, {p: c_p}; None for any other."""
    parts, rest = collect(op, dims)
    powers: dict[int, Coefficient] = {}
    for part in parts:
        if len(part.subset) < dims or part.along is not None:
            return None
        powers[part.power] = powers.get(part.power, 0.0) + part.coefficient
    for directions, c in rest:
        if directions:
            return None
        powers[0] = powers.get(0, 0.0) + c
    return powers


def _profile(power: int, dims: int) -> Expansion:
    """L^power f."""
    found: Expansion = {(0, 0): 1.0}
    for _ in range(power):
        next_one: Expansion = {}
        for (m, k), c in found.items():
            # L (s^m f^(k)), term by term.
            for key, factor in (
                ((m - 1, k), 2.0 * m * (dims + 2 * (m - 1))),
                ((m, k + 1), 2.0 * dims + 8.0 * m),
                ((m + 1, k + 2), 4.0),
            ):
                if factor:
                    next_one[key] = next_one.get(key, 0.0) + c * factor
        found = next_one
    return found


def _slope(power: int, dims: int) -> Expansion:
    """(L^power f)'."""
    found: Expansion = {}
    for (m, k), c in _profile(power, dims).items():
        for key, factor in (((m - 1, k), float(m)), ((m, k + 1), 1.0)):
            if factor:
                found[key] = found.get(key, 0.0) + c * factor
    return found


def _evaluate(expansion: Expansion, s: Tensor, f: dict[int, Tensor], in_place: bool) -> Tensor:
    """By Horner's rule in s, in an array of its own; no power of s comes with two different k."""
    (k, c), *lower = [(k, c) for (_, k), c in sorted(expansion.items(), reverse=True)]
    result = c * f[k]
    for k, c in lower:
        result = result.mul_(s).add_(f[k], alpha=c) if in_place else torch.add(result * s, f[k], alpha=c)
    return result


class RadialBlock(Block):
    """u_p(x) = sum_j a_j^p (L^p f)(a_j |x - c_j|^2) w_j, for several powers p: Lap^p of a sum of kernels.

    Args:
        rungs: ``Kernel.derivatives``; nothing else is known of the kernel, so it has no parameters to be trained.
        powers: the powers p, one channel each.
    """

    holds = False

    def __init__(self, rungs: Rungs, powers: Sequence[int]) -> None:
        super().__init__(self._sums)
        self.rungs, self.powers = rungs, powers

    def __call__(self, *tensors: Tensor) -> Tensor:
        x, centers, a, weight = tensors
        # In place a batched factor would not fit into an array that is not batched.
        return self._sums(x, centers, a, weight, in_place=not transformed(*tensors))

    def _sums(self, x: Tensor, centers: Tensor, a: Tensor, weight: Tensor, in_place: bool = False) -> Tensor:
        """(B, D), (M, D), () or (M,), (M, O) -> (B, O, P). In place only without a graph, and without forward mode."""
        s = self._distances(x, centers, a, in_place)
        expansions = [_profile(p, x.shape[1]) for p in self.powers]
        f = self._rungs(s, expansions)
        # The function itself is taken as it is; to evaluate its expansion would copy it.
        profiles = [f[0] if p == 0 else _evaluate(e, s, f, in_place) for e, p in zip(expansions, self.powers, strict=True)]
        return torch.stack([each @ _scaled(weight, a, p) for each, p in zip(profiles, self.powers, strict=True)], dim=-1)

    def pull(self, inputs: Sequence[Tensor], wanted: Sequence[int], grad: Tensor) -> list[Tensor]:
        """The gradients of a block in the inputs (x, centers, a, weight) numbered ``wanted``, from that of its output.

        Sums over pairs are products of matrices. Differences x - c are not stored for them: with both taken from the median of
        the points, sum_b S_bj (x_b - c_j) is (S^T x)_j - (S^T 1)_j c_j. What cancels in it costs gradients in points and centres
        as many digits as epsilon times the extent of the points has.
        """
        x, centers, a, weight = inputs
        dims = x.shape[1]
        s = self._distances(x, centers, a, in_place=True)
        profiles, slopes = [_profile(p, dims) for p in self.powers], [_slope(p, dims) for p in self.powers]
        need_weight, need_rest = 3 in wanted or 2 in wanted, min(wanted) < 3
        f = self._rungs(s, (profiles if need_weight else []) + (slopes if need_rest else []))
        by_weight = torch.zeros_like(weight)
        by_a = torch.zeros_like(weight[:, 0])
        through_s: Tensor | None = None
        for p, profile, slope, g in zip(self.powers, profiles, slopes, grad.unbind(-1), strict=True):
            if need_weight:
                product = _scaled(_evaluate(profile, s, f, True).T @ g, a, p)
                by_weight += product
                by_a += p * (product * weight).sum(dim=1)
            if need_rest:
                scaled = _scaled(weight, a, p).T
                # For one output, scaling rows and columns is cheaper than the array of their products.
                by_output = [g, scaled] if len(scaled) == 1 else [g @ scaled]
                term = _evaluate(slope, s, f, True)
                for factor in by_output:
                    term.mul_(factor)
                through_s = term if through_s is None else through_s.add_(term)
        found: dict[int, Tensor] = {3: by_weight}
        if through_s is not None:
            # The median, as one point far away would take the mean, and with it all digits, away from the others.
            middle = x.median(dim=0).values if len(x) else torch.zeros_like(centers[0])
            points, near = x - middle, centers - middle
            spread = a if a.ndim else a.expand(len(centers))
            if 0 in wanted:
                sums = through_s @ torch.cat([spread[:, None] * near, spread[:, None]], dim=1)
                found[0] = 2.0 * (points * sums[:, -1:] - sums[:, :-1])
            if 1 in wanted:
                sums = through_s.T @ torch.cat([points, torch.ones_like(points[:, :1])], dim=1)
                found[1] = 2.0 * spread[:, None] * (near * sums[:, -1:] - sums[:, :-1])
            if 2 in wanted:
                by_a = (by_a + through_s.mul_(s).sum(dim=0)) / spread
                found[2] = by_a if a.ndim else by_a.sum()
        return [found[i] for i in wanted]

    def _distances(self, x: Tensor, centers: Tensor, a: Tensor, in_place: bool) -> Tensor:
        columns = centers.T.contiguous()
        difference = x[:, 0, None] - columns[0]
        s = difference.square_() if in_place else difference.square()
        for i in range(1, len(columns)):
            difference = x[:, i, None] - columns[i]
            s = s.addcmul_(difference, difference) if in_place else torch.addcmul(s, difference, difference)
        return s.mul_(a) if in_place else s * a

    def _rungs(self, s: Tensor, expansions: Sequence[Expansion]) -> dict[int, Tensor]:
        orders = sorted({k for expansion in expansions for _, k in expansion})
        return dict(zip(orders, self.rungs(s, orders), strict=True))


def _scaled(weight: Tensor, a: Tensor, power: int) -> Tensor:
    """a_j^power w_j."""
    if power == 0:
        return weight
    return (a**power)[:, None] * weight if a.ndim else a**power * weight
