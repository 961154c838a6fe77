"""Estimate the error of a solution, and whether the conditions determine it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import RBFNetwork
from rbfnet.nn.initializers import spacing
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Interior, Problem, Sample
from rbfnet.solvers.algebra import Factored, processes
from rbfnet.solvers.assembly import Posed, Unknowns, stacked
from rbfnet.solvers.validation._relative_residuals import Miss

COLUMNS = 1600
"""Maximum number of unknowns; above it, a random subset of the centres is used."""

ROWS, LEAST_ROWS = 3, 4000
"""Minimum number of rows, per unknown and in total: with fewer, functions that oscillate between the points seem undetermined."""

LEAST_CENTERS = 300
"""Of the richer space, such that it can represent what a problem leaves free, however few centres the model has."""

SPARE = 1.3
"""Minimum number of rows per unknown for a model with few centres and points."""

POINTS = 1000
"""Number of points at which the size of a function is measured."""

FREE = 100.0
"""A change of the solution whose residual is smaller than its size by this factor may be undetermined."""

STEADY = 8.0
"""The constant of a problem is the same in any space that resolves it. That of a free change grows with the space by more."""

NEGLIGIBLE = 1e-5
"""Minimum size of an output, relative to the largest."""

DOUBT, LITTLE = 1e3, 1e-4
"""For a problem with a constant above the first, the residual must not allow a change of the solution above the second."""

ROUNDING = 1e9
"""A larger constant means that the problem is not determined."""

STEPS = 20
"""Number of power iterations."""


@dataclass(frozen=True)
class Estimate:
    """An estimate of the error without a reference.

    Attributes:
        errors: the estimated error of each output, relative L2.
        error: that of all outputs together, as ``rel_l2`` of :func:`rbfnet.training.errors`.
        constant: the largest |e| / |J e|: the maximum ratio of relative error to relative residual.
        determined: whether no change of the solution satisfies all (homogeneous) conditions.
        free: the outputs affected by such a change. flat: whether it is a constant in each of them.
        unknowns: the maximum relative error of each trained parameter of the problem, by name.
    """

    errors: dict[str, float]
    error: float
    constant: float
    determined: bool
    free: tuple[str, ...]
    flat: bool
    unknowns: dict[str, float]


@torch.no_grad()
def estimate(model: LinearModel, problem: Problem, samples: Mapping[str, Sample], misses: Sequence[Miss]) -> Estimate | None:
    """Estimate the error from the residual at new points by the linearised system in a richer space.

    The rows of the linearised equations at points that have not been used, each equation relative to the size of its terms, are
    J e = -r for a change e of the solution. It is sought among the functions of the model and as many others, with centres
    between its own: what they can add is what is missing, and its size is the estimate. Whatever the residual,
    |e| <= C |J e| with

        C = max |e| / |J e|,

    found by power iteration on the factors. Where nothing determines the solution (no boundary condition, a free constant,
    resonance) C is as large as the space is good at representing what is free: in the richer space it is far larger than in half
    of that of the model, or as large as rounding allows, where the constant of a problem that is merely sensitive is the same.

    Source: for correction in a richer space Bank and Smith, A posteriori error estimates based on hierarchical bases, SIAM J.
    Numer. Anal. 30 (1993); for |e| <= C |r| Bochev and Gunzburger, Least-Squares Finite Element Methods (2009).

    Args:
        model, problem: the solution and its problem.
        samples: held-out points for each condition.
        misses: the result of :func:`rbfnet.solvers.validation.misses` at these.

    Returns:
        None if the system is not finite or there are no equations in a domain.
    """
    richer, half, few, lives_in, matrix, residual = _in_a_richer_space(model, problem, samples, misses)
    size, outputs = richer.coefficients.shape
    inside = [name for name, c in problem.named_conditions().items() if name in few and isinstance(c, Interior)]
    if not inside or len(matrix) < matrix.shape[1] or not (torch.isfinite(matrix).all() and torch.isfinite(residual).all()):
        return None
    x = torch.cat([few[name].sites[0] for name in inside])
    lives = torch.cat([lives_in[name].expand(few[name].num_points, -1) for name in inside])
    some = torch.linspace(0, len(x) - 1, min(POINTS, len(x))).long()
    x = x[some]
    space = _Space(richer, x, model.apply_operator(x, Operator.identity()), lives[some])
    factored = Factored(matrix)
    changes = space.of(factored.solve(-residual[:, None], refinements=1)[: space.count, 0])
    largest, worst = constant(factored, space)
    kept = torch.cat([(half + o * size) for o in range(outputs)] + [torch.arange(space.count, matrix.shape[1]).to(half)])
    smaller, _ = constant(Factored(matrix[:, kept]), space.part(kept[kept < space.count]))
    doubtful = largest > DOUBT and largest * float(residual.norm()) > LITTLE
    determined = largest < FREE or (largest < min(STEADY * smaller, ROUNDING) and not doubtful)
    shape = space.of(worst)
    names = problem.outputs
    free = () if determined else tuple(n for n, s in zip(names, shape.tolist(), strict=True) if s > 0.1 * float(shape.norm()))
    return Estimate(
        dict(zip(names, changes.tolist(), strict=True)),
        float((changes * space.sizes).norm() / (space.sizes.norm() or 1.0)),
        largest,
        determined,
        free,
        not determined and space.flat(worst),
        _sensitivities(problem, factored, matrix[:, space.count :].norm(dim=0), float(residual.norm())),
    )


def _in_a_richer_space(
    model: LinearModel, problem: Problem, samples: Mapping[str, Sample], misses: Sequence[Miss]
) -> tuple[LinearModel, Tensor, dict[str, Sample], dict[str, Tensor], Tensor, Tensor]:
    """The linearised equations, each relative to the size of its terms.

    Returns:
        The model with more centres; the coefficients of an output that are half of the model's own; the points that were taken;
        for each condition which outputs are in its equations, (O,); the matrix, for the coefficients and then the trained
        parameters of the problem; the residual.
    """
    outputs = len(problem.outputs)
    sizes = {(miss.condition, miss.equation): miss.size for miss in misses}
    scales = {
        name: [processes.count() / (sizes[name, k] or 1.0) ** 2 for k in range(sum(key[0] == name for key in sizes))]
        for name in samples
    }
    rows = sum(sample.num_rows * len(scales[name]) for name, sample in samples.items())
    richer, half = _richer(model, COLUMNS // (2 * outputs), min(LEAST_CENTERS, int(rows / (SPARE * outputs))))
    size = richer.coefficients.shape[0]
    few = _fewer(samples, scales, max(ROWS * size * outputs, LEAST_ROWS))
    posed = Posed(model, problem, few, scales)
    equations = posed.equations()
    residual = torch.cat([scale * equation.sample.contract(equation.rest) for equation, scale in equations])
    matrix = torch.cat([scale * stacked(richer, equation, outputs) for equation, scale in equations])
    unknowns = Unknowns(model, problem, shapes=False)
    if unknowns.parameters:
        matrix = torch.cat([matrix, unknowns.linearization(posed)[1][:, unknowns.num_linear :]], dim=1)
    lives = {name: torch.zeros(outputs, dtype=torch.bool, device=residual.device) for name in few}
    for equation, _ in equations:
        next(here for name, here in lives.items() if few[name] is equation.sample)[list(equation.outputs)] = True
    return richer, half, few, lives, matrix, residual


def _richer(model: LinearModel, most: int, least: int) -> tuple[LinearModel, Tensor]:
    """The model with as many centres again, or more, between its own; and the coefficients of an output that are half of its own.

    Of more than ``most`` centres so many, chosen at random, and as many others; in all ``least`` of them or more.
    """
    richer = copy.deepcopy(model)
    network = innermost(richer)
    assert isinstance(network, RBFNetwork)
    centers, raw = network.centers.detach(), network.metric.raw.detach()
    chosen = torch.randperm(len(centers))[:most].sort().values.to(centers.device)
    copies = max(1, -(-least // len(chosen)) - 1)
    reach = spacing(centers)[chosen, None]
    between = [centers[chosen] + reach * (torch.rand_like(centers[chosen]) - 0.5) for _ in range(copies)]
    both = torch.cat([centers[chosen], *between])
    network.replace_centers(both, raw[chosen].repeat(copies + 1, *[1] * (raw.ndim - 1)) if network.metric.per_center else raw)
    tail = torch.arange(len(network.tail), device=centers.device)
    half = torch.randperm(len(chosen))[: (len(chosen) + 1) // 2].sort().values.to(centers.device)
    return richer, torch.cat([half, len(both) + tail])


class _Space:
    """The functions of a model at some points, each output relative to what the solution is there.

    Args:
        model: whose functions they are. x: points. solution: there, (B, O).
        lives: (B, O), whether an equation at the point has the output in it: beyond an interface one output follows another.
    """

    def __init__(self, model: LinearModel, x: Tensor, solution: Tensor, lives: Tensor) -> None:
        shared = None if model.coupled else model.features(x, Operator.identity())
        identities = [{o: Operator.identity()} for o in range(solution.shape[1])]
        self.parts = [model.columns(x, one) if shared is None else dict.fromkeys(one, shared) for one in identities]
        self.lives = torch.where(lives.any(dim=0), lives, True).to(solution)
        self.points = self.lives.sum(dim=0)
        sizes = ((solution.square() * self.lives).sum(dim=0) / self.points).sqrt()
        # An output that is zero up to rounding has no size of its own.
        self.sizes = sizes.clamp_min(NEGLIGIBLE * float(sizes.max()))
        self.outputs = solution.shape[1]
        self.columns = torch.arange(model.coefficients.numel(), device=x.device)
        self.size = len(model.coefficients)

    @property
    def count(self) -> int:
        """The number of functions in all outputs."""
        return len(self.columns)

    def part(self, chosen: Tensor) -> _Space:
        """Some of the functions."""
        part = copy.copy(self)
        part.columns = chosen
        return part

    def values(self, coefficients: Float[Tensor, " n"]) -> Float[Tensor, "B O"]:
        """Relative values of a function, so scaled that the sum of squares is the square of its size."""
        whole = coefficients.new_zeros(self.size * self.outputs)
        whole[self.columns] = coefficients
        each = whole.split(self.size)
        outputs = [sum((factors @ each[k] for k, factors in part.items()), self.lives.new_zeros(())) for part in self.parts]
        return self.lives * torch.stack(outputs, dim=1) / self._scale

    def back(self, values: Float[Tensor, "B O"]) -> Float[Tensor, " n"]:
        """The transpose of :meth:`values`."""
        whole = values.new_zeros((self.outputs, self.size))
        for part, output in zip(self.parts, (self.lives * values / self._scale).T, strict=True):
            for k, factors in part.items():
                whole[k] += factors.T @ output
        return whole.reshape(-1)[self.columns]

    def of(self, coefficients: Float[Tensor, " n"]) -> Float[Tensor, " O"]:
        """The size of each output of a function."""
        return self.values(coefficients).norm(dim=0)

    def flat(self, coefficients: Float[Tensor, " n"]) -> bool:
        """Whether a function is a constant in each output."""
        values = self.values(coefficients)
        mean = values.sum(dim=0) / self.points
        return float((self.lives * (values - mean)).norm()) < 0.01 * float(values.norm())

    @property
    def _scale(self) -> Tensor:
        return self.points.sqrt() * torch.where(self.sizes > 0, self.sizes, 1.0)


def constant(factored: Factored, space: _Space) -> tuple[float, Tensor]:
    """The largest |e| / |J e|, and the e with J e of length one that has it, by its coefficients."""
    triangle, scale, count = factored.damped_triangle(), factored.scale[:, 0], len(space.columns)
    y = torch.cos(torch.arange(len(triangle), dtype=triangle.dtype, device=triangle.device))[:, None]
    largest, e = 0.0, scale
    for _ in range(STEPS):
        y = y / y.norm()
        e = torch.linalg.solve_triangular(triangle, y, upper=True)[:, 0] / scale
        values = space.values(e[:count])
        largest = float(values.norm())
        back = torch.cat([space.back(values), e.new_zeros(len(e) - count)]) / scale
        y = torch.linalg.solve_triangular(triangle.T, back[:, None], upper=False)
        if not math.isfinite(largest) or not y.any():
            break
    return largest, e[:count]


def _sensitivities(problem: Problem, factored: Factored, felt: Float[Tensor, " P"], residual: float) -> dict[str, float]:
    """How far each trained parameter of the problem can be off for a residual of that size, relative to the parameter.

    Args:
        felt: the size of the column of each; infinitely far where it is zero, even for a residual of zero.
    """
    triangle, scale = factored.damped_triangle(), factored.scale[:, 0]
    first = start = len(triangle) - len(felt)
    found = {}
    for name, p in problem.named_parameters():
        if not p.requires_grad or not p.numel():
            continue
        unit = triangle.new_zeros((len(triangle), p.numel()))
        unit[start : start + p.numel()] = torch.eye(p.numel()).to(unit)
        rows = torch.linalg.solve_triangular(triangle.T, unit, upper=False).norm(dim=0) / scale[start : start + p.numel()]
        alone = bool((felt[start - first : start - first + p.numel()] == 0).any())
        found[name] = math.inf if alone else residual * float(rows.norm()) / (float(p.detach().norm()) or 1.0)
        start += p.numel()
    return found


def _fewer(samples: Mapping[str, Sample], scales: Mapping[str, Sequence[float]], rows: int) -> dict[str, Sample]:
    """The same share of the points of each condition, such that there are about ``rows`` rows."""
    share = rows / sum(sample.num_rows * len(scales[name]) for name, sample in samples.items())
    if share >= 1:
        return dict(samples)
    return {
        name: sample
        if sample.weights is not None
        else sample.rows(torch.linspace(0, sample.num_points - 1, max(2, math.ceil(share * sample.num_points))).long())
        for name, sample in samples.items()
    }
