"""Problems whose reference solution is given on a grid."""

from __future__ import annotations

from abc import abstractmethod

import numpy.typing as npt
import torch

from rbfnet.problems._problem import Problem, Reference


class OnGrid(Problem):
    """A problem in x and t whose solution is known on a grid, every tenth line of which serves for validation."""

    @abstractmethod
    def table(self) -> tuple[npt.ArrayLike, ...]:
        """Places (N,), times (K,), and the values there, (K, N) for each output."""

    def validation_set(self) -> Reference:
        return self._every(10)

    def test_set(self) -> Reference:
        return self._every(1)

    def _every(self, stride: int) -> Reference:
        x, t, *outputs = (torch.as_tensor(values) for values in self.table())
        columns = [values[::stride, ::stride].flatten() for values in outputs]
        return Reference(torch.cartesian_prod(t[::stride], x[::stride]).flip(1), torch.stack(columns, dim=1))
