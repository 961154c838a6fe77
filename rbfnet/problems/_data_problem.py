"""Regression problems: fits to data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Domain, PointCloud, Sites, find_sites
from rbfnet.errors import InputError, number, positive
from rbfnet.nn import Embedding
from rbfnet.operators import Field, Operator
from rbfnet.problems._data_coordinates import embedding_of, extents, input_scale, over_the_poles, scale_of, with_periods
from rbfnet.problems._problem import Problem, Reference, Units
from rbfnet.problems._with_neighbours import with_neighbours
from rbfnet.problems.conditions import Bound, CellMeans, Condition, Data, Law, bounds_of, law_domain
from rbfnet.tables import Column


class DataProblem(Problem):
    """Fit measured values: points x (N, D) with values y (N, O), split into training, validation and test rows.

    The held-out rows are drawn by PyTorch's seeded generator. Units are fitted on the training rows only.

    Points that were measured several times are one site (:func:`rbfnet.domains.find_sites`): centres are taken from the
    sites, and interpolation meets the mean of the values at each.

    Args:
        x, y: the rows.
        coords, outputs: a name for each column.
        validation, test: how many rows are held out: a fraction of all below 1, or a number of rows. By default the model is
            fitted to all rows, and its errors are measured by leaving rows out.
        weights: (N,), positive: the inverse variance of each row, up to a factor; None if all are equal.
        scale: the lengths by which inputs are divided before they are compared: ``"each"``, its own standard deviation;
            ``"common"``, one for all, for inputs in the same unit; ``"none"``, as they are given; or one length per input.
        periodic: the period of each input that has one, by name or position: ``{"theta": 360.0}``. The fit has no seam.
        sphere: which inputs are longitude and latitude, in degrees and in this order: ``("lon", "lat")``. Points are compared
            by the chord between them (:class:`rbfnet.nn.Embedding`), so the fit has no seam, and a pole is one point.
        noise: the standard deviation of the errors of y, where it is known, to weigh y against what else is given.
        gradients: of each output at each row, per unit of each input (on a sphere, per degree of longitude and latitude).
            gradient_noise: the standard deviation of their errors, where it is known.
        also: what else was measured, at these points or others: :class:`rbfnet.problems.Data` with ``of``, the quantity;
            :class:`rbfnet.problems.Mean` or :class:`rbfnet.problems.Integral` over a cell. Each may have its own noise.
            Centres are added beside their points.
        bounds: inequalities that the fit satisfies: ``["0 <= u <= 1", "u_x >= 0"]``, ``"convex"``, ``"concave"``.
        equation: a linear equation, known to hold: ``"u_t = u_xx + sin(x)"`` (:class:`rbfnet.problems.Equations`), or a function
            of the field that is zero; several as a list. Centres are added at its collocation points.
        equation_noise: the standard deviation of its residual, weighed against ``noise``; 0 for one that holds exactly.
        cells: the domains of which y are the means, one for each row, whose centre x is; None if y are values at x.
        domain: where the equation holds; None is the bounding box of the rows, whose last coordinate is time if it is called t.

    Attributes:
        notes: sentences on how the rows were come by, for the summary.
        is_complex: the second half of the outputs are the imaginary parts of the first.
        train_rows: which rows of x and y are trained on. train_set: they themselves. scale, periodic, sphere: as given.

    Raises:
        InputError: rows that do not match, values that are not finite, splits that leave no training rows, unknown inputs,
            lengths or periods that are not positive, or latitudes beyond 90 degrees.

    Example:
        >>> import torch
        >>> from rbfnet.problems import DataProblem
        >>> x = torch.rand(50, 2)
        >>> problem = DataProblem(x, x.sum(dim=1, keepdim=True), coords=("x", "y"), test=10)
        >>> len(problem.train_set.x), len(problem.test_set().x)
        (40, 10)
    """

    is_complex = False

    def __init__(
        self,
        x: Float[Tensor, "N D"],
        y: Float[Tensor, "N O"],
        coords: Sequence[str],
        outputs: Sequence[str] = ("u",),
        *,
        validation: float = 0.0,
        test: float = 0.0,
        scale: str | Sequence[float] | Tensor = "each",
        periodic: Mapping[Column, float] | None = None,
        sphere: Sequence[Column] | None = None,
        weights: Float[Tensor, " N"] | None = None,
        noise: float | None = None,
        gradients: Float[Tensor, "N O D"] | None = None,
        gradient_noise: float | None = None,
        also: Sequence[Condition] = (),
        bounds: Sequence[str] | str = (),
        equation: object = None,
        equation_noise: float = 0.0,
        domain: Domain | None = None,
        cells: Sequence[Domain] | None = None,
    ) -> None:
        super().__init__()
        _require_rows(x, y, coords, outputs, weights)
        n_val, n_test = _count("validation", validation, len(x)), _count("test", test, len(x))
        if cells is not None and (n_val or n_test):
            raise InputError("Rows that are means over cells cannot be held out; errors are those of cells left out (test=0).")
        n_train = len(x) - n_val - n_test
        if n_train < 1:
            raise InputError(f"{n_val} validation and {n_test} test rows leave none of the {len(x)} rows to train on.")
        self.outputs = tuple(outputs)
        self.notes: list[str] = []
        self.scale, self.periodic, self.sphere = scale, periodic, sphere
        self._space = embedding_of(x, coords, periodic, sphere)
        self._scale = scale_of(scale, coords, self._space)
        rows = torch.randperm(len(x)) if n_val or n_test else torch.arange(len(x))
        train, val, test_rows = rows.split([n_train, n_val, n_test])
        self.train_rows = train
        self.cells = cells
        self._weights = None if weights is None else weights[train]
        self.train_set = Reference(x[train], y[train])
        self._validation = Reference(x[val], y[val]) if n_val else None
        self._test = Reference(x[test_rows], y[test_rows]) if n_test else None
        self._bounds = bounds_of(bounds)
        self._noise = None if noise is None else float(positive("noise", noise))
        box = with_periods(torch.stack([x.amin(dim=0), x.amax(dim=0)]), self._space)
        law = _law(equation, equation_noise, domain, box, coords, self.outputs)
        self.also = (*_slopes(gradients, gradient_noise, self.outputs, coords, x, train), *also, *law)
        corners = [] if cells is None else [torch.cat([cell.box for cell in cells]).to(x)]
        elsewhere = corners + [points.to(x) for condition in self.also if (points := condition.support()) is not None]
        wrong = next((tuple(points.shape) for points in elsewhere if points.shape[1] != x.shape[1]), None)
        if wrong is not None:
            raise InputError(f"Conditions of a fit need points with {x.shape[1]} coordinates, but got {wrong}.")
        space = law[0].domain.space_coords if law else None
        self.domain = PointCloud(torch.cat([self.train_set.x, *elsewhere]), coords, space)
        # Cells with the same centre are different measurements.
        rows = self.train_set.x
        self._sites = self._found_sites(rows) if cells is None else Sites(rows, torch.arange(len(rows)))

    def _found_sites(self, x: Float[Tensor, "N D"]) -> Sites:
        """Where the points are; of those at one site on a circle or sphere, which may be a period apart, the first."""
        if self._space.sphere is not None:
            x = over_the_poles(x, *self._space.sphere)
        z = self._embedded(x)
        sites = find_sites(z, extents(z, self._space, self._scale))
        if self.embedding() is None:
            return sites
        first = torch.full((len(sites.x),), len(z)).scatter_reduce(0, sites.index, torch.arange(len(z)), "amin")
        return Sites(x[first], sites.index)

    def conditions(self) -> Iterable[Condition]:
        yield self._values
        yield from self.also

    @cached_property
    def _values(self) -> Condition:
        x, y = self.train_set.x, self.train_set.y
        if self.cells is not None:
            return CellMeans(self.cells, y, self._noise)
        return Data(x, y, scale=self.units().output_scale, noise=self._noise)

    def support(self) -> Float[Tensor, "S D"]:
        """The sites of the training rows, and points for centres that the other conditions need."""
        if not self.also and self.cells is None:
            return self._sites.x
        sites = self._sites.x
        if self.cells is not None:
            sites = self._found_sites(sites).x
            if len(sites) < len(self.cells):
                # Those with the same centre, one in another, need centres that tell them apart.
                sites = torch.cat([sites, *(cell.scattered(2 ** sites.shape[1]).to(sites) for cell in self.cells)])
        return with_neighbours(sites, self.also, self._found_sites, self._place, self.domain.coords, self.outputs)

    def sites(self) -> Sites:
        return self._sites

    @property
    def restricted(self) -> bool:
        """Whether a fit satisfies equations or inequalities."""
        return bool(self._bounds) or any(isinstance(condition, Law) for condition in self.also)

    def bounds(self) -> Sequence[Bound]:
        return self._bounds

    def region(self) -> Float[Tensor, "2 D"]:
        """The bounding box of the data, with whole periods."""
        return with_periods(self.domain.box, self._space)

    def row_weights(self) -> Float[Tensor, " N"] | None:
        return self._weights

    def remarks(self) -> list[str]:
        if not self._sites.repeated:
            return self.notes
        rows, sites = len(self._sites.index), len(self._sites.x)
        return [*self.notes, f"{rows:,} rows at {sites:,} site{'s'[: sites > 1]}; repeated points were averaged."]

    def units(self) -> Units:
        """Mean and standard deviation of the training rows; a constant column has the scale 1. Inputs as ``scale`` says."""
        z, y = self._embedded(self.train_set.x), self.train_set.y
        output_scale = y.std(dim=0, correction=0)
        return Units(z.mean(dim=0), input_scale(z, self._space, self._scale), y.mean(dim=0), _nonzero(output_scale, y))

    def embedding(self, dtype: torch.dtype = torch.float64) -> Embedding | None:
        """The lines, circles and sphere of the inputs; None if all are lines."""
        space = self._space
        if space.out_features == space.in_features:
            return None
        periods = [None if p is None else float(torch.tensor(p, dtype=dtype)) for p in space.periods]
        return Embedding(periods, torch.tensor(space.low, dtype=dtype).tolist(), space.sphere)

    def standardised(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N E"]:
        """Points in the coordinates of the network, in which distances are measured."""
        # A subclass may do without units.
        units: Units | None = self.units()
        z = self._embedded(x)
        return z if units is None else (z - units.input_shift.to(x)) / units.input_scale.to(x)

    def _place(self, x: Float[Tensor, "N D"]) -> tuple[Float[Tensor, "N E"], Float[Tensor, "N D"]]:
        """Points in the coordinates of the network, and how far each input has to go there for a distance of one."""
        scale = self.units().input_scale
        moved = self._space.apply_operators(x, [Operator.d(i) for i in range(x.shape[1])]) / scale[:, None]
        speed = moved.norm(dim=1)
        # Along a parallel that is all but a pole there is nowhere to go.
        return self.standardised(x), 1 / speed.clamp(min=1e-3 * speed.amax(dim=0))

    def _embedded(self, x: Tensor) -> Tensor:
        return x if self.embedding() is None else self._space(x)

    def validation_set(self) -> Reference | None:
        return self._validation

    def test_set(self) -> Reference | None:
        return self._test


def _require_rows(x: Tensor, y: Tensor, coords: Sequence[str], outputs: Sequence[str], weights: Tensor | None) -> None:
    """Raise InputError for rows that do not match each other, their names or their weights, or are not finite."""
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or y.shape[1] != len(outputs):
        raise InputError(
            f"Data must be x (N, D) and y (N, {len(outputs)}) with the same N, but got {tuple(x.shape)} and {tuple(y.shape)}."
        )
    if len(set(outputs)) < len(outputs) or len(set(coords)) < len(coords):
        raise InputError(f"Columns need different names, but got {tuple(coords)} and {tuple(outputs)}.")
    for name, values in (("x", x), ("y", y)):
        if not torch.isfinite(values).all():
            row = int((~torch.isfinite(values)).any(dim=1).nonzero()[0])
            raise InputError(f"Data must be finite, but row {row} of {name} is {values[row].tolist()}.")
    if weights is not None and (weights.shape != (len(x),) or not (torch.isfinite(weights) & (weights > 0)).all()):
        raise InputError(f"weights must be one positive, finite number for each of the {len(x)} rows.")


def _law(
    equation: object,
    noise: float,
    domain: Domain | None,
    box: Float[Tensor, "2 D"],
    coords: Sequence[str],
    outputs: Sequence[str],
) -> list[Law]:
    """The condition that known equations hold."""
    if equation is None:
        if noise or domain is not None:
            raise InputError("equation_noise and domain are for an equation, which is not given; remove them.")
        return []
    return [Law(equation, law_domain(domain, box, coords), outputs, noise)]


def _slopes(
    gradients: Tensor | None, noise: float | None, outputs: Sequence[str], coords: Sequence[str], x: Tensor, rows: Tensor
) -> list[Condition]:
    """The condition that the gradients at these rows are what was measured."""
    if gradients is None:
        if noise is not None:
            raise InputError("gradient_noise is the noise of gradients, which are not given; remove it.")
        return []
    if gradients.shape != (len(x), len(outputs), len(coords)):
        wanted = (len(x), len(outputs), len(coords))
        raise InputError(f"gradients must be (N, outputs, coordinates), here {wanted}, but got {tuple(gradients.shape)}.")

    def of(u: Field) -> tuple[Tensor, ...]:
        return tuple([u[output].d(coord) for output in outputs for coord in coords])

    return [Data(x[rows], gradients[rows].flatten(1), of=of, noise=noise, name="gradients")]


def _count(name: str, share: float, total: int) -> int:
    held = number(share)
    if held is None or not 0 <= held < float("inf") or (held >= 1 and held != int(held)):
        raise InputError(f"{name} must be a fraction below 1 or a whole number of rows, but got {share!r}.")
    return int(held) if held >= 1 else round(held * total)


def _nonzero(scale: Tensor, values: Tensor) -> Tensor:
    """The scale, and 1 where it is no more than the rounding of a constant column."""
    rounding = 10 * torch.finfo(values.dtype).eps * values.abs().amax(dim=0)
    return torch.where(scale > rounding, scale, 1.0)
