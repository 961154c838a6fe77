"""Empirical Bayes for inverse problems: noise level, smoothness of unknown functions, and error bars."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.problems import Data, Problem, Unknown, UnknownField
from rbfnet.solvers.algebra import Factored
from rbfnet.solvers.assembly import Posed, Unknowns

EXACT = 1e3
"""Maximum weight of the other conditions relative to the data."""

SOFTER = 10.0
"""Maximum factor by which this weight is lowered at a time, if the model cannot satisfy the conditions that closely."""

CLEARLY = 3.0
"""Narrower kernels must raise the log evidence by this: strong evidence on the scale of Kass and Raftery."""

SETTLED = 0.1
"""Changes of the loss (in units of the noise) and of effective numbers of parameters below this count as zero."""


def applies(problem: Problem) -> bool:
    """Whether there are unknowns, and data to infer them from."""
    conditions = problem.named_conditions().values()
    return bool(problem.unknowns()) and any(isinstance(condition, Data) for condition in conditions)


@dataclass(frozen=True)
class Posterior:
    """The normal distribution of the parameters p of the problem around their current values; the weights w are eliminated.

    Attributes:
        covariance: the covariance of p.
        leverage: the leverage of each row, between 0 and 1; the sum is the number of parameters.
        log_det: log determinant of the inverse of the covariance.
    """

    covariance: Float[Tensor, "P P"]
    leverage: Float[Tensor, " R"]
    log_det: float


def posterior(jacobian: Float[Tensor, "R U"], count: int) -> Posterior:
    """The posterior from the derivatives of rows of unit variance; all but the last ``count`` columns, p, are eliminated.

    With J = Q R, the lower right block of R belongs to p alone, and its inverse is a square root of the marginal covariance.
    Weights are damped at the level of rounding.
    """
    factored = Factored(jacobian)
    size = jacobian.shape[1] - count
    damping = torch.full_like(factored.scale[:, 0], factored.rounding)
    damping[size:] = 0.0
    square = factored.matrix if factored.wide else factored.triangle
    triangle = torch.linalg.qr(torch.cat([square, damping.diag()]), mode="r").R
    weights, mixed, own = triangle[:size, :size], triangle[:size, size:], triangle[size:, size:]
    inverse = torch.linalg.solve_triangular(own, torch.eye(count, dtype=own.dtype, device=own.device), upper=True)
    follow = torch.linalg.solve_triangular(weights, mixed, upper=True)
    rows = (factored.matrix[:, size:] - factored.matrix[:, :size] @ follow) @ inverse
    root = inverse / factored.scale[size:]
    scale = factored.scale[size:, 0].log().sum()
    return Posterior(root @ root.T, rows.square().sum(dim=1), 2 * float(own.diagonal().abs().log().sum() + scale))


class Inference:
    """Row weights from a likelihood and a prior, estimated along with the unknowns: empirical Bayes.

    The errors of data are normal with standard deviation sigma, the weights of an unknown function normal with precision alpha,
    and all other conditions hold :data:`EXACT` times as closely as data. After each step, with the effective numbers of
    parameters gamma that a set of rows determines (the sum of their leverages),

        sigma^2 = |u - y|^2 / (N - gamma),    alpha = gamma / |v|^2,    gamma = M - that of the prior's own rows,

    which maximise the linearised evidence (Laplace's approximation). After convergence, the other conditions are relaxed until
    their residual costs less likelihood than one standard error of a parameter, or until they weigh as much as the data: the
    unknowns must not compensate for a network with too few centres. Then kernels of half the width, and again half, are tried
    for an unknown function, and those of the highest evidence are kept; narrower ones only if the evidence is clearly higher.

    Error bars account for noise only, not for the approximation error of the network, which dominates if data are exact.

    Source: MacKay, Bayesian interpolation, Neural Computation 4 (1992); Kass and Raftery, Bayes factors, JASA 90 (1995).
    Equivalent for one linear set of data: ``sklearn.linear_model.BayesianRidge``.

    Args:
        problem: the problem whose unknowns are inferred.
        unknowns: the vector of all unknowns.

    The ``state`` of the methods is plain data, changed in place, so that it can be saved with the state of the solver.
    """

    def __init__(self, problem: Problem, unknowns: Unknowns) -> None:
        self.problem, self.unknowns = problem, unknowns
        self.fields = [part for part in problem.unknowns().values() if isinstance(part, UnknownField)]

    def start(self) -> dict[str, Any]:
        """The state before the first step."""
        return {
            "noise": {},
            "floor": {},
            "alpha": [1.0] * len(self.fields),
            "gamma": [],
            "closeness": EXACT,
            "turn": 0,
            "kept": None,
        }

    def weighted(self, posed: Posed, state: dict[str, Any]) -> Posed:
        """The problem with rows scaled to unit variance."""
        data = self._data()
        if not state["noise"]:
            with torch.no_grad():
                residual = posed.residual()
            for key, (rows, scale) in _rows(posed).items():
                if key[0] in data:
                    spread = float(residual[rows].norm()) / scale**0.5
                    state["noise"][key] = data[key[0]].noise(key[1]) or spread or 1.0
                    state["floor"][key] = torch.finfo(residual.dtype).eps ** 0.5 * state["noise"][key]
        least = min(state["noise"].values())
        total = sum(posed.samples[name].num_rows for name in data)
        exact = total * (state["closeness"] / least) ** 2
        scales = {
            name: [
                scale * (posed.samples[name].num_rows / state["noise"][name, k] ** 2 if name in data else exact)
                for k, scale in enumerate(posed.scales[name])
            ]
            for name in posed.scales
        }
        precision = {id(field.network.weight): alpha for field, alpha in zip(self.fields, state["alpha"], strict=True)}
        roots = [torch.full_like(p.detach().reshape(-1), precision.get(id(p), 0.0) ** 0.5) for p in posed.parameters]
        return replace(posed, scales=scales, prior=torch.cat(roots))

    def update(self, weighted: Posed, state: dict[str, Any], decrease: float) -> bool:
        """Update sigma, alpha and error bars at the current unknowns; returns whether the inference has converged."""
        residual, jacobian = self.unknowns.linearization(weighted)
        found = posterior(jacobian, sum(p.numel() for p in weighted.parameters))
        del jacobian
        places = _places(weighted)
        if not torch.isfinite(found.leverage).all():
            # No equation depends on some unknown any longer: a positive one has become zero, say.
            self._report(torch.full_like(found.covariance, math.inf), places)
            return True
        evidence = -float(residual @ residual) / 2 - found.log_det / 2
        gammas, left, drift, seen = [], 0.0, 0.0, True
        determined = float(found.leverage[: -len(found.covariance)].sum())
        data = self._data()
        for key, (rows, _) in _rows(weighted).items():
            if key[0] not in data:
                left += float(residual[rows].square().sum())
                continue
            squares = float(residual[rows].square().sum())
            gamma, count = float(found.leverage[rows].sum()), rows.stop - rows.start
            gammas.append(gamma)
            evidence -= count * math.log(state["noise"][key])
            if data[key[0]].noise(key[1]) is not None and squares > count + 3 * (2 * count) ** 0.5:
                # This much cannot be noise: the network prevents the unknowns from fitting the data.
                left += squares
            if data[key[0]].noise(key[1]) is None:
                # With as many parameters as data, noise cannot be estimated: the data are treated as exact.
                seen = seen and count - determined > 0.5
                sigma = state["noise"][key]
                state["noise"][key] = max(sigma * max((squares / max(count - gamma, 0.5)) ** 0.5, 1e-3), state["floor"][key])
                drift = max(drift, abs(math.log(state["noise"][key] / sigma)))
        for k, field in enumerate(self.fields):
            own, alpha = places[id(field.network.weight)], state["alpha"][k]
            prior = len(found.leverage) - len(found.covariance) + torch.arange(own.start, own.stop)
            gamma = max(field.network.num_centers - float(found.leverage[prior].sum()), 0.0)
            gammas.append(gamma)
            evidence += field.network.num_centers * math.log(alpha) / 2
            size = float(field.network.weight.detach().square().sum())
            state["alpha"][k] = alpha * min(max(gamma / (alpha * size), 0.01), 100.0) if size else alpha
        self._report(found.covariance if seen else torch.full_like(found.covariance, math.nan), places)
        before, state["gamma"] = state["gamma"], gammas
        moved = max((abs(a - b) for a, b in zip(gammas, before, strict=False)), default=math.inf)
        if decrease > SETTLED or drift > SETTLED / 10 or moved > SETTLED:
            return False
        if left > 1.0 and state["closeness"] > 1.0:
            state["closeness"] = max(state["closeness"] / min(1.1 * left**0.5, SOFTER), 1.0)
            return False
        return self._narrow(evidence, state)

    def _narrow(self, evidence: float, state: dict[str, Any]) -> bool:
        """Keep clearly better kernels and try narrower ones; return to the best when none are left."""
        if state["kept"] is None or evidence > state["kept"]["evidence"] + CLEARLY:
            state["kept"] = {
                "evidence": evidence,
                "problem": {name: value.clone() for name, value in self.problem.state_dict().items()},
                "coefficients": self.unknowns.model.coefficients.detach().clone(),
                **{name: copy.deepcopy(state[name]) for name in ("noise", "alpha", "gamma", "closeness")},
            }
        while state["turn"] < len(self.fields):
            if self.fields[state["turn"]].narrow():
                state["gamma"] = []
                return False
            kept = state["kept"]
            self.problem.load_state_dict(kept["problem"])
            self.unknowns.model.set_coefficients(kept["coefficients"])
            state |= {name: copy.deepcopy(kept[name]) for name in ("noise", "alpha", "gamma", "closeness")}
            state["turn"] += 1
        return True

    def _report(self, covariance: Tensor, places: dict[int, slice]) -> None:
        for part in self.problem.unknowns().values():
            own = [part.raw] if isinstance(part, Unknown) else [part.network.weight, part.network.tail]
            if all(id(p) in places for p in own):
                chosen = torch.cat([torch.arange(places[id(p)].start, places[id(p)].stop) for p in own])
                part.covariance.copy_(covariance[chosen][:, chosen])

    def _data(self) -> dict[str, Data]:
        return {name: c for name, c in self.problem.named_conditions().items() if isinstance(c, Data)}


def _rows(posed: Posed) -> dict[tuple[str, int], tuple[slice, float]]:
    """The rows and the scale of each equation, by condition and index."""
    found, start = {}, 0
    for name in posed.problem.named_conditions():
        for k, scale in enumerate(posed.scales[name]):
            stop = start + posed.samples[name].num_rows
            found[name, k] = slice(start, stop), scale
            start = stop
    return found


def _places(posed: Posed) -> dict[int, slice]:
    """The slice of each parameter in the vector of the problem's parameters."""
    found, start = {}, 0
    for p in posed.parameters:
        found[id(p)] = slice(start, start + p.numel())
        start += p.numel()
    return found
