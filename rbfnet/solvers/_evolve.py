"""The method of lines as a solver."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.polynomial.chebyshev import chebvander
from torch import Tensor

from rbfnet.domains import Interval, SpaceTime
from rbfnet.errors import InputError, positive
from rbfnet.nn import Evolving
from rbfnet.nn.initializers import breadth
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._solver import Solver, Solving
from rbfnet.solvers.assembly import Posed
from rbfnet.solvers.time import (
    PER_CENTER,
    Lines,
    March,
    Radau,
    Site,
    Spacing,
    fitted,
    require_carried,
    resolved,
    said,
    starts,
    too_coarse,
    unseen,
)

COARSE, COARSE_STAGES, MOST_SLABS = 1e-4, 5, 200
"""Tolerance, stages and number of slabs of the coarse runs that place the centres."""

WITHIN = (-0.8, -0.4, 0.0, 0.4, 0.8, 1.0)
"""Times within a slab of such a run, in [-1, 1], at which lengths are measured."""

SETTLED = 0.3
"""Refinement stops when the logarithm of the spacing changes by less than this."""

OF_UNKNOWNS = 0.1
"""The part of the tolerance that ordinary differential equations are solved to, which add no error in space and cost little."""

LATER = 1e-4
"""The layer of a start that contradicts the boundary conditions has no width at first; it is resolved from this part of the
time on."""

SHOWN = 300
"""About so many points of each condition are those of the loss that is logged."""


class Evolve(Solver):
    """Go through time: the method of lines, for equations of first or second order in time on a :class:`SpaceTime`, and for
    ordinary differential equations on an :class:`Interval` of time.

    The model is an :class:`rbfnet.nn.Evolving`: radial basis functions in space, their weights polynomials in time, slab by slab,
    one slab an epoch until the end of time. The equations may be anything in space, nonlinear and coupled, with coefficients
    that vary in space and time; boundary conditions are eliminated, so that they hold at all times
    (:class:`rbfnet.solvers.time.Lines`). Equations without a derivative in time are constraints, one for each output without
    one, as of a flow without divergence and its pressure. In time it is Radau IIA with many stages, whose polynomials are what
    the model keeps; the length of a slab follows from how fast their coefficients decay (:class:`rbfnet.solvers.time.March`).

    On an interval centres go where the solution needs them: a coarse run finds a length |u| / |u_x|, sqrt(|u| / |u_xx|) at
    each point, the least over time, and the spacing of the centres follows it. A given epsilon is kept, with its centres.

    In two dimensions and more, kernels are narrower and centres closer along directions in which the start, sources, coefficients
    and boundary data vary faster, if that fits the start clearly better at held-out points. The metric of the model is
    :class:`rbfnet.nn.Full` then. Epsilon and margin have to be automatic for it, and centres placed by name.

    Source: Schiesser, The Numerical Method of Lines (1991); Hairer and Wanner, Solving Ordinary Differential Equations II (1996),
    IV.8; Huang and Russell, Adaptive Moving Mesh Methods (2011), ch. 2, for the spacing.

    Args:
        tolerance: how large the last coefficients of a slab's polynomials may be, relative to u.
        degree: of the polynomials in time; the method of Radau has as many stages.
        refine: the most coarse runs that place the centres, on an interval; 0 leaves them where they are.
        max_epochs: the most slabs there may be.

    Raises:
        InputError: values that are not positive; at :meth:`check`, a problem that is no evolution.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Heat
        >>> from rbfnet.solvers import Evolve
        >>> solution = rbfnet.solve(Heat(), num_centers=40, solver=Evolve(tolerance=1e-6, refine=0))
        >>> solution.verdict
        'solved'
    """

    solves = True
    overlap = 4.0

    def __init__(self, tolerance: float = 1e-9, degree: int = 9, refine: int = 5, max_epochs: int = 2000) -> None:
        self.tolerance = float(positive("tolerance", tolerance))
        self.degree: int = int(positive("degree", degree, whole=True))
        if not 3 <= degree <= 15:
            raise InputError(f"degree must be a whole number from 3 to 15, but got {degree!r}.")
        self.refine = int(positive("refine", refine, whole=True, zero=True))
        self.max_epochs = int(positive("max_epochs", max_epochs, whole=True))

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return _Evolve(cast(Evolving, model), self)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, Evolving):
            raise InputError(
                f"evolve advances the weights of its own model in time, but {type(problem).__name__} wraps "
                "the model in "
                f"{type(model).__name__}; remove hard=True or the ansatz."
            )
        if model.carried.dtype != torch.float64:
            raise InputError("evolve needs dtype=float64: float32 is not accurate enough for nearly dependent kernels.")
        for name, parameter in problem.named_parameters():
            if parameter.requires_grad:
                raise InputError(
                    f"evolve solves for weights only, but {name!r} of the problem is unknown too; use solver=gauss_newton."
                )
        require_carried(problem, problem.named_conditions(), samples)

    def shown(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> dict[str, Sample]:
        """Some points of each condition, moved into the last slab: on all slabs it would take longer than computing one."""
        low, high = problem.domain.box[:, -1].tolist()
        start, end = cast(Evolving, model).breaks[-2:].tolist()
        found = {}
        for name, sample in samples.items():
            part = sample.rows(slice(None, None, max(1, len(sample.sites[0]) // SHOWN)))
            if not starts(problem, sample):
                into = [start + (x[:, -1:] - low) * ((end - start) / (high - low)) for x in part.sites]
                moved = [torch.cat([x[:, :-1], t], dim=1) for x, t in zip(part.sites, into, strict=True)]
                part = part._replace(sites=tuple(moved))
            found[name] = part
        return found


class _Evolve(Solving):
    """Writes one slab into the model, each step. What it needs to go on is in its state."""

    def __init__(self, model: Evolving, solver: Evolve) -> None:
        super().__init__([model.carried])
        self.model, self.solver = model, solver
        self.march: March | None = None

    def improve(self, posed: Posed) -> None:
        state = self.state[self.model.carried]
        if self.march is None:
            self.march = self._resumed(posed, state) if state else self._begun(posed, state)
        march, lines = self.march, self.march.lines
        if march.done:
            self._say(state)
            return
        breaks, carried = self.model.breaks, self.model.carried
        try:
            end, coefficients = march.slab()
        except InputError as stopped:
            raise InputError(too_coarse(self.model, posed, state["points"], state["slabs"]) or str(stopped)) from None
        added = weights_of(lines, coefficients)[None]
        if state["slabs"]:
            added, breaks = torch.cat([carried, added]), torch.cat([breaks, breaks.new_tensor([end])])
        else:
            breaks = breaks.new_tensor([breaks[0], end])
        self.model.set_pieces(breaks, added)
        state["slabs"] += 1
        state.update(time=march.time, step=march.step, scale=march.scale, at=march.state)
        self.metrics = {
            "time": march.time,
            "step": float(breaks[-1] - breaks[-2]),
            "rejected": float(march.rejected),
            "newton": float(march.iterations),
            "residual": unseen(self.model, posed, float(breaks[-2]), end),
        }
        state["worst"] = max(state["worst"], self.metrics["residual"])
        self._say(state)

    def _say(self, state: dict[str, Any]) -> None:
        """The progress in words."""
        march = cast(March, self.march)
        basis = march.lines.basis
        self.done = march.done
        slabs = f"{state['slabs']} slab{'s' * (state['slabs'] != 1)}"
        self.words = [
            f"{slabs} to t = {march.time:.6g}, numerical rank {basis.shape[1]} of {basis.shape[0]} in space; maximum "
            f"residual {state['worst']:.1e} of the time derivative at held-out points."
        ]
        if not self.model.is_point:
            self.words += said(self.model.network.metric, self.model.network.in_features)
        if not self.done and state["slabs"] >= self.solver.max_epochs:
            self.words.append(f"The final time was not reached; increase max_epochs={self.solver.max_epochs}.")

    def _begun(self, posed: Posed, state: dict[str, Any]) -> March:
        solver, problem, network = self.solver, posed.problem, self.model.network
        space = problem.domain.space if isinstance(problem.domain, SpaceTime) else None
        if space is None:
            # Ordinary differential equations: space is a point.
            points, weights = network.weight.new_zeros((1, 0)), network.weight.new_ones(1)
        elif solver.refine and isinstance(space, Interval) and network.layer.automatic:
            low, high = (float(end) for end in space.box[:, 0])
            at = torch.linspace(low, high, 2001, dtype=torch.float64)
            length = torch.full_like(at, high - low)
            before = np.zeros(0)
            for run in range(solver.refine + 1):
                spacing = Spacing.of(low, high, len(network.centers), at.numpy(), length.numpy())
                centers, h = spacing.centers()
                network.centers.copy_(centers[:, None])
                raw = network.layer.metric.raw
                raw.copy_(-(solver.overlap * breadth(network.kernel) * h).log().reshape(raw.shape))
                points, weights = spacing.points()
                settled = len(before) and np.abs(np.log(spacing.h / before)).max() < SETTLED
                before = spacing.h
                if settled:
                    break
                if run < solver.refine:
                    length = self._lengths(posed, points, weights, at)
        else:
            if network.layer.automatic and all(not sample.data for sample in posed.samples.values()):
                count = PER_CENTER * network.num_centers
                x, w = space.quadrature(2 * count)
                samples = dict(posed.samples)
                fitted(problem, network, solver.overlap, samples, x, w / w.sum(), space.scattered(count))
            points, weights = resolved(space, network, PER_CENTER)
        state.update(points=points, weights=weights, slabs=0, worst=0.0)
        lines = Lines(problem, network, dict(posed.samples), points, weights)
        march = self._started(lines, Radau.of(solver.degree), solver.tolerance)
        if lines.order == 1 and march.contradicted:
            # The first piece: from the start as it is given, in a line.
            middle, half = (march.state[0] + lines.given) / 2, (march.state[0] - lines.given) / 2
            coefficients = torch.cat([middle[None], half[None], middle.new_zeros((solver.degree - 1, lines.size))])
            march.time += march.instant
            self.model.set_pieces(
                self.model.breaks.new_tensor([self.model.breaks[0], march.time]), weights_of(lines, coefficients)[None]
            )
            state["slabs"] = 1
        return march

    def _started(self, lines: Lines, radau: Radau, tolerance: float) -> March:
        start, end = lines.problem.domain.box[:, -1].tolist()
        # A start that does not satisfy the boundary conditions leaves an error of its own.
        tolerance = max(tolerance, 0.01 * lines.jump)
        scale = max(float(lines.start[0].norm()), float(lines.start[-1].norm()) * (end - start) / 50, 1e-30)
        scales = torch.full((lines.outputs,), scale, dtype=lines.start.dtype)
        if lines.basis.shape[1] == 1:
            tolerance *= OF_UNKNOWNS
            scales = lines.start[0].abs().clamp_min(1e-30)
        return March(lines, radau, tolerance, end, start, (end - start) / 50, lines.start, scales)

    def _resumed(self, posed: Posed, state: dict[str, Any]) -> March:
        lines = Lines(posed.problem, self.model.network, dict(posed.samples), state["points"], state["weights"])
        march = self._started(lines, Radau.of(self.solver.degree), self.solver.tolerance)
        # One number for all outputs, before each unknown of ordinary differential equations had its own.
        scale = torch.as_tensor(state["scale"], dtype=march.scale.dtype).expand_as(march.scale).clone()
        if state["at"].shape != march.state.shape:
            raise InputError(
                f"The checkpoint is of a version of evolve with another basis in space, of {state['at'].shape[1]} coordinates "
                f"rather than {march.state.shape[1]}; start the run anew."
            )
        march.time, march.step, march.scale, march.state = state["time"], state["step"], scale, state["at"]
        return march

    def _lengths(self, posed: Posed, points: Tensor, weights: Tensor, at: Tensor) -> Tensor:
        """The least length of the solution of a coarse run at each of some points, up to where it comes to."""
        lines = Lines(posed.problem, self.model.network, dict(posed.samples), points, weights)
        march = self._started(lines, Radau.of(COARSE_STAGES), COARSE)
        orders = [k for k in (1, 2) if k <= self.model.kernel.smoothness]
        site = Site(lines.network, lines.basis, at[:, None])
        between = torch.from_numpy(chebvander(WITHIN, COARSE_STAGES))
        size, slabs = at.new_zeros(lines.outputs), 0
        steepest = at.new_zeros((len(orders), lines.outputs, len(at)))
        while not march.done and slabs < MOST_SLABS:
            try:
                _, coefficients = march.slab()
            except InputError:
                # With so few centres; the run itself says whether it can go on from there.
                break
            if march.contradicted and march.time < lines.begin + LATER * (march.end - lines.begin):
                continue
            states = (between @ coefficients).unflatten(1, (lines.outputs, -1))
            values = (states @ site.matrix(()).T).abs().amax(dim=(0, 2))
            size, slabs = torch.maximum(values, size), slabs + 1
            for n, k in enumerate(orders):
                slopes = (states @ site.matrix((0,) * k).T).abs().amax(dim=0)
                steepest[n] = torch.maximum(steepest[n], slopes)
        found = [(size[:, None] / steepest[n].clamp_min(1e-300)) ** (1 / k) for n, k in enumerate(orders)]
        # Of a constant the length is one of rounding.
        return torch.cat(found).amin(dim=0).clamp_max(float(at[-1] - at[0]))


def weights_of(lines: Lines, coefficients: Tensor) -> Tensor:
    """From coefficients (K + 1, O n) of the state to those (K + 1, N, O) of the network's weights."""
    return (coefficients.unflatten(1, (lines.outputs, -1)) @ lines.basis.T).transpose(1, 2)
