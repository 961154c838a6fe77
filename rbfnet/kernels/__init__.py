"""Radial profiles phi(s), s = (epsilon r)^2, and their derivatives."""

from rbfnet.kernels._as_kernel import KernelLike, as_kernel
from rbfnet.kernels._gaussian import Gaussian
from rbfnet.kernels._inverse_multiquadric import InverseMultiquadric
from rbfnet.kernels._kernel import Kernel
from rbfnet.kernels._ladder import ladder
from rbfnet.kernels._matern import Matern
from rbfnet.kernels._multiquadric import Multiquadric
from rbfnet.kernels._radius import inverse_power, safe_log, safe_radius
from rbfnet.kernels._thin_plate_spline import ThinPlateSpline

__all__ = [
    "Gaussian",
    "InverseMultiquadric",
    "Kernel",
    "KernelLike",
    "Matern",
    "Multiquadric",
    "ThinPlateSpline",
    "as_kernel",
    "inverse_power",
    "ladder",
    "safe_log",
    "safe_radius",
]
