"""Convert kernels, classes, names and functions to kernels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable

from torch import Tensor

from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError, unknown
from rbfnet.given import misfit
from rbfnet.kernels._composite import Composite
from rbfnet.kernels._kernel import Kernel
from rbfnet.kernels._probe import probe
from rbfnet.kernels._profile import Profile

KernelLike = str | Kernel | type[Kernel] | Callable[[Tensor], Tensor]
"""A kernel, its class, the name of a shipped one (``"thin_plate_spline"``), or a plain function of s."""


def as_kernel(kernel: KernelLike) -> Kernel:
    """Whatever stands for a kernel as a :class:`Kernel`, looked at by ``probe``.

    Raises:
        InputError: an unknown name (the nearest is suggested), a class that cannot be made without arguments, something that is
            no kernel, or one that fails the probe.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import as_kernel
        >>> as_kernel("inverse_quadratic")
        InverseQuadratic()
        >>> as_kernel(lambda s: 1 / (1 + s)).derivative(torch.zeros(1), 1)
        tensor([-1.])
    """
    if isinstance(kernel, str):
        known = catalogue("kernels", "Kernel")
        if kernel not in known:
            raise unknown("kernel", kernel, known)
        kernel = known[kernel]
    if isinstance(kernel, type) and issubclass(kernel, Kernel):
        if inspect.isabstract(kernel):
            raise InputError(f"{kernel.__name__} lacks {', '.join(sorted(kernel.__abstractmethods__))}; write it as a method.")
        needed = [name for name, p in inspect.signature(kernel).parameters.items() if p.default is p.empty]
        if needed:
            raise InputError(f"{kernel.__name__} needs {needed[0]!r}; give {kernel.__name__}({needed[0]}=...).")
        kernel = kernel()
    if not isinstance(kernel, Kernel):
        if isinstance(kernel, type) or not callable(kernel):
            raise InputError(f"A kernel must be a Kernel, a name or a function of s, but got {kernel!r}.")
        if (signature := misfit(kernel, 0)) is not None:
            raise InputError(f"A kernel given as a function takes s = (epsilon r)^2 alone, but this one takes {signature}.")
        kernel = Profile(kernel)
    # The members of a composite have been looked at one by one.
    return kernel if isinstance(kernel, Composite) else probe(kernel)


def as_kernels(what: str, kernels: Iterable[KernelLike]) -> list[Kernel]:
    """The members of a composite, two or more.

    Raises:
        InputError: fewer, no sequence, or one that is no kernel.
    """
    if isinstance(kernels, (str, Kernel)) or not isinstance(kernels, Iterable):
        raise InputError(f"{what} needs a list of kernels, as in [gaussian, matern], but got {kernels!r}.")
    members = [as_kernel(kernel) for kernel in kernels]
    if len(members) < 2:
        raise InputError(f"{what} needs at least two kernels, but got {len(members)}.")
    return members
