"""The rows of a fit to several kinds of measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.kernels import Kernel
from rbfnet.operators import LinearModel, Recorder
from rbfnet.problems import Condition, Problem, Sample
from rbfnet.problems.conditions import CellMeans, Law
from rbfnet.solvers.assembly._linear_system import alike_for_all, normalised
from rbfnet.solvers.assembly._linearity import depends_linearly
from rbfnet.solvers.assembly._linearize import AtZero, Equation, equations_of, linearised


@dataclass(frozen=True)
class Measurement:
    """Rows L u = target for every output, with one operator L.

    Attributes:
        name: the condition's.
        equation: L, as it acts on the first output.
        target: (R, O).
        deviation: (O,), the standard deviation of their errors; None if it is not known.
        fresh: if it is a known equation instead, the same for each output at other points; a deviation of None is then zero.
    """

    name: str
    equation: Equation
    target: Float[Tensor, "R O"]
    deviation: Float[Tensor, " O"] | None
    fresh: Sequence[Equation] = ()

    @property
    def exact(self) -> bool:
        """Whether it is an equation that holds exactly."""
        return bool(self.fresh) and self.deviation is None

    def require_smooth(self, model: LinearModel) -> None:
        """Raise InputError if the kernel has less than twice the derivatives that were measured."""
        order = max(op.order for ops in self.equation.ops for op in ops.values())
        kernel = getattr(model, "kernel", None)
        if isinstance(kernel, Kernel) and 2 * order > kernel.smoothness:
            raise InputError(
                f"Condition {self.name!r} holds derivatives of order {order}, which need a kernel with {2 * order} continuous "
                f"derivatives, but {kernel} has {kernel.smoothness:g}; use a smoother one, such as "
                f"{'quintic' if order <= 2 else 'gaussian'}."
            )

    def features(self, model: LinearModel) -> Float[Tensor, "R U"]:
        """The factors of the coefficients of each output."""
        (output,) = self.equation.outputs
        return self.equation.columns(model)[output]


def measurements_asked(model: LinearModel, problem: Problem, samples: Mapping[str, Sample]) -> list[Measurement]:
    """The measurements of a data problem with other data than values, or with bounds, in the order of its conditions; else none.

    Raises:
        InputError: a condition that is not about each output in the same way.
    """
    if model.coupled and problem.bounds():
        raise InputError("bounds are not available for vector fields; remove bounds or vector.")
    conditions = problem.named_conditions()
    cells = any(isinstance(condition, CellMeans) for condition in conditions.values())
    only_values = len(samples) == 1 and not problem.bounds() and not cells
    if problem.sites() is None or only_values or model.coupled or model.moments() is None:
        return []
    found = []
    if len({condition.weight for condition in conditions.values()}) > 1:
        # Weights that a user gave to conditions, rather than the noise of measurements, are those of least squares.
        return []
    for name, equations in linearised(problem, samples, AtZero(model)).items():
        plain = [normalised(equation, 1.0) for equation in equations]
        blocks = alike_for_all([(equation, 1.0) for equation, _ in plain], len(problem.outputs))
        if not blocks:
            raise InputError(
                f"Condition {name!r} is not about each of the outputs {', '.join(problem.outputs)} in the same way, as a fit to "
                "data needs; give it for every output, or fit the outputs one by one."
            )
        fresh = _fresh(conditions[name], problem, model)
        places = {id(equation): k for k, (equation, _) in enumerate(plain)}
        for block in blocks:
            columns = [places[id(equation)] for equation, _ in block]
            target = torch.stack([-e.sample.contract(e.rest) for e, _ in block], dim=1)
            # A residual may be divided by a factor.
            known = [None if (one := conditions[name].noise(k)) is None else one / plain[k][1] for k in columns]
            deviation = None if None in known else target.new_tensor(cast(list[float], known))
            found.append(Measurement(name, block[0][0], target, deviation, [fresh[k] for k in columns] if fresh else ()))
    return found


def _fresh(condition: Condition, problem: Problem, model: LinearModel) -> list[Equation]:
    """Known equations at other points; none for measurements."""
    if not isinstance(condition, Law):
        return []
    return equations_of(condition, problem, [Recorder(len(problem.outputs), AtZero(model))], condition.fresh(problem))


@dataclass(frozen=True)
class Inequality:
    """Rows L u + rest >= 0 for one output.

    Attributes:
        name: the bound's.
        equation: L and the rest.
        fresh: the same at other points.
    """

    name: str
    equation: Equation
    fresh: Equation

    @property
    def output(self) -> int:
        """The output that is bounded."""
        (output,) = self.equation.outputs
        return output


def inequalities_asked(model: LinearModel, problem: Problem) -> list[Inequality]:
    """The bounds of a data problem.

    Raises:
        InputError: a bound that is not linear, or about several outputs at once.
    """
    found = []
    for bound in problem.bounds():
        samples = [bound.sample(problem), bound.fresh(problem)]
        if not depends_linearly(bound, problem, samples[0]):
            raise InputError(f"The bound {bound.name!r} is not linear in the outputs; bound outputs or derivatives.")
        held, fresh = [
            equations_of(bound, problem, [Recorder(len(problem.outputs), AtZero(model))], sample) for sample in samples
        ]
        for one, other in zip(held, fresh, strict=True):
            if len(one.outputs) != 1:
                raise InputError(f"The bound {bound.name!r} is about several outputs; bound each by itself.")
            found.append(Inequality(bound.name, one, other))
    return found
