"""Solve a linear problem at the nodes of a local model."""

from __future__ import annotations

import torch

from rbfnet.domains import Nodes
from rbfnet.errors import InputError
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem
from rbfnet.solvers.sparse._node_equations import SparseModel, node_rows
from rbfnet.solvers.sparse._sparse_solve import sparse_solve


@torch.no_grad()
def collocate(model: LinearModel, problem: Problem, nodes: Nodes) -> list[str]:
    """Solve a linear problem for the nodal values of a local model, by one sparse system; returns how, in a sentence.

    It is collocation, as many equations as unknowns (RBF-FD): at nodes inside the equations hold, and at nodes on the boundary
    its conditions, those with the lowest derivatives first. The rows are those of the nearest patch, without blending.

    Source: Fornberg and Flyer, Solving PDEs with radial basis functions, Acta Numerica 24 (2015); Flyer, Fornberg, Bayona and
    Barnett, J. Comput. Phys. 321 (2016).

    Args:
        model: a local model on ``nodes.x``, such as :class:`rbfnet.nn.LocalNetwork`.
        problem: linear.
        nodes: as :func:`rbfnet.domains.place_nodes` returns them.

    Raises:
        InputError: a model without sparse rows, a problem that is not linear, a condition with points of its own (integrals,
            data, periodicity) or at no node, a node without enough equations, or a singular system.

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
    rows = node_rows(model, problem, nodes)
    found = sparse_solve(rows.matrix, rows.target, filling=nodes.x.shape[1] == 3)
    values = torch.from_numpy(found.unknowns).reshape(len(problem.outputs), -1).T
    model.set_coefficients(values.to(model.coefficients))
    count, entries = rows.matrix.shape[0], rows.matrix.nnz / rows.matrix.shape[0]
    return [
        f"Sparse system of {count:,} equations with {entries:.0f} entries each, solved by {found.method} to a relative "
        f"residual of {found.residual:.0e}."
    ]
