"""The eigenvalues and eigenfunctions of one network, and how accurate they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Eigen, Problem, Sample
from rbfnet.solvers.eigen._admissible import COARSE, Admissible
from rbfnet.solvers.validation import fresh_points

SYMMETRIC = 1e-2
"""Matrices whose antisymmetric part is smaller than this, relative, are symmetric: the part is due to the quadrature."""

UNRESOLVED = 0.5
"""Functions that miss the equation by more than this, relative, are not believed."""

FRESH = 2000
"""Points inside at which the equation is checked."""

TINY = float(np.finfo(float).tiny)

ROUNDING = 100 * float(np.finfo(float).eps)


@dataclass(frozen=True)
class Modes:
    """Eigenvalues (K,), their absolute errors (K,), and the coefficients (N, O, K) of the eigenfunctions.

    Attributes:
        unresolved: how many values between those that are given have functions that miss the equation, and are left out.
        symmetric: whether the problem is self-adjoint.
    """

    values: Tensor
    errors: Float[Tensor, " K"]
    coefficients: Tensor
    unresolved: int
    symmetric: bool

    @property
    def relative(self) -> Float[Tensor, " K"]:
        """The errors relative to the values, or to a thousandth of the largest."""
        return self.errors / self.values.abs().clamp_min(1e-3 * float(self.values.abs().max()))


def modes_of(
    model: LinearModel, problem: Problem, condition: Eigen, count: int, near: float | None = None, per_function: int = COARSE
) -> Modes:
    """The first modes of L u = lambda M u among the functions of a model that satisfy the conditions.

    The equation is tested with the functions. For a self-adjoint problem this is the method of Rayleigh and Ritz: the error of
    a value is of the order of the square of that of its function.

    The errors are estimated from the residual r = |L u - lambda M u| / |M u| at fresh points, as r^2 / gap for self-adjoint
    problems (Kato and Temple) and r times the condition of the value otherwise, and from how far the conditions are violated.

    Args:
        model: whose functions they are. problem: with homogeneous linear conditions. condition: the equation.
        count: how many values; there may be fewer.
        near: the values nearest to this number; None for those at the end of the spectrum where it is bounded.
        per_function: points of the quadrature for each function.

    Raises:
        InputError: a condition with a right-hand side, equations that do not match the outputs, or no function left.

    Source: Kato, J. Phys. Soc. Jpn. 4 (1949); Fox, Henrici and Moler, SIAM J. Numer. Anal. 4 (1967), for the conditions.
    """
    samples = {name: sample for name, sample in problem.sample().items() if name != condition.name}
    space = Admissible.of(model, problem, samples, per_function)
    tested = space.weights[:, None, None] * space.values(space.x)
    left = torch.einsum("bof,bog->fg", tested, space.applied(condition.left, space.x))
    right = torch.einsum("bof,bog->fg", tested, space.applied(condition.right, space.x))
    symmetric = all(float((m - m.T).norm()) < SYMMETRIC * float(m.norm()) for m in (left, right))
    values, vectors, sensitivity = _solved(left.numpy(), right.numpy())
    order = np.argsort(_distance(values, near), kind="stable")
    values, vectors, sensitivity = values[order], vectors[:, order], sensitivity[order]
    ahead = slice(0, min(len(values), 3 * count + 10))
    missed = _missed(space, condition, values[ahead], vectors[:, ahead])
    scale = np.abs(values[: 2 * count]).max()
    size = np.maximum(np.abs(values[ahead]), 1e-3 * scale)
    good = np.flatnonzero(missed < UNRESOLVED * size)[:count]
    if symmetric:
        apart = np.abs(values[:, None] - values[None, good])
        apart[apart <= missed[None, good] + 1e-8 * size[None, good]] = np.inf
        inside = np.minimum(missed[good], missed[good] ** 2 / apart.min(axis=0))
    else:
        inside = missed[good] * sensitivity[good]
    errors = inside + size[good] * (_violated(space, samples, vectors[:, good]) + ROUNDING)
    found = torch.from_numpy(_scaled(space, vectors[:, good]))
    return Modes(
        values=torch.from_numpy(values[good]),
        errors=torch.from_numpy(errors),
        coefficients=torch.einsum("onf,fk->nok", space.free.to(found.dtype), found),
        unresolved=int(good[-1] + 1 - len(good)) if len(good) else int(ahead.stop),
        symmetric=symmetric,
    )


def _solved(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The finite eigenvalues, their vectors, and the condition of each; real where all of them are."""
    values, before, vectors = scipy.linalg.eig(left, right, left=True)
    finite = np.isfinite(values) & (np.abs(values) < 1 / np.finfo(float).eps)
    values, before, vectors = values[finite], before[:, finite], vectors[:, finite]
    along = np.abs(np.einsum("fk,fg,gk->k", before.conj(), right, vectors))
    size = np.linalg.norm(before, axis=0) * np.linalg.norm(right @ vectors, axis=0)
    sensitivity = size / np.maximum(along, TINY)
    imaginary = np.abs(values.imag) > 1e-8 * np.maximum(np.abs(values), 1e-3 * np.median(np.abs(values)))
    if imaginary.any():
        return values, vectors, sensitivity
    # Vectors of a real value are real up to a factor.
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    return values.real, (vectors / largest).real, sensitivity


def _distance(values: np.ndarray, near: float | None) -> np.ndarray:
    """How far down the list a value is."""
    if near is not None:
        return np.abs(values - near)
    bounded = 1.0 if values[np.abs(values).argmax()].real > 0 else -1.0
    return bounded * values.real


def _missed(space: Admissible, condition: Eigen, values: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """|L u - lambda M u| / |M u| at fresh points."""
    x = space.problem.domain.interior(FRESH)
    left = space.applied(condition.left, x).numpy() @ vectors
    right = space.applied(condition.right, x).numpy() @ vectors
    sizes = np.linalg.norm(right.reshape(-1, len(values)), axis=0)
    return np.linalg.norm((left - values * right).reshape(-1, len(values)), axis=0) / np.maximum(sizes, TINY)


def _violated(space: Admissible, samples: dict[str, Sample], vectors: np.ndarray) -> np.ndarray:
    """How far functions violate the conditions at fresh points, relative to the functions or their slopes inside."""
    ops = [Operator.identity(), *(Operator.d(i) for i in range(space.x.shape[1]))]
    functions = np.einsum("onf,fk->onk", space.free.numpy(), vectors, optimize=True)
    features = (space.model.features(space.x, op).numpy() for op in ops)
    inside = [_size(space, np.stack([values @ one for one in functions], axis=1)) for values in features]
    slopes = np.sqrt(sum(part**2 for part in inside[1:]))
    worst = np.zeros(vectors.shape[1])
    for name, sample in fresh_points(space.problem, samples).items():
        for rows, order in space.edge(name, sample):
            size = inside[0] if order == 0 else slopes
            worst = np.maximum(worst, np.abs(rows.numpy() @ vectors).max(axis=0) / np.maximum(size, TINY))
    return worst


def _size(space: Admissible, values: np.ndarray) -> np.ndarray:
    """The root mean square over the domain of functions (B, O, K) at the points of the quadrature."""
    return np.sqrt((space.weights[:, None, None].numpy() * np.abs(values) ** 2).sum(axis=(0, 1)))


def _scaled(space: Admissible, vectors: np.ndarray) -> np.ndarray:
    """Vectors of functions whose square has the integral 1 over the domain, and whose largest value is positive."""
    found = space.values(space.x).numpy() @ vectors
    flat = found.reshape(-1, found.shape[2])
    largest = np.take_along_axis(flat, np.abs(flat).argmax(axis=0)[None], axis=0)[0]
    return vectors * (np.abs(largest) / largest / (_size(space, found) * space.problem.domain.volume**0.5))
