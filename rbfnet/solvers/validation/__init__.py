"""By how much a solution misses its equations at points it has not seen, and how large its error is likely to be."""

from rbfnet.solvers.validation._error_estimate import Estimate, estimate
from rbfnet.solvers.validation._fresh_points import close_points, fresh_points, kept_apart
from rbfnet.solvers.validation._relative_residuals import Miss, Yardstick, common_part, misses
from rbfnet.solvers.validation._relative_scales import relative_scales

__all__ = [
    "Estimate",
    "Miss",
    "Yardstick",
    "close_points",
    "common_part",
    "estimate",
    "fresh_points",
    "kept_apart",
    "misses",
    "relative_scales",
]
