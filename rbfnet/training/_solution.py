"""What a run gives, to work with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rbfnet.operators import Field
from rbfnet.problems import Problem
from rbfnet.training._arrays import as_points
from rbfnet.training._asked import What, as_asked, field_of, values
from rbfnet.training._column_names import ColumnNames
from rbfnet.training._model import Network
from rbfnet.training._page import page
from rbfnet.training._points import as_given
from rbfnet.training._residuals import residuals_at
from rbfnet.training._value_files import write_csv, write_npz, write_vtk, xarray_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Solution:
    """What a run gives: the model, and everything that is asked of it afterwards, in the user's units.

    It is the same object after :func:`rbfnet.solve`, :func:`rbfnet.fit` and :func:`rbfnet.load`. It is called like its model,
    with tensors, and has the attributes of its model beside its own: ``solution(x)``, ``solution.num_centers``.

    Attributes:
        model: the trained network, in the user's units.
        problem: what it solves. Of a solution that was loaded it is made when it is first asked for.
        errors: rel_l2, max_abs, rmse and rel_std (:func:`rbfnet.training.errors_of`), against the reference or, with data, at
            rows that were held out or left out; None where there is nothing to measure by.
        summary: problem, kernel, solver, seed, centers, epsilon (the mean), parameters, epochs, seconds, loss, errors, errors_by
            (how they were measured: ``"reference"``, ``"held-out rows"``, ``"leave-one-out"`` or ``"fitted rows"``), verdict,
            reasons (sentences for it), residuals, estimated_error; with several outputs also errors_by_output, with unknown
            coefficients also unknowns, after a stop at a non-finite loss also stopped, and words: sentences of a solver
            that solves. In a run directory also format_version, columns and provenance (versions, command line, git).
        names: what coordinates and outputs are called.

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
    ) -> None:
        self.model, self.errors, self.summary = model, errors, summary
        self._problem, self._names = problem, names

    @property
    def problem(self) -> Problem:
        """What it solves.

        Raises:
            InputError: the problem of a loaded solution that was not saved with it, or that is not to be trusted.
        """
        if not isinstance(self._problem, Problem):
            self._problem = self._problem()
        return self._problem

    @property
    def names(self) -> ColumnNames:
        """What coordinates and outputs are called."""
        if self._names is None:
            self._names = ColumnNames.of(self.problem)
        return self._names

    @property
    def verdict(self) -> str:
        """``"solved"``, ``"rough"`` or ``"not solved"`` (:func:`rbfnet.training.judge`); ``"not judged"`` if it was stopped."""
        return str(self.summary["verdict"])

    @property
    def residuals(self) -> list[dict[str, Any]]:
        """By how much each equation of each condition is missed at unseen points, relative to its own terms."""
        return list(self.summary["residuals"])

    # -- values ---------------------------------------------------------------------------------------------------------

    def predict(self, points: Any, what: What | None = None, *, progress: bool = True) -> Any:
        """The values, or anything else that follows from them, at any number of points, in the form that the points have.

        Arrays and lists give arrays, tensors give tensors, data frames give frames with the same index, dicts give dicts. Results
        are in the user's units and in the dtype of the model, without gradients. Many points are taken in parts, with progress.

        - ``predict(points)``: (N,) for one output, (N, O) for several, complex where complex values were fitted.
        - ``predict(points, "u_x")``: (N,); the column alone of a frame or a dict.
        - ``predict(points, ["u", "u_x", "laplacian(u)"])``: (N, 3), a column each in this order.
        - ``predict(points, {"slope": "u_x", "L": Operator.laplacian("x", "y")})``: a dict by the names given.

        Args:
            points: (N, D), or (N,) for one coordinate: an array, a list, a tensor; a data frame whose columns are found by
                name, in any order; or a dict with the values of each coordinate, ``{"x": x, "t": 0.5}``, where a number goes
                with all points.
            what: texts by the grammar of :class:`rbfnet.problems.Equations` (``"u_xx + u_yy"``, ``"laplacian(u)"``,
                ``"sqrt(u_x^2 + u_y^2)"``), or :class:`rbfnet.Operator` objects, which are applied to each output.
            progress: whether it is shown, with more points than one part holds.

        Raises:
            InputError: points that are no numbers, other coordinates, a text that cannot be read.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 20)
            >>> rbfnet.fit(x, x**2).predict([0.5]).round(3)
            array([0.25])
        """
        given = as_given(points, self.names.coords, self.model.centers)
        outputs = what is None
        asked, alone = as_asked(list(self.names.outputs) if what is None else what, self.names, len(given.x))
        found = values(self.model, given.x, asked, self.names, progress)
        told = [column.name for column in asked]
        if outputs and self.names.is_complex:
            found, told = torch.complex(*found.chunk(2, dim=1)), list(self.names.values)
        if given.labelled or isinstance(what, dict):
            results = given.give(dict(zip(told, found.unbind(dim=1), strict=True)))
            return results[told[0]] if alone else results
        return given.form(found[:, 0] if alone or (outputs and found.shape[1] == 1) else found)

    def field(self, points: Any) -> Field:
        """The solution at points as a :class:`rbfnet.Field` with the names of the problem: ``field.d("x")``, ``field["p"]``.

        Its channels are tensors without gradients, unless the points are a tensor that asks for them.

        Args:
            points: as in :meth:`predict`.

        Example:
            >>> import numpy as np, rbfnet
            >>> x = np.linspace(0, 1, 20)
            >>> rbfnet.fit(x, x**2, coords=["t"]).field([0.5]).d("t").round(decimals=1).tolist()
            [1.0]
        """
        if isinstance(points, Tensor) and points.requires_grad:
            x = points.to(self.model.centers)
            as_points(points, len(self.names.coords), self.model.centers)
            x = x[:, None] if x.ndim == 1 else x
        else:
            x = as_given(points, self.names.coords, self.model.centers).x
        return field_of(copy.deepcopy(self.model).requires_grad_(False), x, self.names)

    def residual(self, points: Any) -> dict[str, Any]:
        """What each condition misses at given points, unweighted and in its own units: zero where it holds.

        By the name of the condition an array (N,), or (N, E) for E equations, NaN where the condition says nothing: an equation
        outside of its domain, boundary values inside. Conditions with points of their own (data, integrals, periods, files) are
        left away.

        Args:
            points: as in :meth:`predict`.

        Raises:
            InputError: no condition can be evaluated at points of one's choice, or what :meth:`predict` refuses.

        Example:
            >>> import numpy as np, rbfnet
            >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
            >>> missed = solution.residual([[0.5, 0.5], [0.0, 0.3]])
            >>> {name: bool(np.nanmax(abs(values)) < 1e-3) for name, values in missed.items()}
            {'interior': True, 'dirichlet': True}
        """
        given = as_given(points, self.names.coords, self.model.centers)
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
        """Write a run directory, which :func:`rbfnet.load` reads; gives its path.

        It holds what predicts: the model, the names of the columns, summary and verdict, and the problem where that is a shipped
        one, or a class of the user's that takes no arguments of its own. Rows that were fitted are not in it.

        Args:
            path: a directory that is not there yet, or empty.
            figures: write figures too, as ``rbfnet train`` does.

        Raises:
            InputError: a directory that holds something already, or a kernel that is a plain function or a local class.
        """
        # Run directories are made of solutions, and imported after them.
        import rbfnet.training.runs

        return rbfnet.training.runs.save(self, path, figures=figures)

    @staticmethod
    def load(path: str | Path, trust: Iterable[str] = (), *, problem: Problem | None = None) -> Solution:
        """The solution of a run directory; see :func:`rbfnet.load`."""
        import rbfnet.training.runs

        return rbfnet.training.runs.load(path, trust, problem=problem)

    def to_csv(self, path: str | Path, points: Any = None, what: What | None = None) -> Path:
        """Write coordinates and values as a CSV file with a header; gives its path.

        Args:
            path: a file that is not there yet.
            points, what: as in :meth:`predict`; without points a grid of about 10,000 over the domain.
        """
        return write_csv(self, path, points, what)

    def to_npz(self, path: str | Path, points: Any = None, what: What | None = None) -> Path:
        """Write coordinates and values as one array each; as :meth:`to_csv`."""
        return write_npz(self, path, points, what)

    def to_vtk(self, path: str | Path, points: Any = None, what: What | None = None) -> Path:
        """Write values for ParaView and the like, by meshio: ``.vtu`` or ``.vtk``.

        Args:
            path: a file that is not there yet.
            points: the path of a mesh, whose vertices are the points and whose cells are written too; or as in :meth:`to_csv`.
            what: as in :meth:`predict`.
        """
        return write_vtk(self, path, points, what)

    def to_xarray(self, axes: Any = None, what: What | None = None) -> Any:
        """An ``xarray.Dataset`` over a grid, a dimension for each coordinate (needs ``rbfnet[xarray]``).

        Args:
            axes: for each coordinate its values along the grid, ``{"x": x, "t": [0, 1]}``; 50 steps over the box where they are
                not given.
            what: as in :meth:`predict`.
        """
        return xarray_of(self, axes, what)

    # -- shown ----------------------------------------------------------------------------------------------------------

    def plot(self) -> Figure:
        """Fit, reference, error and centres in one figure."""
        from rbfnet.training._figures import overview

        return overview(self.model, self.problem)

    def __repr__(self) -> str:
        """Three lines: what was solved and how, the errors, the verdict."""
        s = self.summary
        errors = "none known" if self.errors is None else ", ".join(f"{name} {value:.2e}" for name, value in self.errors.items())
        how = f"{s['problem']}: {s['kernel']}, {s['centers']} centres, {s['solver']}, {s['seconds']:.2f} s"
        return f"Solution of {how}\nerrors: {errors}\nverdict: {' '.join([self.verdict, *s['reasons']])}"

    def _repr_html_(self) -> str:
        """What a notebook shows: problem, errors, verdict, residuals and a picture."""
        return page(self)
