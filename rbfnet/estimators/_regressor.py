"""A regressor with the interface of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch

from rbfnet.errors import InputError
from rbfnet.extras import require
from rbfnet.kernels import KernelLike
from rbfnet.nn import LocalNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.problems import DataProblem
from rbfnet.training import fit, with_rows

require("sklearn", "cluster", "RBFRegressor")

from sklearn.base import BaseEstimator, RegressorMixin  # noqa: E402
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data  # noqa: E402


class RBFRegressor(RegressorMixin, BaseEstimator):
    """:func:`rbfnet.fit` as an estimator of scikit-learn: for pipelines, grid searches and cross-validation.

    Minimises sum_i v_i (y_i - u(x_i))^2 + smoothing w^T K w over the weights w, v the sample weights, in standardised units. Rows
    with equal points are merged into their weighted mean first. ``predict(X, return_std=True)`` also returns the standard
    deviation of the function, without the noise of a value (:meth:`rbfnet.Solution.std`).

    Args:
        kernel, num_centers, epsilon, smoothing, degree, metric, seed, scale, periodic, sphere: as in :func:`rbfnet.fit`.
            Inputs are named by position, or as the columns of the data frame are.

    Attributes:
        solution_: the :class:`rbfnet.Solution`, with derivatives, verdict and figures.
        n_features_in_: D.

    Raises:
        InputError: scikit-learn is not installed; whatever :func:`rbfnet.fit` rejects.

    Equivalents: scikit-learn's GaussianProcessRegressor with the kernel RBF(l), alpha = smoothing and no optimizer is the
    Gaussian with epsilon = 1 / (sqrt(2) l), for standardised data; the amplitude of standard deviations is estimated here.
    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 2.2.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.linspace(0, 1, 30)[:, None]
        >>> model = rbfnet.RBFRegressor(kernel="cubic").fit(x, np.sin(3 * x[:, 0]))
        >>> mean, std = model.predict([[0.5]], return_std=True)
        >>> mean.round(3), bool(std[0] < 1e-2)
        (array([0.997]), True)
    """

    def __init__(
        self,
        kernel: KernelLike = "matern",
        num_centers: int | None = None,
        *,
        epsilon: float | str = "auto",
        smoothing: float | str = "auto",
        degree: int | None = None,
        metric: str = "isotropic",
        seed: int = 0,
        scale: str | Sequence[float] = "each",
        periodic: Mapping[str | int, float] | None = None,
        sphere: Sequence[str | int] | None = None,
    ) -> None:
        self.kernel, self.num_centers, self.epsilon, self.smoothing = kernel, num_centers, epsilon, smoothing
        self.degree, self.metric, self.seed = degree, metric, seed
        self.scale, self.periodic, self.sphere = scale, periodic, sphere

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RBFRegressor:
        """Fit the values y, (N,) or (N, O), at the points X, (N, D).

        Args:
            X, y: the data.
            sample_weight: (N,), non-negative: the inverse variance of each value, up to a factor. A whole number has the effect
                of as many rows, 0 that of none.
        """
        return self._solve(*self._checked(X, y, sample_weight, reset=True))

    def _solve(self, x: np.ndarray, values: np.ndarray, weights: np.ndarray) -> RBFRegressor:
        self.solution_ = fit(
            x,
            values,
            kernel=self.kernel,
            num_centers=self.num_centers,
            epsilon=self.epsilon,
            smoothing=self.smoothing,
            degree=self.degree,
            metric=self.metric,
            weights=weights,
            seed=self.seed,
            coords=None if (names := getattr(self, "feature_names_in_", None)) is None else [str(name) for name in names],
            scale=self.scale,
            periodic=self.periodic,
            sphere=self.sphere,
            allow_unsolved=True,
        )
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> RBFRegressor:
        """Add rows: the fit to all rows so far, with the units, epsilon and smoothing that the first rows led to.

        With every point as a centre, n rows after N take about N^2 n operations, where a new fit takes N^3: the Cholesky factor
        and the leave-one-out errors are extended. With ``num_centers`` the centres stay, and the time does not depend on N. Rows
        at known points, and a system that is singular within rounding, take a new solve. The first call is :meth:`fit`, which
        also chooses epsilon and smoothing anew. Local interpolants (beyond 20,000 points) are computed anew.

        Source: Golub and Van Loan, Matrix Computations (2013), sections 3.2.11 and 6.5.

        Args:
            X, y, sample_weight: as in :meth:`fit`, for the further rows.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 30)[:, None]
            >>> model = rbfnet.RBFRegressor("cubic").fit(x[::2], np.sin(3 * x[::2, 0]))
            >>> model.partial_fit(x[1::2], np.sin(3 * x[1::2, 0])).predict([[0.5]]).round(4)
            array([0.9975])
        """
        if not hasattr(self, "solution_"):
            return self.fit(X, y, sample_weight)
        x, values, weights = self._checked(X, y, sample_weight, reset=False)
        if values.shape[1] != len(self.solution_.problem.outputs):
            raise InputError(f"y must have {len(self.solution_.problem.outputs)} columns, as before, but has {values.shape[1]}.")
        if isinstance(innermost(self.solution_.model), LocalNetwork):
            known = cast(DataProblem, self.solution_.problem)
            before = (known.train_set.x, known.train_set.y, cast(torch.Tensor, known.row_weights()))
            both = zip((part.numpy() for part in before), (x, values, weights), strict=True)
            return self._solve(*_merged(*(np.concatenate(parts) for parts in both)))
        self.solution_ = with_rows(self.solution_, *(torch.from_numpy(part) for part in (x, values, weights)))
        return self

    def _checked(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distinct points, their values and weights."""
        least = 2 if reset else 1
        X, y = validate_data(
            self, X, y, reset=reset, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=least
        )
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if reset:
            self._by_column = y.ndim == 2
        return _merged(X, y.reshape(len(y), -1).astype(np.float64), weight)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The fit at points (Q, D), and with ``return_std`` also its standard deviation, each of the shape of y."""
        check_is_fitted(self, "solution_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        mean = self.solution_.predict(X, progress=False)
        mean = mean.reshape(len(X), -1) if self._by_column else mean
        return (mean, self.solution_.std(X).reshape(mean.shape)) if return_std else mean

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may do with it: also several outputs."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _merged(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct points, their weighted mean values and their total weights, without rows of weight zero."""
    x, y, weight = x[weight > 0], y[weight > 0], weight[weight > 0]
    if not len(x):
        raise InputError("All sample weights are zero; at least one must be positive.")
    points, which = np.unique(x, axis=0, return_inverse=True)
    which = which.reshape(-1)
    total = np.bincount(which, weight)
    mean = np.column_stack([np.bincount(which, weight * column) / total for column in y.T])
    return points, mean, total
