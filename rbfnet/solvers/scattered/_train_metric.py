"""Train a diagonal or full metric on data by the marginal likelihood."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator
from rbfnet.solvers.algebra import Moments
from rbfnet.solvers.scattered._scattered_values import Scattered

ROWS = 300
"""Maximum number of sites used, drawn at random, because each evaluation has cubic cost."""

STARTS = (1.0, 4.0)
"""Multiples of the initial widths from which the search starts; the likelihood has several maxima."""

STEPS = 80
"""Maximum number of steps of a search."""

NOISE, LEAST, MOST = 1e-4, 1e-10, 1e2
"""Initial value and bounds of the variance of the errors, relative to the mean variance of the function."""

FAILED = 1e10
"""The value where a factorisation fails; finite, so that the line search shortens its step."""


def train_metric(network: RBFNetwork, z: Float[Tensor, "S D"], data: Scattered) -> None:
    """Write the metric with the largest restricted likelihood into the network, by L-BFGS with exact gradients.

    With C = Q_2^T (W^1/2 K W^1/2 + s I) Q_2 and y' = Q_2^T W^1/2 y, free of the tail by the moment conditions, and for each of O
    outputs an amplitude of its own, the best for it, minimise over the metric and s

        O log det C + n sum_o log(y'_o^T C^-1 y'_o).

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 5.4; Wahba, Ann. Stat. 13 (1985), for
    the likelihood with a tail.

    Args:
        network: whose metric, one for all centres, is changed.
        z: the sites in its coordinates.
        data: the values.
    """
    from scipy.optimize import minimize

    target, best = _Likelihood(network, z, data), (math.inf, network.metric.raw.detach().clone())
    bounds = [(None, None)] * best[1].numel() + [(math.log(LEAST), math.log(MOST))]
    for factor in STARTS:
        start = copy.deepcopy(network.metric)
        start.widen(factor)
        at = np.append(start.raw.detach().cpu().numpy(), math.log(NOISE))
        found = minimize(target, at, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
        if found.fun < best[0]:
            best = float(found.fun), torch.from_numpy(found.x[:-1]).to(best[1])
    with torch.no_grad():
        network.metric.raw.copy_(best[1])


class _Likelihood:
    """The negative logarithm of the restricted likelihood, up to a factor and a constant, and its gradient."""

    def __init__(self, network: RBFNetwork, z: Float[Tensor, "S D"], data: Scattered) -> None:
        rows = torch.randperm(len(z), generator=torch.Generator().manual_seed(0))[:ROWS].sort().values.to(z.device)
        self.network, raw = copy.deepcopy(network), network.metric.raw
        self.network.replace_centers(z[rows], raw)
        self.root = data.weights[rows].sqrt()[:, None]
        self.moments = Moments(self.root * self.network.moments()[: len(rows)].detach())
        self.values = self.moments.rotated(self.root * data.y[rows] / data.spread)[self.moments.terms :]
        self.raw = self.network.metric.raw

    @torch.enable_grad()
    def __call__(self, at: np.ndarray) -> tuple[float, np.ndarray]:
        given = torch.from_numpy(at).to(self.values)
        noise = given[-1].detach().clone().requires_grad_()
        with torch.no_grad():
            self.raw.copy_(given[:-1])
        self.raw.requires_grad_()
        kernel = self.network.features(self.network.centers.detach(), Operator.identity())[:, : len(self.root)]
        # Q_2^T K Q_2 by two products, which are differentiable.
        half = self.moments.columns(self.root * kernel * self.root.T)
        inner = self.moments.columns(half.T)
        size = inner.diagonal().mean()
        inner = inner * torch.sign(size.detach())
        covariance = inner + noise.exp() * size.abs() * torch.eye(len(inner), dtype=inner.dtype, device=inner.device)
        factor, failed = torch.linalg.cholesky_ex(covariance)
        if failed or not len(inner):
            return FAILED, np.zeros_like(at)
        misfit = torch.linalg.solve_triangular(factor, self.values, upper=False).square().sum(dim=0)
        outputs = self.values.shape[1]
        value = 2 * outputs * factor.diagonal().log().sum() + len(inner) * misfit.log().sum()
        slopes = torch.autograd.grad(value, [self.raw, noise])
        gradient = np.append(slopes[0].detach().cpu().numpy(), float(slopes[1]))
        return (float(value.detach()), gradient) if np.isfinite(gradient).all() else (FAILED, np.zeros_like(at))
