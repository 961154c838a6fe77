"""Solve a problem in space and time at the nodes of a local model."""

from __future__ import annotations

import torch

from rbfnet.domains import Nodes
from rbfnet.errors import InputError
from rbfnet.nn import Evolving, LocalNetwork
from rbfnet.problems import Problem
from rbfnet.solvers.sparse_time._sparse_lines import SparseLines
from rbfnet.solvers.sparse_time._sparse_march import SparseMarch
from rbfnet.solvers.time import Radau

STEPS = 5000
"""Most steps."""


@torch.no_grad()
def advance(
    model: LocalNetwork, problem: Problem, nodes: Nodes, tolerance: float = 1e-6, stages: int = 5
) -> tuple[Evolving, str]:
    """Go through time with the nodal values of a local model; returns it with values that depend on time, and how, in a sentence.

    The method of lines: equations at the nodes inside and boundary conditions at those on the boundary (RBF-FD), as
    :func:`rbfnet.solvers.sparse.collocate` chooses them, are differential and algebraic equations in time, of first or second
    order. It is solved by Radau's method, which damps what is stiff, with one sparse factorisation for each pair of its
    eigenvalues. Its polynomials in time are what the model keeps, so that it is known at all times.

    Source: Fornberg and Flyer, Solving PDEs with radial basis functions, Acta Numerica 24 (2015); Hairer and Wanner, Solving
    Ordinary Differential Equations II (1996), IV.8.

    Args:
        model: on ``nodes.x``.
        problem: on a :class:`rbfnet.domains.SpaceTime`, with an :class:`rbfnet.problems.Initial` for each output.
        nodes: of its space, as :func:`rbfnet.domains.place_nodes` returns them.
        tolerance: how large the last coefficients of the polynomials may be, relative to u.
        stages: of the method of Radau, and the degree of the polynomials.

    Raises:
        InputError: no start, an equation without a derivative in time, conditions with points of their own, a singular system,
            or steps that become too short.

    Example:
        >>> import torch
        >>> from rbfnet.domains import Rectangle, SpaceTime, place_nodes
        >>> from rbfnet.nn import LocalNetwork
        >>> from rbfnet.problems import Equations
        >>> from rbfnet.solvers.sparse_time import advance
        >>> domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 0.1))
        >>> start = "sin(pi*x)*sin(pi*y)"
        >>> heat = Equations(domain, "u_t = lap(u)", [{"initial": start}, {"dirichlet": 0}])
        >>> nodes = place_nodes(domain.space, count=400)
        >>> u, words = advance(LocalNetwork(2, 1, nodes.x, degree=4, dtype=torch.float64), heat, nodes)
        >>> x = torch.tensor([[0.5, 0.5, 0.1]], dtype=torch.float64)
        >>> bool(abs(u(x).item() - torch.exp(torch.tensor(-0.2 * torch.pi**2))) < 1e-4)
        True
    """
    if model.num_centers != len(nodes.x):
        raise InputError(f"The model has {model.num_centers} nodes, but {len(nodes.x)} are given; build it on nodes.x.")
    lines = SparseLines(model, problem, nodes)
    march = SparseMarch.of(lines, Radau.of(stages), tolerance)
    breaks, pieces = [lines.begin], []
    while march.time < lines.end:
        if march.steps >= STEPS:
            raise InputError(f"t = {march.time:.6g} is all that {STEPS} steps reach; increase the tolerance, or end before that.")
        end, coefficients = march.advanced()
        breaks.append(end)
        pieces.append(torch.from_numpy(coefficients).reshape(stages + 1, lines.outputs, lines.count).transpose(1, 2))
    found = Evolving(model, lines.begin, lines.end, stages)
    found.set_pieces(torch.tensor(breaks, dtype=torch.float64), torch.stack(pieces))
    return found, (
        f"{march.steps} steps of Radau's method with {stages} stages to t = {lines.end:.6g}; sparse system of "
        f"{lines.count * lines.outputs:,} equations, factored {march.factored} times."
    )
