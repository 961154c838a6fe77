"""Problems solved by a local network: nodes, sparse systems, an error estimate and a verdict."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import lightning.pytorch as pl
import torch

from rbfnet.catalogue import snake_case
from rbfnet.domains import SpaceTime, place_nodes
from rbfnet.errors import InputError, positive, unknown
from rbfnet.kernels import Kernel, KernelLike, as_kernel
from rbfnet.nn import Evolving, LocalNetwork, RBFNetwork
from rbfnet.problems import Problem
from rbfnet.solvers import Auto, Evolve, GaussNewton, LeastSquares, Solver
from rbfnet.solvers.sparse import collocate
from rbfnet.solvers.sparse_time import advance
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution
from rbfnet.training._summary import by_verdict, errors_by
from rbfnet.training.verdict import compared, judge_local

DEGREES = {1: 6, 2: 6, 3: 4}
"""Degree of the polynomials by dimension."""

DEGREES_IN_TIME = {1: 6, 2: 4, 3: 3}
"""The same in space and time, where a system is solved many times."""

AT_MOST, TIMES = 500, 8
"""Nodes and times at which two solutions in space and time are compared."""

Local = LocalNetwork | Evolving

NODES = 400
"""Number of nodes if it is not given."""

DECIDED = {"in_features", "out_features", "nodes", "kernel", "dtype", "device"}
"""Arguments of LocalNetwork that follow from the problem and the run."""


@dataclass(frozen=True)
class LocalRun:
    """What a solution by a local network is made from.

    Args:
        problem: in up to three dimensions of space.
        kernel: None is r^5.
        network: ``num_centers``, the number of nodes, about, or ``"auto"``; ``spacing`` as in
            :func:`rbfnet.domains.place_nodes`; further arguments of :class:`rbfnet.nn.LocalNetwork`.
    """

    problem: Problem
    kernel: KernelLike | None
    network: Mapping[str, Any]

    def checked(
        self, solver: Solver, dtype: torch.dtype, trainer: Mapping[str, Any], callbacks: Sequence[pl.Callback]
    ) -> LocalRun:
        """This run; raises InputError for what a local network does not take, before any work.

        Args:
            solver, dtype, trainer, callbacks: those of the run.
        """
        known = {*inspect.signature(LocalNetwork).parameters} - DECIDED | {"network", "num_centers", "spacing"}
        for key in self.network:
            if key not in known:
                raise unknown("argument of network=local called", key, known)
        able = (Auto, Evolve) if self._in_time else (Auto, GaussNewton, LeastSquares)
        if not isinstance(solver, able):
            raise InputError(f"network=local solves sparse systems by collocation, but got solver={solver.name}; remove it.")
        if dtype != torch.float64:
            raise InputError(f"network=local computes in float64, but got dtype={str(dtype).removeprefix('torch.')}; remove it.")
        if trainer["accelerator"] not in ("cpu", "auto") or trainer["devices"] not in (1, "1", "auto") or callbacks:
            raise InputError("network=local runs in one step on the CPU; remove accelerator, devices and callbacks.")
        if self.network["num_centers"] != "auto":
            positive("num_centers", self.network["num_centers"], whole=True)
        self._require_able()
        return self

    def _require_able(self) -> None:
        problem, name = self.problem, type(self.problem).__name__
        problem.require_domain()
        if any(parameter.requires_grad for parameter in problem.parameters()):
            raise InputError(f"network=local solves for the solution only, but {name} has unknowns; use another network.")
        one = RBFNetwork(len(problem.domain.coords), len(problem.outputs), 1)
        if problem.enrichment or problem.ansatz(one) is not one:
            raise InputError(f"network=local takes conditions as they are, but {name} has an ansatz or an enrichment; remove it.")

    def solution(self, seed: int, started: float, accuracy: float | None) -> Solution:
        """Place the nodes, solve, estimate the error, and judge."""
        problem, network = self.problem.to(torch.float64), {key: value for key, value in self.network.items() if key != "network"}
        given = network.pop("num_centers")
        count, spacing = NODES if given == "auto" else int(given), network.pop("spacing", None)
        kernel = as_kernel("quintic" if self.kernel is None else self.kernel)
        model, words = self._solved(count, spacing, kernel, network)
        seconds = time.perf_counter() - started
        coarse, _ = self._solved(count // 2, spacing, kernel, network)
        relative, error = self._differences(model, coarse)
        verdict = judge_local(model, problem, dict(zip(problem.outputs, relative, strict=True)), error, accuracy)
        basis = cast(LocalNetwork, model.network if isinstance(model, Evolving) else model)
        summary: dict[str, Any] = {
            "problem": snake_case(type(problem).__name__),
            "kernel": snake_case(type(kernel).__name__),
            "solver": "evolve" if self._in_time else "collocation",
            "seed": seed,
            "centers": model.num_centers,
            "epsilon": float(model.epsilon),
            "parameters": model.coefficients.numel(),
            "epochs": 1,
            "seconds": round(seconds, 3),
            "errors": None,
            "words": [
                f"Local interpolants of {basis.neighbors} nodes each, with polynomials of degree {basis.degree}.",
                *words,
                f"The estimated error is the difference to the solution at {coarse.num_centers:,} nodes.",
            ],
        }
        # It has what the functions below ask of a network.
        whole = cast(Network, model)
        if (found := compared(whole, problem, [])) is not None:
            summary |= errors_by(problem, *found)
        return Solution(whole, problem, summary["errors"], summary | by_verdict(verdict))

    @property
    def _in_time(self) -> bool:
        return isinstance(self.problem.domain, SpaceTime)

    @torch.no_grad()
    def _differences(self, model: Local, coarse: Local) -> tuple[list[float], float]:
        """The difference of two solutions at nodes, at several times if there is a time: of each output and of all, relative."""
        x = model.centers
        if isinstance(self.problem.domain, SpaceTime):
            start, end = self.problem.domain.time
            x = x[torch.randperm(len(x))[:AT_MOST]]
            times = start + (end - start) * torch.linspace(0, 1, TIMES + 1, dtype=x.dtype)[1:]
            x = torch.cat([x.repeat(TIMES, 1), times.repeat_interleave(len(x))[:, None]], dim=1)
        found = model(x)
        sizes, off = found.norm(dim=0), (found - coarse(x)).norm(dim=0)
        return (off / torch.where(sizes > 0, sizes, 1.0)).tolist(), float(off.norm()) / (float(sizes.norm()) or 1.0)

    def _degree(self, given: Any, kernel: Kernel, count: int) -> Any:
        """The degree of the polynomials: lower where there are few nodes."""
        dims = len(self.problem.domain.space_coords)
        if given is not None:
            return given
        degree = DEGREES_IN_TIME[dims] if self._in_time else DEGREES[dims]
        least = max(kernel.order or 0, 3) - 1
        while degree > least and 2 * _terms(dims, degree) > count:
            degree -= 1
        return max(degree, least)

    def _solved(self, count: int, spacing: Any, kernel: Kernel, network: Mapping[str, Any]) -> tuple[Local, list[str]]:
        domain = self.problem.domain
        nodes = place_nodes(domain.space if isinstance(domain, SpaceTime) else domain, count=count, spacing=spacing)
        dims, outputs = nodes.x.shape[1], len(self.problem.outputs)
        degree = self._degree(network.get("degree"), kernel, len(nodes.x))
        model = LocalNetwork(dims, outputs, nodes.x, kernel, dtype=torch.float64, **{**network, "degree": degree})
        if not self._in_time:
            return model, collocate(model, self.problem, nodes)
        evolved, words = advance(model, self.problem, nodes)
        return evolved, [words]


def _terms(dims: int, degree: int) -> int:
    """The number of monomials."""
    return math.comb(dims + degree, dims)
