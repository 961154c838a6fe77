"""Linear differential operators as data, the protocol they are applied through, and the calculus on top of it."""

from rbfnet.operators._arithmetic import Arithmetic
from rbfnet.operators._field import Field, default_coords
from rbfnet.operators._functions import (
    Matrix,
    Model,
    biharmonic,
    directional,
    gradient_of_laplacian,
    hessian,
    jacobian,
    laplacian,
    partial,
    quadratic_form,
    second_order,
)
from rbfnet.operators._operator import Coefficient, Direction, Operator, tensors_of
from rbfnet.operators._protocol import Differentiable, LinearModel, apply_operators, with_closed_form
from rbfnet.operators._recorder import Recorder
from rbfnet.operators._space_and_time import Along, in_space_and_time
from rbfnet.operators._vector_calculus import advection, curl, divergence, symmetric_gradient

__all__ = [
    "Along",
    "Arithmetic",
    "Coefficient",
    "Differentiable",
    "Direction",
    "Field",
    "LinearModel",
    "Matrix",
    "Model",
    "Operator",
    "Recorder",
    "advection",
    "apply_operators",
    "biharmonic",
    "curl",
    "default_coords",
    "directional",
    "divergence",
    "gradient_of_laplacian",
    "hessian",
    "in_space_and_time",
    "jacobian",
    "laplacian",
    "partial",
    "quadratic_form",
    "second_order",
    "symmetric_gradient",
    "tensors_of",
    "with_closed_form",
]
