"""What data say about unknowns: how closely to follow them, how smooth to be, and how wide the error bars are."""

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
"""How many times as closely as the data all other conditions are to hold, at most."""

SOFTER = 10.0
"""How much less closely at a time, at most, where the model cannot hold them as closely."""

CLEARLY = 3.0
"""Narrower kernels need a log evidence higher by this: strong evidence on the scale of Kass and Raftery."""

SETTLED = 0.1
"""Changes of the loss (in units of the noise) and of effective numbers of parameters below this are none."""


def applies(problem: Problem) -> bool:
    """Whether there are unknowns, and data that say something about them."""
    conditions = problem.named_conditions().values()
    return bool(problem.unknowns()) and any(isinstance(condition, Data) for condition in conditions)


@dataclass(frozen=True)
class Posterior:
    """The normal distribution of the parameters p of the problem about where they are, the weights w following them.

    Attributes:
        covariance: of p.
        leverage: how much of a parameter each row determines, between 0 and 1; their sum is the number of parameters.
        log_det: log determinant of the inverse of the covariance.
    """

    covariance: Float[Tensor, "P P"]
    leverage: Float[Tensor, " R"]
    log_det: float


def posterior(jacobian: Float[Tensor, "R U"], count: int) -> Posterior:
    """From the derivatives of rows of variance one; the last ``count`` columns are those of p, those before are eliminated.

    With J = Q R, the lower right block of R belongs to p alone: its inverse is a root of the covariance, whatever else has been
    fitted. Weights are damped at the level of rounding.
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
    """The weights that a likelihood and a prior give the rows, found along with the unknowns: empirical Bayes.

    The errors of data are normal with standard deviation sigma, the weights of an unknown function normal with precision alpha,
    and all other conditions hold :data:`EXACT` times as closely as data. After each step, with the effective numbers of
    parameters gamma that a set of rows determines (the sum of their leverages),

        sigma^2 = |u - y|^2 / (N - gamma),    alpha = gamma / |v|^2,    gamma = M - that of the prior's own rows,

    which maximise the evidence, linearised (Laplace's approximation). When they have settled, the other conditions are loosened
    until what they leave costs less likelihood than one standard error of a parameter, or they weigh as much as the data: what
    a network with too few centres cannot do must not be made up for by the unknowns. Then an unknown function tries kernels half
    as wide, and again, and takes those of the highest evidence; narrower ones only where it is clearly higher.

    Error bars are those of the noise; an error of the network itself, which is all there is where data are exact, is not in them.

    Source: MacKay, Bayesian interpolation, Neural Computation 4 (1992); Kass and Raftery, Bayes factors, JASA 90 (1995).
    Equivalent for one linear set of data: ``sklearn.linear_model.BayesianRidge``.

    Args:
        problem: whose unknowns are to be found.
        unknowns: all that is to be found.

    The methods' ``state`` is plain data that are changed in place, so that it can be kept with the state of the solver.
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
        """The problem with rows of variance one."""
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
        """New sigma and alpha, and error bars, where the unknowns are now; whether all is done."""
        residual, jacobian = self.unknowns.linearization(weighted)
        found = posterior(jacobian, sum(p.numel() for p in weighted.parameters))
        del jacobian
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
                # So much cannot be noise: it is the network that keeps the unknowns from the data.
                left += squares
            if data[key[0]].noise(key[1]) is None:
                # As many parameters as data leave nothing to see noise by: the data are then held as exact.
                seen = seen and count - determined > 0.5
                sigma = state["noise"][key]
                state["noise"][key] = max(sigma * max((squares / max(count - gamma, 0.5)) ** 0.5, 1e-3), state["floor"][key])
                drift = max(drift, abs(math.log(state["noise"][key] / sigma)))
        places = _places(weighted)
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
        """Remember what is clearly better, and try narrower kernels; back to the best where there are none left."""
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
    """For each condition and number of an equation its rows, and its scale."""
    found, start = {}, 0
    for name in posed.problem.named_conditions():
        for k, scale in enumerate(posed.scales[name]):
            stop = start + posed.samples[name].num_rows
            found[name, k] = slice(start, stop), scale
            start = stop
    return found


def _places(posed: Posed) -> dict[int, slice]:
    """Where each parameter stands among those of the problem."""
    found, start = {}, 0
    for p in posed.parameters:
        found[id(p)] = slice(start, start + p.numel())
        start += p.numel()
    return found
