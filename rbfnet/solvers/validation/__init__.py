"""Relative residuals of a solution at held-out points, and an estimate of its error."""

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
