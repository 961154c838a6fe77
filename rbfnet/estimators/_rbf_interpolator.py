"""SciPy's ``RBFInterpolator``, with every kernel of rbfnet and batched solves."""

from __future__ import annotations

import warnings
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor

from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError
from rbfnet.estimators._bordered import Bordered
from rbfnet.estimators._dense import by_cholesky, squared_distances
from rbfnet.kernels import Kernel, Polyharmonic, as_kernel

PAIRS = 2**18
"""The largest number of entries of matrices that are held at once beyond those of one system; these stay in cache."""

MANY = 1000
"""From this many points on, half the work of a factorisation is worth the trial whether the matrix is definite."""


class RBFInterpolator:
    """Interpolate or smooth scattered values as SciPy's ``RBFInterpolator`` does: signature, semantics and messages are the same.

    f(x) = sum_j w_j phi(epsilon |x - y_j|) + sum_t a_t p_t(x), with (K + diag(smoothing)) w + P a = d and P^T w = 0. Values of
    any shape (N, ...) are accepted, also complex ones. Coordinates are used as they are, and epsilon multiplies distances,
    whereas :func:`rbfnet.fit` standardises coordinates and chooses epsilon and smoothing. Computations are in float64. The
    small systems of ``neighbors`` are solved in batches, and :meth:`add` adds points without solving anew.

    Args:
        y: (N, D): the data points.
        d: (N, ...): the values.
        neighbors: how many of the nearest data points each evaluation uses; None for all of them.
        smoothing: a number, or one per point: 0 interpolates; large values tend to the least-squares fit of the polynomial.
        kernel: one of SciPy's names, or another name or :class:`rbfnet.Kernel` of rbfnet.
        epsilon: the shape parameter; 1 for a polyharmonic kernel, required for others.
        degree: the degree of the polynomial, -1 for none; None is the smallest that the kernel needs, but at least 0.

    Raises:
        InputError: (a ``ValueError``) arrays whose shapes do not fit, too few points for the degree, an unknown kernel or no
            epsilon.
        numpy.linalg.LinAlgError: the points do not determine the polynomial, or are not distinct.

    Warns:
        UserWarning: the degree is smaller than the kernel needs.

    Equivalent: SciPy ``RBFInterpolator``. Source: Fasshauer, Meshfree Approximation Methods with MATLAB (2007), ch. 6 to 8.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.linspace(0, 1, 5)[:, None]
        >>> rbfnet.RBFInterpolator(x, x[:, 0] ** 2, kernel="cubic")([[0.25], [0.5]]).round(3)
        array([0.062, 0.25 ])
    """

    def __init__(
        self,
        y: Any,
        d: Any,
        neighbors: float | None = None,
        smoothing: Any = 0.0,
        kernel: str | Kernel = "thin_plate_spline",
        epsilon: float | None = None,
        degree: int | None = None,
    ) -> None:
        self.y = np.asarray(y, dtype=np.float64, order="C")
        if self.y.ndim != 2:
            raise InputError("`y` must be a 2-dimensional array.")
        count, dims = self.y.shape
        values = np.asarray(d)
        self.d_dtype = np.complex128 if np.iscomplexobj(values) else np.float64
        values = np.asarray(values, dtype=self.d_dtype, order="C")
        if values.shape[:1] != (count,):
            raise InputError(f"Expected the first axis of `d` to have length {count}.")
        self.d_shape = values.shape[1:]
        # Real and imaginary parts are columns of their own.
        self.d = values.reshape(count, -1).view(np.float64)
        self.smoothing = _each(smoothing, count)
        self.kernel = kernel.lower() if isinstance(kernel, str) else kernel
        self._kernel = _known(self.kernel)
        self.epsilon = _scale(self._kernel, epsilon)
        self.degree = _degree(self._kernel, self.kernel, degree)
        self.neighbors = None if neighbors is None else int(min(neighbors, count))
        self._powers = [p for total in range(self.degree + 1) for p in combinations_with_replacement(range(dims), total)]
        if len(self._powers) > (count if self.neighbors is None else self.neighbors):
            raise InputError(
                f"At least {len(self._powers)} data points are required when `degree` is {self.degree} and the number of "
                f"dimensions is {dims}."
            )
        # The system, once points are added, and the places of the weights and of the polynomial among its unknowns.
        self._bordered: tuple[Bordered, Tensor] | None = None
        if self.neighbors is None:
            self._system = self._solved(torch.arange(count)[None])
        else:
            self._tree = KDTree(self.y)

    def __call__(self, x: Any) -> np.ndarray:
        """The interpolant at points.

        Args:
            x: (Q, D).

        Returns:
            (Q, ...), complex if the values are.

        Raises:
            InputError: points of another shape.
        """
        x = np.asarray(x, dtype=np.float64, order="C")
        if x.ndim != 2:
            raise InputError("`x` must be a 2-dimensional array.")
        if x.shape[1] != self.y.shape[1]:
            raise InputError(f"Expected the second axis of `x` to have length {self.y.shape[1]}.")
        found = self._everywhere(torch.from_numpy(x)) if self.neighbors is None else self._nearby(x)
        return found.numpy().view(self.d_dtype).reshape(len(x), *self.d_shape)

    def add(self, y: Any, d: Any, smoothing: Any = 0.0) -> RBFInterpolator:
        """Add data points, with the result of a new interpolator of all of them; returns itself.

        The system is not solved anew, but bordered by the new points: for n of them that costs N^2 n operations rather than N^3.
        The first call factorises the system, and the factors are kept.

        Args:
            y: (n, D): the new points. d: (n, ...): their values. smoothing: a number, or one per new point.

        Raises:
            InputError: as for a new interpolator, or complex values where those so far are real.
            numpy.linalg.LinAlgError: the points are not distinct; nothing is added.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 5)[:, None]
            >>> some = rbfnet.RBFInterpolator(x[:4], x[:4, 0] ** 2, kernel="cubic").add(x[4:], x[4:, 0] ** 2)
            >>> bool(np.allclose(some(x), x[:, 0] ** 2))
            True
        """
        y, values = np.asarray(y, dtype=np.float64), np.asarray(d)
        if y.ndim != 2 or y.shape[1] != self.y.shape[1]:
            raise InputError(f"`y` must be a 2-dimensional array whose second axis has length {self.y.shape[1]}.")
        if values.shape != (len(y), *self.d_shape):
            raise InputError(f"Expected `d` to have shape {(len(y), *self.d_shape)}, but it has {values.shape}.")
        if np.iscomplexobj(values) and self.d_dtype is np.float64:
            raise InputError("`d` must be real, as the values so far are; give complex ones from the start.")
        values = np.ascontiguousarray(values, dtype=self.d_dtype).reshape(len(y), -1).view(np.float64)
        smoothing = _each(smoothing, len(y))
        if self.neighbors is None:
            self._border(torch.from_numpy(y), torch.from_numpy(values), torch.from_numpy(smoothing))
        self.y, self.d = np.concatenate([self.y, y]), np.concatenate([self.d, values])
        self.smoothing = np.concatenate([self.smoothing, smoothing])
        if self.neighbors is not None:
            self._tree = KDTree(self.y)
        return self

    def _border(self, y: Float[Tensor, "C D"], values: Float[Tensor, "C S"], smoothing: Float[Tensor, " C"]) -> None:
        """Extend the system by new points, and solve for all unknowns."""
        centers, shift, scale = (part[0] for part in self._system[:3])
        count, terms = len(centers), len(self._powers)
        if self._bordered is None:
            matrix, _ = self._matrix(torch.arange(count)[None], shift[None], scale[None])
            self._bordered = Bordered(matrix[0]), torch.arange(count + terms)
        bordered, places = self._bordered
        # The unknowns of the bordered system are in the order in which they came.
        columns = torch.empty(len(places), len(y), dtype=torch.float64)
        columns[places] = torch.cat([self._phi(centers, y), self._monomials((y - shift) / scale).T])
        bordered.grow(columns, self._phi(y, y) + torch.diag(smoothing))
        places = torch.cat([places[:count], torch.arange(len(places), len(places) + len(y)), places[count:]])
        right = torch.zeros(len(places), values.shape[1], dtype=torch.float64)
        right[places[: count + len(y)]] = torch.cat([torch.from_numpy(self.d), values])
        self._bordered = bordered, places
        self._system = torch.cat([centers, y])[None], shift[None], scale[None], bordered.solve(right)[places][None]

    def _everywhere(self, x: Float[Tensor, "Q D"]) -> Float[Tensor, "Q S"]:
        """With all points, block by block."""
        centers, shift, scale, coefficients = (part[0] for part in self._system)
        found = x.new_empty((len(x), coefficients.shape[1]))
        size = max(1, PAIRS // len(coefficients))
        for block, result in zip(x.split(size), found.split(size), strict=True):
            torch.mm(self._phi(block, centers), coefficients[: len(centers)], out=result)
            result.addmm_(self._monomials((block - shift) / scale), coefficients[len(centers) :])
        return found

    def _nearby(self, x: np.ndarray) -> Float[Tensor, "Q S"]:
        """With the nearest points of each x; those with the same neighbours share a system, and systems are solved in batches."""
        count = self.neighbors or 0
        near = np.sort(self._tree.query(x, count)[1].reshape(len(x), count), axis=1)
        sets, which = np.unique(near, axis=0, return_inverse=True)
        order = np.argsort(which.reshape(-1), kind="stable")
        starts = np.searchsorted(which.reshape(-1)[order], np.arange(len(sets) + 1))
        points, found = torch.from_numpy(x), torch.empty((len(x), self.d.shape[1]), dtype=torch.float64)
        unknowns = count + len(self._powers)
        size = max(1, PAIRS // unknowns**2)
        for first in range(0, len(sets), size):
            last = min(first + size, len(sets))
            system = self._solved(torch.from_numpy(sets[first:last]))
            rows = torch.from_numpy(order[starts[first] : starts[last]])
            for some in rows.split(max(1, PAIRS // (unknowns * max(*x.shape[1:], *found.shape[1:])))):
                owner = torch.from_numpy(which.reshape(-1)[some.numpy()]) - first
                centers, shift, scale, coefficients = (part[owner] for part in system)
                here = points[some][:, None]
                features = torch.cat([self._phi(here, centers), self._monomials((here - shift) / scale)], dim=-1)
                found[some] = (features @ coefficients)[:, 0]
        return found

    def _solved(self, sets: Int[Tensor, "G N"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The systems of sets of data points: their points, the shift and scale of the monomials, weights and coefficients."""
        points, values = torch.from_numpy(self.y)[sets], torch.from_numpy(self.d)[sets]
        low, high = points.amin(dim=1, keepdim=True), points.amax(dim=1, keepdim=True)
        shift, half = (low + high) / 2, (high - low) / 2
        scale = torch.where(half > 0, half, 1.0)
        matrix, tail = self._matrix(sets, shift, scale)
        if len(sets) == 1 and len(values[0]) >= MANY:
            count = len(values[0])
            if (definite := by_cholesky(matrix[0, :count, :count], tail[0], values[0])) is not None:
                return points, shift, scale, definite[None]
        right = torch.cat([values, values.new_zeros((len(sets), tail.shape[2], values.shape[2]))], dim=1)
        coefficients, info = torch.linalg.solve_ex(matrix, right)
        if (singular := info.nonzero()).numel():
            raise np.linalg.LinAlgError(_reason(tail[singular[0, 0]]))
        return points, shift, scale, coefficients

    def _matrix(self, sets: Int[Tensor, "G N"], shift: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix of each set of data points, and its monomials."""
        points, count = torch.from_numpy(self.y)[sets], sets.shape[1]
        tail = self._monomials((points - shift) / scale)
        matrix = points.new_zeros((len(sets), count + tail.shape[2], count + tail.shape[2]))
        size = max(1, PAIRS // count) if len(sets) == 1 else count
        for part, rows in zip(points.split(size, dim=1), matrix[:, :count].split(size, dim=1), strict=True):
            rows[..., :count] = self._phi(part, points)
        matrix[:, :count, :count].diagonal(dim1=1, dim2=2).add_(torch.from_numpy(self.smoothing)[sets])
        matrix[:, :count, count:], matrix[:, count:, :count] = tail, tail.mT
        return matrix, tail

    def _phi(self, x: Float[Tensor, "*G Q D"], centers: Float[Tensor, "*G N D"]) -> Float[Tensor, "*G Q N"]:
        """The kernel with the sign that makes it conditionally positive definite, as SciPy has it."""
        s = squared_distances(self.epsilon * x, self.epsilon * centers)
        with torch.no_grad():
            phi = self._kernel.phi(s)
        return -phi if (self._kernel.order or 0) % 2 else phi

    def _monomials(self, z: Float[Tensor, "*G D"]) -> Float[Tensor, "*G T"]:
        columns = [z[..., list(power)].prod(dim=-1) for power in self._powers]
        return torch.stack(columns, dim=-1) if columns else z.new_empty((*z.shape[:-1], 0))


def _each(smoothing: Any, count: int) -> np.ndarray:
    """The smoothing of each point."""
    given = np.asarray(smoothing, dtype=np.float64)
    if given.shape not in ((), (count,)):
        raise InputError(f"Expected `smoothing` to be a scalar or have shape ({count},).")
    return np.broadcast_to(given, (count,)).copy()


def _known(kernel: str | Kernel) -> Kernel:
    """The kernel of this name, in float64."""
    names = catalogue("kernels", "Kernel")
    if isinstance(kernel, str) and kernel not in names:
        raise InputError(f"`kernel` must be one of {sorted(names)}.")
    return as_kernel(kernel).double()


def _scale(kernel: Kernel, epsilon: float | None) -> float:
    if epsilon is None and not isinstance(kernel, Polyharmonic):
        raise InputError("`epsilon` must be specified if `kernel` is not one of linear, thin_plate_spline, cubic, quintic.")
    return 1.0 if epsilon is None else float(epsilon)


def _degree(kernel: Kernel, name: str | Kernel, degree: int | None) -> int:
    least = (kernel.order or 0) - 1
    if degree is None:
        return max(least, 0)
    degree = int(degree)
    if degree < -1:
        raise InputError("`degree` must be at least -1.")
    if -1 < degree < least:
        warnings.warn(
            f"`degree` should not be below {least} except -1 when `kernel` is '{name}'. The interpolant may not be uniquely "
            "solvable, and the smoothing parameter may have an unintuitive effect.",
            UserWarning,
            stacklevel=3,
        )
    return degree


def _reason(tail: Float[Tensor, "N T"]) -> str:
    """Why a system is singular."""
    terms = tail.shape[1]
    rank = int(torch.linalg.matrix_rank(tail)) if terms else 0
    if rank == terms:
        return "Singular matrix."
    return (
        "Singular matrix. The matrix of monomials evaluated at the data point coordinates does not have full column rank "
        f"({rank}/{terms})."
    )
