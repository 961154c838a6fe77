"""Selection of kernel widths and centres."""

from rbfnet.solvers.selection._add_centers import greedy
from rbfnet.solvers.selection._choose_width import choose_shape
from rbfnet.solvers.selection._keep_centers import keep_enough
from rbfnet.solvers.selection._linear_width import chosen, seen, too_few
from rbfnet.solvers.selection._nonlinear_width import automatic, chosen_shape

__all__ = [
    "automatic",
    "choose_shape",
    "chosen",
    "chosen_shape",
    "greedy",
    "keep_enough",
    "seen",
    "too_few",
]
