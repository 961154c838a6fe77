"""The result of a run: evaluate, plot and save it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rbfnet.operators import Field
from rbfnet.problems import Problem
from rbfnet.solvers import Posterior
from rbfnet.training._arrays import as_points
from rbfnet.training._asked import What, as_asked, field_of, values
from rbfnet.training._column_names import ColumnNames
from rbfnet.training._deviations import deviations
from rbfnet.training._model import Network
from rbfnet.training._page import page
from rbfnet.training._points import as_given
from rbfnet.training._residuals import residuals_at
from rbfnet.training._value_files import write_csv, write_npz, write_vtk, xarray_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Solution:
    """The result of a run: the trained model, with methods that evaluate, plot and save it, in the user's units.

    :func:`rbfnet.solve`, :func:`rbfnet.fit` and :func:`rbfnet.load` all return a Solution. It can be called with a tensor like
    its model, and also has the attributes of its model: ``solution(x)``, ``solution.num_centers``.

    Attributes:
        model: the trained network, in the user's units.
        problem: the problem that was solved. A loaded solution builds it on first access.
        errors: rel_l2, max_abs, rmse and rel_std (:func:`rbfnet.training.errors_of`), against the reference or, with data, at
            rows that were held out or left out; None if there is nothing to compare with.
        left_out: (N, O), for data without held-out rows: at each row of the data the value predicted without this row, less the
            value given; NaN where it is unknown. None for other problems, and for a solution that was loaded.
        summary: problem, kernel, solver, seed, centers, epsilon (the mean), parameters, epochs, seconds, loss, errors, errors_by
            (the basis of the errors: ``"reference"``, ``"held-out rows"``, ``"leave-one-out"`` or ``"fitted rows"``), verdict,
            reasons (sentences for the verdict), residuals, estimated_error; also errors_by_output for several outputs, unknowns
            for unknown coefficients, stopped after a non-finite loss, and words: sentences from a solver that solves a system.
            Run directories add format_version, columns and provenance (versions, command line, git).
        names: the names of the coordinates and outputs.
        posterior: for data, the source of error bars (:class:`rbfnet.solvers.Posterior`); None if the solution was loaded.
        history: one dict per epoch (of a loaded solution, ``metrics.csv``): epoch, loss, loss/NAME, val/rel_l2 and the rest.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.linspace(0, 1, 40)
        >>> solution = rbfnet.fit(x, x**3, kernel="gaussian", coords=["x"], outputs=["u"])
        >>> solution.predict([1.0], ["u", "u_x"]).round(2)
        array([[1., 3.]])
        >>> solution.predict({"x": 0.5}, "2*u_x + x").round(2)
        array([2.])
    """

    def __init__(
        self,
        model: Network,
        problem: Problem | Callable[[], Problem],
        errors: dict[str, float] | None,
        summary: dict[str, Any],
        names: ColumnNames | None = None,
        left_out: Tensor | None = None,
        history: Sequence[dict[str, float]] = (),
        posterior: Posterior | None = None,
    ) -> None:
        self.model, self.errors, self.summary, self.left_out = model, errors, summary, left_out
        self._problem, self._names, self.posterior, self.history = problem, names, posterior, list(history)

    @property
    def problem(self) -> Problem:
        """The problem that was solved.

        Raises:
            InputError: the problem of a loaded solution was not saved with it, or comes from a module that is not trusted.
        """
        if not isinstance(self._problem, Problem):
            self._problem = self._problem()
        return self._problem

    @property
    def names(self) -> ColumnNames:
        """The names of the coordinates and outputs."""
        if self._names is None:
            self._names = ColumnNames.of(self.problem)
        return self._names

    @property
    def verdict(self) -> str:
        """``"solved"``, ``"rough"`` or ``"not solved"`` (:func:`rbfnet.training.judge`); ``"not judged"`` if stopped."""
        return str(self.summary["verdict"])

    @property
    def residuals(self) -> list[dict[str, Any]]:
        """The residual of each equation of each condition at held-out points, relative to the size of its terms."""
        return list(self.summary["residuals"])

    # -- values ---------------------------------------------------------------------------------------------------------

    def predict(self, points: Any, what: What | None = None, *, progress: bool = True) -> Any:
        """Evaluate the solution, derivatives or expressions at any number of points; the result has the form of the points.

        Arrays and lists give arrays, tensors give tensors, data frames give frames with the same index, dicts give dicts. Results
        are in the user's units and the dtype of the model, without gradients. Many points are evaluated in blocks, with progress.

        - ``predict(points)``: (N,) for one output, (N, O) for several, complex where complex values were fitted.
        - ``predict(points, "u_x")``: (N,); only that column of a frame or a dict.
        - ``predict(points, ["u", "u_x", "laplacian(u)"])``: (N, 3), one column each, in this order.
        - ``predict(points, {"slope": "u_x", "L": Operator.laplacian("x", "y")})``: a dict with the given names.

        Args:
            points: (N, D), or (N,) for one coordinate: an array, a list, a tensor; a data frame whose columns are matched by
                name, in any order; or a dict with the values of each coordinate, ``{"x": x, "t": 0.5}``, where a number is
                broadcast to all points.
            what: texts in the syntax of :class:`rbfnet.problems.Equations` (``"u_xx + u_yy"``, ``"laplacian(u)"``,
                ``"sqrt(u_x^2 + u_y^2)"``), or :class:`rbfnet.Operator` objects, which are applied to each output.
            progress: whether to show progress if there is more than one block of points.

        Raises:
            InputError: points that are not numbers, wrong coordinates, or a text that cannot be parsed.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 20)
            >>> rbfnet.fit(x, x**2).predict([0.5]).round(3)
            array([0.25])
        """
        given = as_given(points, self.names.coords, self.model.weight)
        asked, alone = as_asked(list(self.names.outputs) if what is None else what, self.names, len(given.x))
        found, told = values(self.model, given.x, asked, self.names, progress), [column.name for column in asked]
        if what is None and self.names.is_complex:
            found, told = torch.complex(*found.chunk(2, dim=1)), list(self.names.values)
        return given.results(found, told, what, alone)

    def std(self, points: Any, what: What | None = None) -> Any:
        """The standard deviation of a fit to data at points: error bars of values and derivatives, as :meth:`predict` gives them.

        The fit is the mean of a Gaussian process given the data (:class:`rbfnet.solvers.Posterior`). Bars are for the function;
        a new measurement also has its noise. Outside of the data they grow, which a UserWarning says once. Expressions are
        linearised; bounds, which only lower errors, are left out; the bar of a complex value is that of its error's modulus.

        Args:
            points, what: as in :meth:`predict`.

        Raises:
            InputError: not a fit to data, or a loaded one; too few points; a kernel with less than twice the derivatives.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 20)
            >>> at_data, between = rbfnet.fit(x, np.sin(9 * x), kernel="matern").std([x[3], 0.5])
            >>> bool(at_data < 1e-6 < between < 0.1)
            True
        """
        given = as_given(points, self.names.coords, self.model.weight)
        asked, alone = as_asked(list(self.names.outputs) if what is None else what, self.names, len(given.x))
        found, told = deviations(self.posterior, self.model, given.x, asked, self.names), [column.name for column in asked]
        if what is None and self.names.is_complex:
            found, told = torch.hypot(*found.chunk(2, dim=1)), list(self.names.values)
        return given.results(found, told, what, alone)

    def field(self, points: Any) -> Field:
        """The solution at points as a :class:`rbfnet.Field` with the names of the problem: ``field.d("x")``, ``field["p"]``.

        Its channels are tensors without gradients, unless the points are a tensor with ``requires_grad``.

        Args:
            points: as in :meth:`predict`.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 20)
            >>> rbfnet.fit(x, x**2, coords=["t"]).field([0.5]).d("t").round(decimals=1).tolist()
            [1.0]
        """
        if isinstance(points, Tensor) and points.requires_grad:
            x = points.to(self.model.weight)
            as_points(points, len(self.names.coords), self.model.weight)
            x = x[:, None] if x.ndim == 1 else x
        else:
            x = as_given(points, self.names.coords, self.model.weight).x
        return field_of(copy.deepcopy(self.model).requires_grad_(False), x, self.names)

    def residual(self, points: Any) -> dict[str, Any]:
        """The residual of each condition at given points, unweighted and in its own units: zero where the condition holds.

        Returns a dict from the name of each condition to an array (N,), or (N, E) for E equations. It is NaN where the condition
        does not apply: for an equation outside its domain, for boundary values inside the domain. Conditions with their own
        points (data, integrals, periodicity, files) are omitted.

        Args:
            points: as in :meth:`predict`.

        Raises:
            InputError: no condition can be evaluated at arbitrary points, or points that :meth:`predict` rejects.

        Example:
            >>> import numpy as np, rbfnet
            >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
            >>> missed = solution.residual([[0.5, 0.5], [0.0, 0.3]])
            >>> {name: bool(np.nanmax(abs(values)) < 1e-3) for name, values in missed.items()}
            {'interior': True, 'dirichlet': True}
        """
        given = as_given(points, self.names.coords, self.model.weight)
        return {name: given.form(found) for name, found in residuals_at(self.model, self.problem, given.x).items()}

    def __call__(self, x: Tensor) -> Tensor:
        """The model at a tensor of points."""
        return self.model(x)

    def __getattr__(self, name: str) -> Any:
        """An attribute of the model."""
        if name.startswith("_") or "model" not in vars(self):
            raise AttributeError(f"A Solution has no attribute {name!r}.")
        return getattr(self.model, name)

    # -- files ----------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, figures: bool = False) -> Path:
        """Write a run directory that :func:`rbfnet.load` can read; returns its path.

        It contains the model, the column names, the summary with the verdict, and the problem if that is a shipped problem or a
        user's class without constructor arguments. Fitted data are not saved.

        Args:
            path: a new or empty directory.
            figures: also write figures, as ``rbfnet train`` does.

        Raises:
            InputError: a directory that is not empty, or a kernel that is a plain function or a local class.
        """
        # Imported here because training.runs imports this module.
        import rbfnet.training.runs

        return rbfnet.training.runs.save(self, path, figures=figures)

    @staticmethod
    def load(path: str | Path, trust: Iterable[str] = (), *, problem: Problem | None = None) -> Solution:
        """Load the solution from a run directory; see :func:`rbfnet.load`."""
        import rbfnet.training.runs

        return rbfnet.training.runs.load(path, trust, problem=problem)

    def to_csv(self, path: str | Path, points: Any = None, what: What | None = None) -> Path:
        """Write coordinates and values as a CSV file with a header; returns its path.

        Args:
            path: a new file.
            points, what: as in :meth:`predict`; the default points are a grid of about 10,000 points over the domain.
        """
        return write_csv(self, path, points, what)

    def to_npz(self, path: str | Path, points: Any = None, what: What | None = None) -> Path:
        """Write coordinates and values as one array each in an NPZ file; arguments as in :meth:`to_csv`."""
        return write_npz(self, path, points, what)

    def to_vtk(self, path: str | Path, points: Any = None, what: What | None = None) -> Path:
        """Write values for ParaView with meshio: ``.vtu`` or ``.vtk``.

        Args:
            path: a new file.
            points: the path of a mesh, whose vertices are the points and whose cells are written too; or as in :meth:`to_csv`.
            what: as in :meth:`predict`.
        """
        return write_vtk(self, path, points, what)

    def to_xarray(self, axes: Any = None, what: What | None = None) -> Any:
        """An ``xarray.Dataset`` over a grid, with one dimension per coordinate (needs ``rbfnet[xarray]``).

        Args:
            axes: the values of each coordinate along the grid, ``{"x": x, "t": [0, 1]}``; by default 50 steps over the bounding
                box.
            what: as in :meth:`predict`.
        """
        return xarray_of(self, axes, what)

    # -- display --------------------------------------------------------------------------------------------------------

    def plot(self) -> Figure:
        """Fit, reference, error and centres in one figure."""
        from rbfnet.training._figures import overview

        return overview(self)

    def __repr__(self) -> str:
        """Three lines: the problem and solver, the errors, the verdict."""
        s = self.summary
        errors = "none known" if self.errors is None else ", ".join(f"{name} {value:.2e}" for name, value in self.errors.items())
        how = f"{s['problem']}: {s['kernel']}, {s['centers']} centres, {s['solver']}, {s['seconds']:.2f} s"
        return f"Solution of {how}\nerrors: {errors}\nverdict: {' '.join([self.verdict, *s['reasons']])}"

    def _repr_html_(self) -> str:
        """The HTML shown in a notebook: problem, errors, verdict, residuals and a figure."""
        return page(self)
