from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError, unknown
from rbfnet.kernels._kernel import Kernel
from rbfnet.kernels._probe import probe
from rbfnet.kernels._profile import Profile

KernelLike = str | Kernel | type[Kernel] | Callable[[Tensor], Tensor]
"""A kernel, its class, the name of a shipped one (``"thin_plate_spline"``), or a plain function of s."""


def as_kernel(kernel: KernelLike) -> Kernel:
    """Whatever stands for a kernel as a :class:`Kernel`, looked at by ``probe``.

    Raises:
        InputError: an unknown name (the nearest is suggested), something that is no kernel, or one that fails the probe.
    """
    if isinstance(kernel, str):
        known = catalogue("kernels", "Kernel")
        if kernel not in known:
            raise unknown("kernel", kernel, known)
        kernel = known[kernel]
    if isinstance(kernel, type) and issubclass(kernel, Kernel):
        kernel = kernel()
    if not isinstance(kernel, Kernel):
        if isinstance(kernel, type) or not callable(kernel):
            raise InputError(f"A kernel is a Kernel, a name, or a function of s, but got {kernel!r}.")
        kernel = Profile(kernel)
    return probe(kernel)
