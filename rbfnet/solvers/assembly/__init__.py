"""Assembly of the rows of a problem and a model: linearisation, scales, parameters, blocks of rows."""

from rbfnet.solvers.assembly import row_blocks
from rbfnet.solvers.assembly._automatic_scales import automatic_scales, mean_square, rounded
from rbfnet.solvers.assembly._linear_system import LinearSystem, Values, linear_system, stacked, values_asked
from rbfnet.solvers.assembly._linearity import is_linear, nonlinear, require_linear
from rbfnet.solvers.assembly._linearize import AtZero, Equation, Slopes, derivatives, equations_of, linearised
from rbfnet.solvers.assembly._measurements import Inequality, Measurement, inequalities_asked, measurements_asked
from rbfnet.solvers.assembly._parameter_vector import Unknowns, own_shapes
from rbfnet.solvers.assembly._pointwise import require_pointwise
from rbfnet.solvers.assembly._posed_problem import Posed

__all__ = [
    "AtZero",
    "Equation",
    "Inequality",
    "LinearSystem",
    "Measurement",
    "Posed",
    "Slopes",
    "Unknowns",
    "Values",
    "automatic_scales",
    "derivatives",
    "equations_of",
    "inequalities_asked",
    "is_linear",
    "linear_system",
    "linearised",
    "mean_square",
    "measurements_asked",
    "nonlinear",
    "own_shapes",
    "require_linear",
    "require_pointwise",
    "rounded",
    "row_blocks",
    "stacked",
    "values_asked",
]
