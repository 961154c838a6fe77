"""Radial profiles phi(s), s = (epsilon r)^2, and their derivatives."""

from rbfnet.kernels._as_kernel import KernelLike, as_kernel
from rbfnet.kernels._cubic import Cubic
from rbfnet.kernels._gaussian import Gaussian
from rbfnet.kernels._generalized_multiquadric import GeneralizedMultiquadric
from rbfnet.kernels._inverse_multiquadric import InverseMultiquadric
from rbfnet.kernels._inverse_quadratic import InverseQuadratic
from rbfnet.kernels._kernel import ClosedForm, Kernel
from rbfnet.kernels._ladder import ladder, rungs
from rbfnet.kernels._linear import Linear
from rbfnet.kernels._matern import Matern
from rbfnet.kernels._multiquadric import Multiquadric
from rbfnet.kernels._polyharmonic import Polyharmonic
from rbfnet.kernels._product import Product
from rbfnet.kernels._quintic import Quintic
from rbfnet.kernels._radius import inverse_power, safe_log, safe_radius
from rbfnet.kernels._rational_quadratic import RationalQuadratic
from rbfnet.kernels._scaled import Scaled
from rbfnet.kernels._sum import Sum
from rbfnet.kernels._thin_plate_spline import ThinPlateSpline
from rbfnet.kernels._wendland import Wendland

__all__ = [
    "ClosedForm",
    "Cubic",
    "Gaussian",
    "GeneralizedMultiquadric",
    "InverseMultiquadric",
    "InverseQuadratic",
    "Kernel",
    "KernelLike",
    "Linear",
    "Matern",
    "Multiquadric",
    "Polyharmonic",
    "Product",
    "Quintic",
    "RationalQuadratic",
    "Scaled",
    "Sum",
    "ThinPlateSpline",
    "Wendland",
    "as_kernel",
    "inverse_power",
    "ladder",
    "rungs",
    "safe_log",
    "safe_radius",
]
