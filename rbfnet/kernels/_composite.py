"""The base class of sums and products of kernels."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from rbfnet.kernels._kernel import ClosedForm, Kernel


class Composite(ClosedForm):
    """A kernel composed of others, as smooth as the least smooth of them, in the dimensions that all of them allow.

    Attributes:
        kernels: its members.
    """

    def __init__(self, kernels: Iterable[Kernel]) -> None:
        super().__init__()
        self.kernels = nn.ModuleList(kernels)
        self.smoothness = min(kernel.smoothness for kernel in self.members)
        self.max_dims = min(kernel.max_dims for kernel in self.members)

    @property
    def members(self) -> list[Kernel]:
        """``kernels`` as a list."""
        return list(self.kernels)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        # On one line, as it stands in sentences.
        return f"{type(self).__name__}({', '.join([*map(repr, self.members), *filter(None, [self.extra_repr()])])})"
