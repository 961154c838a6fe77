"""Sums of kernels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rbfnet.kernels._as_kernel import KernelLike, as_kernels
from rbfnet.kernels._composite import Composite


class Sum(Composite):
    """phi = phi_1 + phi_2 + ...; ``k1 + k2`` in Python.

    Derivatives: the sums of those of its members. Smoothness: the least of theirs. Order: the largest of theirs if the
    signs (-1)^order of all agree, else None (r + r^3 is indefinite either way), and None if one has none. Compact if all are.

    Equivalents: GPyTorch ``AdditiveKernel``, ``k1 + k2``; none in SciPy. A member of another width is ``Scaled``.
    Source: Wendland (2004), section 8.1.

    Args:
        kernels: two or more, each whatever a layer takes.

    Raises:
        InputError: fewer than two, or something that is not a kernel.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Gaussian, Matern, Sum
        >>> kernel = Gaussian() + Matern(1.5)
        >>> isinstance(kernel, Sum), kernel.phi(torch.zeros(1))
        (True, tensor([2.]))
    """

    def __init__(self, kernels: Sequence[KernelLike]) -> None:
        super().__init__(as_kernels("A sum", kernels))
        orders = [kernel.order for kernel in self.members]
        known = [m for m in orders if m is not None]
        self.order = max(known) if len(known) == len(orders) and len({m % 2 for m in known}) == 1 else None
        self.compact = all(kernel.compact for kernel in self.members)

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        total, *others = (kernel.derivatives(s, orders) for kernel in self.members)
        for found in others:
            total = [a + b for a, b in zip(total, found, strict=True)]
        return total
