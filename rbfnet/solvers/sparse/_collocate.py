"""Solve a problem at the nodes of a local model."""

from __future__ import annotations

import torch

from rbfnet.domains import Nodes
from rbfnet.errors import InputError
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem
from rbfnet.solvers.assembly import is_linear
from rbfnet.solvers.sparse._node_equations import NodeEquations
from rbfnet.solvers.sparse._node_newton import newton
from rbfnet.solvers.sparse._node_site import SparseModel


@torch.no_grad()
def collocate(model: LinearModel, problem: Problem, nodes: Nodes) -> list[str]:
    """Solve a problem for the nodal values of a local model, by sparse systems; returns how, in a sentence.

    A problem that is linear takes one system, another Newton's method, which starts from the values that the model has. It is
    collocation, as many equations as unknowns (RBF-FD): at nodes inside the equations hold, and at nodes on the boundary
    its conditions, those with the lowest derivatives first. The rows are those of the nearest patch, without blending.
    Integrals, means and values at a few points are further rows, each with a multiplier that is added to the equations.

    Source: Fornberg and Flyer, Solving PDEs with radial basis functions, Acta Numerica 24 (2015); Flyer, Fornberg, Bayona and
    Barnett, J. Comput. Phys. 321 (2016).

    Args:
        model: a local model on ``nodes.x``, such as :class:`rbfnet.nn.LocalNetwork`.
        problem: in space, with as many equations as outputs.
        nodes: as :func:`rbfnet.domains.place_nodes` returns them.

    Raises:
        InputError: a model without sparse rows, a condition with many points of its own (data, periodicity) or at no node, a node
            without enough equations, a singular system, or steps that do not converge.

    Example:
        >>> import torch
        >>> from rbfnet.domains import place_nodes
        >>> from rbfnet.nn import LocalNetwork
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers.sparse import collocate
        >>> problem = Poisson()
        >>> nodes = place_nodes(problem.domain, count=900)
        >>> net = LocalNetwork(2, 1, nodes.x, degree=5, dtype=torch.float64)
        >>> words = collocate(net, problem, nodes)
        >>> x = problem.domain.interior(200)
        >>> bool((net(x)[:, 0] - problem.exact(*x.T)).abs().max() < 1e-4)
        True
    """
    if not isinstance(model, SparseModel):
        raise InputError(f"collocate needs a local model with sparse rows, but got a {type(model).__name__}.")
    if model.coefficients.shape[0] != len(nodes.x):
        raise InputError(f"The model has {model.coefficients.shape[0]} nodes, but {len(nodes.x)} are given; build it on nodes.x.")
    with torch.random.fork_rng(devices=[]):
        linear = is_linear(problem, problem.sample())
    found = newton(NodeEquations(model, problem, nodes), model.coefficients.detach().clone(), linear)
    model.set_coefficients(found.values.to(model.coefficients))
    solved = "" if linear else f" in {found.steps} steps of Newton's method"
    return [
        f"Sparse system of {found.equations:,} equations with {found.entries / found.equations:.0f} entries each, solved by "
        f"{found.last.method}{solved} to a relative residual of {found.last.residual:.0e}."
    ]
