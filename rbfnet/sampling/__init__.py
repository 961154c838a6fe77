"""Points in boxes, and points selected from points, for domains and initial centres.

All random numbers come from PyTorch's generator, so that ``torch.manual_seed`` repeats them.
"""

from rbfnet.sampling._from_points import FROM_POINTS, farthest_point, kmeans, points
from rbfnet.sampling._in_box import IN_BOX, grid, halton, latin_hypercube, poisson_disc, random, sobol

__all__ = [
    "FROM_POINTS",
    "IN_BOX",
    "farthest_point",
    "grid",
    "halton",
    "kmeans",
    "latin_hypercube",
    "points",
    "poisson_disc",
    "random",
    "sobol",
]
