"""RBFLAB: global collocation with a Gaussian with a shape parameter chosen by hand, and RBF-FD with its polyharmonic spline."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
import rbflab
import sympy

from scripts.rivals.race import Race, compete

WALLS = ("left", "right", "bottom", "top")


def run(problem: str, variant: str, race: Race) -> None:
    """Variants: "collocation nodes c" for exp(-c r^2), "rbf-fd nodes stencil"; nodes a square number."""
    name, nodes, option = variant.split()
    cloud = rbflab.geometry.unit_box_grid(round(int(nodes) ** 0.5) - 1)
    model = rbflab.SymbolicScalar(2)
    x, y = model.coordinates
    source = 2 * sympy.pi**2 * sympy.sin(sympy.pi * x) * sympy.sin(sympy.pi * y)
    posed = model.stationary(
        sympy.Eq(-model.laplacian(model.field), source), boundary=[model.bc(wall, sympy.Eq(model.field, 0)) for wall in WALLS]
    )
    if name == "collocation":
        method = rbflab.GlobalCollocation(rbflab.Gaussian(float(option)))
    else:
        # On an even grid r^7 with degree 4 does better than r^5 with degree 3, the package's first example, in the same time.
        method = rbflab.RBFFD(
            rbflab.PHS(7), int(option), polynomial_degree=4,
            stencil_policy=rbflab.StencilPolicy(scaling="local"), local_backend=rbflab.PythonBackend(compute_condition=False),
        )  # fmt: skip
    solution = method.assemble(posed, cloud).solve()
    at = race.elapsed()
    race.measure(lambda points: np.asarray(solution.evaluate(points)), at)


if __name__ == "__main__":
    compete(run, f"RBFLAB {version('rbflab')}")
