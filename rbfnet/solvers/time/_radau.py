"""Collocation at the nodes of Radau, of any number of stages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Complex, Float
from numpy.polynomial import chebyshev as cheb
from numpy.polynomial import legendre
from torch import Tensor


@dataclass(frozen=True)
class Radau:
    """The method Radau IIA with K stages: a polynomial of degree K that satisfies the equation at K nodes, the end among them.

    It is of order 2 K - 1 at the end and of order K in between, damps what is infinitely fast at once, and solves equations
    without a time derivative too. The polynomial is its own dense output.

    Source: Hairer and Wanner, Solving Ordinary Differential Equations II (1996), section IV.5; Hairer and Wanner, Stiff
    differential equations solved by Radau methods, J. Comput. Appl. Math. 111 (1999).

    Attributes:
        nodes: c, rising, c_K = 1.
        weights: of the quadrature at the nodes.
        integral: A_ij, the integral of the j-th Lagrange polynomial from 0 to c_i.
        eigenvalues: those of A that are real or above the real axis.
        into, back: A = V diag(eigenvalues) V^-1 with into = V^-1 (rows) and back = V (columns) for these eigenvalues; a real
            vector is the real part of ``back @ (into @ w)``, where those above the axis count twice in ``back``.
        before: from values at the nodes to the value at 0 of the polynomial of degree K - 1 through them.
        chebyshev: from the values at 0 and at the nodes to the coefficients of Chebyshev polynomials of 2 s - 1.
    """

    nodes: Float[Tensor, " K"]
    weights: Float[Tensor, " K"]
    integral: Float[Tensor, "K K"]
    eigenvalues: Complex[Tensor, " H"]
    into: Complex[Tensor, "H K"]
    back: Complex[Tensor, "K H"]
    before: Float[Tensor, " K"]
    chebyshev: Float[Tensor, "K+1 K+1"]

    @classmethod
    def of(cls, stages: int) -> Radau:
        """The method with so many stages."""
        # The right nodes of Radau are the zeros of P_K - P_(K-1).
        series = np.zeros(stages + 1)
        series[stages - 1], series[stages] = -1.0, 1.0
        roots = np.sort(legendre.legroots(series).real)
        for _ in range(3):
            roots = roots - legendre.legval(roots, series) / legendre.legval(roots, legendre.legder(series))
        roots[-1] = 1.0
        integrals = np.stack([cheb.chebval(roots, cheb.chebint(row, lbnd=-1)) for row in np.eye(stages)], axis=1) / 2
        integral = integrals @ np.linalg.inv(cheb.chebvander(roots, stages - 1))
        values, vectors = np.linalg.eig(integral)
        inverse = np.linalg.inv(vectors)
        upper = values.imag >= -1e-12 * abs(values)
        count = np.where(abs(values[upper].imag) <= 1e-12 * abs(values[upper]), 1.0, 2.0)
        return cls(
            torch.from_numpy((roots + 1) / 2),
            torch.from_numpy(integral[-1].copy()),
            torch.from_numpy(integral),
            torch.from_numpy(values[upper].astype(complex)),
            torch.from_numpy(inverse[upper].astype(complex)),
            torch.from_numpy((vectors[:, upper] * count).astype(complex)),
            torch.from_numpy(
                (cheb.chebvander(np.array([-1.0]), stages - 1) @ np.linalg.inv(cheb.chebvander(roots, stages - 1)))[0]
            ),
            torch.from_numpy(np.linalg.inv(cheb.chebvander(np.concatenate([[-1.0], roots]), stages))),
        )

    def integrated(self, highest: Float[Tensor, "K n"], state: Float[Tensor, "p n"], step: float) -> Float[Tensor, "p+1 K n"]:
        """A state and its derivatives at the nodes of a step, from the highest derivative there and the state before."""
        found = [highest]
        for known in reversed(list(state)):
            found.append(known + step * self.integral @ found[-1])
        return torch.stack(found[::-1])
