"""Newton's method for least squares, with continuation, time slabs and regularisation of unknowns."""

from rbfnet.solvers.newton._continuation import Stages
from rbfnet.solvers.newton._evidence import applies
from rbfnet.solvers.newton._newton import Newton
from rbfnet.solvers.newton._time_slabs import starts_of

__all__ = [
    "Newton",
    "Stages",
    "applies",
    "starts_of",
]
