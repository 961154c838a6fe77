"""Linear differential operators as data, the protocol they are applied through, and the calculus on top of it."""

from rbfnet.operators._field import Field, default_coords
from rbfnet.operators._functions import Model, directional, hessian, jacobian, laplacian, partial, quadratic_form
from rbfnet.operators._operator import Coefficient, Direction, Operator, tensors_of
from rbfnet.operators._protocol import Differentiable, LinearModel, apply_operators
from rbfnet.operators._recorder import Recorder

__all__ = [
    "Coefficient",
    "Differentiable",
    "Direction",
    "Field",
    "LinearModel",
    "Model",
    "Operator",
    "Recorder",
    "apply_operators",
    "default_coords",
    "directional",
    "hessian",
    "jacobian",
    "laplacian",
    "partial",
    "quadratic_form",
    "tensors_of",
]
