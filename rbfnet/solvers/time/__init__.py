"""The method of lines: space in a basis, time by implicit Runge-Kutta steps."""

from rbfnet.solvers.time._boundary_count import has_enough
from rbfnet.solvers.time._conditions_in_time import require_carried, starts
from rbfnet.solvers.time._constraints import Constraints, TooFewCenters
from rbfnet.solvers.time._error_in_time import errors_in_time
from rbfnet.solvers.time._line_spacing import PER_CENTER, Spacing
from rbfnet.solvers.time._method_of_lines import Lines
from rbfnet.solvers.time._radau import Radau
from rbfnet.solvers.time._semidiscrete import Site
from rbfnet.solvers.time._space_basis import orthonormal, resolved
from rbfnet.solvers.time._spectrum import spectrum
from rbfnet.solvers.time._time_stepping import March
from rbfnet.solvers.time._too_coarse import too_coarse, unseen
from rbfnet.solvers.time._width import fitted, said

__all__ = [
    "PER_CENTER",
    "Constraints",
    "Lines",
    "March",
    "Radau",
    "Site",
    "Spacing",
    "TooFewCenters",
    "errors_in_time",
    "fitted",
    "has_enough",
    "orthonormal",
    "require_carried",
    "resolved",
    "said",
    "spectrum",
    "starts",
    "too_coarse",
    "unseen",
]
