"""Conditions from measured data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, positive, unknown
from rbfnet.given import call
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, of_field, positive_weight
from rbfnet.problems.conditions._given_values import from_file, require_inside
from rbfnet.problems.text import parse

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


class Data(Condition):
    """Measured values: u - y = 0 for every output, or for those that were measured; or measured derivatives, L u - y = 0.

    Args:
        x: (N, D); or a ``.csv`` or ``.npz`` file with columns named as coordinates and outputs, and no y then.
        y: (N, O), or (N,) for one output; with ``of`` one column for each quantity.
        weight: how much more than by itself it counts.
        name: unique within the problem.
        scale: (O,), what each output's residual is divided by, so that outputs in different units weigh alike.
        outputs: which outputs y holds, in its order; all of them if None.
        noise: (O,) or a number, the standard deviation of the errors of y, where it is known. Solvers that give error bars
            (:class:`rbfnet.solvers.GaussNewton`) estimate it otherwise; fits to data weigh by it; the others have no use for it.
        of: what was measured, if not the outputs: a text, ``"u_x"``, or a function of the field, ``lambda u: u.d("x")``; a tuple
            of functions' values, or a list of texts, for several quantities.

    Raises:
        InputError: values that are non-finite or do not fit each other; when the sample is taken, points outside the domain,
            an unknown output or column.

    Example:
        >>> import rbfnet, torch
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Data, Interior
        >>> at, measured = torch.tensor([[0.2], [0.8]]), torch.tensor([1.2, 1.8])
        >>> class Rod(rbfnet.Problem):
        ...     domain = Interval(x=(0, 1))
        ...     def conditions(self):
        ...         yield Interior(lambda u: u.d("xx"))
        ...         yield Data(at, measured)
        >>> rbfnet.solve(Rod(), num_centers=20).predict([0.5]).round(4)
        array([1.5])
    """

    def __init__(
        self,
        x: Float[Tensor, "N D"] | str | Path,
        y: Float[Tensor, "N O"] | None = None,
        weight: float = 1.0,
        name: str = "data",
        scale: Float[Tensor, " O"] | None = None,
        outputs: Sequence[str] | None = None,
        noise: Float[Tensor, " O"] | float | None = None,
        of: Callable[[Field], Residual] | Sequence[str] | str | None = None,
    ) -> None:
        self.weight, self.name = positive_weight(weight, name), name
        if noise is not None and not isinstance(noise, Tensor):
            positive(f"The noise of condition {name!r}", noise)
        elif noise is not None and not bool(torch.all(noise > 0) and torch.isfinite(noise).all()):
            raise InputError(f"The noise of condition {name!r} must be a positive standard deviation, but got {noise}.")
        self._noise = noise
        self._path, self._given, self._scale, self.outputs = None, None, scale, outputs
        self.pointwise = type(self) is Data and of is None
        self.of = of if of is None or _are_texts(of) else of_field(cast(Callable[[Field], Residual], of), name)
        if of is not None and (outputs is not None or isinstance(x, (str, Path))):
            raise InputError(f"Condition {name!r} says by `of` what was measured; remove outputs, and give x and y as tensors.")
        if isinstance(x, (str, Path)):
            if y is not None:
                raise InputError(f"Condition {name!r} takes its values from the file {str(x)!r}; remove y.")
            self._path = x
            return
        y = y[:, None] if isinstance(y, Tensor) and y.ndim == 1 else y
        if not isinstance(y, Tensor) or x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not len(x):
            shape = tuple(y.shape) if isinstance(y, Tensor) else y
            raise InputError(f"Data must be x (N, D) and y (N, O) with the same N, but got {tuple(x.shape)} and {shape}.")
        if not torch.isfinite(y).all():
            row = int((~torch.isfinite(y)).any(dim=1).nonzero()[0])
            raise InputError(f"Data must be finite, but row {row} of y in condition {name!r} is {y[row].tolist()}.")
        self._given = x, y

    def sample(self, problem: Problem) -> Sample:
        outputs = tuple(problem.outputs if self.outputs is None else self.outputs)
        for output in outputs:
            if output not in problem.outputs:
                raise unknown("output", output, problem.outputs)
        if self._given is None:
            assert self._path is not None
            x, y = from_file(self._path, problem.domain, problem.domain.coords, outputs)
        else:
            x, y = self._given
            require_inside(problem.domain, x, f"Condition {self.name!r}")
        if self.of is None and y.shape[1] != len(outputs):
            raise InputError(
                f"Condition {self.name!r} has {y.shape[1]} columns of values for the outputs {', '.join(outputs)}; "
                "give one per output."
            )
        return Sample((x,), data=(y,))

    def noise(self, equation: int) -> float | None:
        deviation = self.deviation(equation)
        if deviation is None or self._scale is None:
            return deviation
        return deviation / float(self._scale[equation])

    def deviation(self, column: int) -> float | None:
        """The standard deviation of the errors of one column of y; None where it is not known."""
        return None if self._noise is None else float(torch.as_tensor(self._noise).reshape(-1).expand(column + 1)[column])

    def residual(self, u: Field, y: Tensor) -> Residual:
        found = self.measured(u)
        if len(found) != y.shape[1]:
            raise InputError(
                f"Condition {self.name!r} has {y.shape[1]} columns of values for {len(found)} quantities; give one per quantity."
            )
        scale = [1.0] * len(found) if self._scale is None else self._scale.tolist()
        return tuple((part - y[:, k]) / scale[k] for k, part in enumerate(found))

    def support(self) -> Tensor | None:
        return None if self._given is None else self._given[0]

    def measured(self, u: Field) -> tuple[Tensor, ...]:
        """What the field gives for each column of y."""
        if self.of is None:
            return tuple(u[name].value for name in (u.outputs if self.outputs is None else self.outputs))
        if callable(self.of):
            given = call(self.of, f"`of` of condition {self.name!r}", u)
        else:
            texts = [self.of] if isinstance(self.of, str) else self.of
            given = tuple([parse(text, u.coords, u.outputs, space=u.space)(u) for text in texts])
        parts = given if isinstance(given, tuple) else (given,)
        if any(not isinstance(part, (Tensor, Field)) for part in parts):
            raise InputError(
                f"`of` of condition {self.name!r} must return one tensor (B,) for each column of y, but got {given!r}."
            )
        return tuple([part.value if isinstance(part, Field) else part for part in parts])


def _are_texts(of: object) -> bool:
    return isinstance(of, str) or (isinstance(of, (list, tuple)) and bool(of) and all(isinstance(part, str) for part in of))
