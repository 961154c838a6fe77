"""Products of kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from rbfnet.kernels._as_kernel import KernelLike, as_kernels
from rbfnet.kernels._composite import Composite


class Product(Composite):
    """phi = phi_1 phi_2 ...; ``k1 * k2`` in Python.

    Derivatives: Leibniz' rule, (f g)^(k) = sum_j C(k, j) f^(j) g^(k-j). Smoothness: the least of its members'. Order: 0
    if all are positive definite (Schur's theorem), else None. Compact if one member is.

    Equivalents: GPyTorch ``ProductKernel``, ``k1 * k2``; none in SciPy. Source: Wendland (2004), theorem 6.2.

    Args:
        kernels: two or more, each whatever a layer takes.

    Raises:
        InputError: fewer than two, or something that is not a kernel.

    Example:
        >>> from rbfnet.kernels import Gaussian, Product, Wendland
        >>> kernel = Gaussian() * Wendland(4)
        >>> isinstance(kernel, Product), kernel.compact
        (True, True)
    """

    def __init__(self, kernels: Sequence[KernelLike]) -> None:
        super().__init__(as_kernels("A product", kernels))
        self.order = 0 if all(kernel.order == 0 for kernel in self.members) else None
        self.compact = any(kernel.compact for kernel in self.members)

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        needed = range(max(orders) + 1)
        total, *others = (kernel.derivatives(s, needed) for kernel in self.members)
        for i, found in enumerate(others, start=1):
            # The product of some members is needed up to the highest rung, that of all of them only where it is asked for.
            total = [_leibniz(total, found, k) for k in (needed if i < len(others) else orders)]
        return total


def _leibniz(f: list[Tensor], g: list[Tensor], k: int) -> Tensor:
    terms = [math.comb(k, j) * f[j] * g[k - j] if 0 < j < k else f[j] * g[k - j] for j in range(k + 1)]
    return sum(terms[1:], terms[0])
