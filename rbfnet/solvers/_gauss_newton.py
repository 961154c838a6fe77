from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch

from rbfnet.errors import InputError, flag, positive
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.problems.conditions import start_of
from rbfnet.solvers._solver import Solver
from rbfnet.solvers.assembly import own_shapes
from rbfnet.solvers.newton import Newton, Stages, applies, starts_of


class GaussNewton(Solver):
    """Levenberg-Marquardt on the exact Jacobian: nonlinear and inverse problems, trained centres and shapes.

    Each step linearises the residuals r where the unknowns z = (w, p) are, weights w and whatever else is trained, and solves

        min |J z_new - (J z - r)|^2 + mu^2 |S w_new|^2 + lambda^2 |S (z_new - z)|^2,   S the lengths of the columns of J,

    by orthogonal factorisation. The weights are pulled towards zero by mu, at the level of rounding: it is this that lets flat,
    nearly dependent kernels keep their accuracy, for the change of the weights alone says nothing about their size. The
    trust region lambda is zero as long as steps succeed. It grows tenfold until the loss falls, and a step that does not lower
    it is never taken. Nor is one after which the residual at held-out points is ten times what it was. Where the
    equations hold at the points and not between them, so that the points do not determine the unknowns, as many again are drawn,
    close to the boundary too, up to three times.

    Where unknowns of the problem or, on request, centres and shapes are found too, lambda holds them alone, and the weights are
    solved for again at each trial, linearised there: variable projection. Steps that move a centre by more than its width, or
    change the width more than e-fold, are not tried: beyond that the linearisation says nothing about the kernel.

    Where unknowns of the problem are found from :class:`rbfnet.problems.Data`, the rows are weighted as their noise and the
    smoothness of unknown functions ask for, both estimated, and the unknowns get standard errors (``Inference``).

    A shape parameter that is ``"auto"`` is chosen once the weights fit the width it starts with, by what a step from there
    misses at held-out points; then the steps continue (:func:`rbfnet.solvers.selection.chosen_shape`). The choice is undone
    where it makes worse what is missed at fresh points.

    A problem that is not linear and goes through time has one solution, but the loss has many minima. So the steps start from
    what is found slab by slab, each a small problem of its own that starts from the end of the one before
    (:mod:`rbfnet.solvers.newton`): at once for ordinary differential equations, where that costs little, and otherwise
    where the equations are not solved without.

    Beyond half of this machine's memory the rows are factored block by block, which takes the square of the unknowns. Where
    that is too much too, each step is found by LSMR, with products by the Jacobian's blocks of rows and without variable
    projection: fewer digits in more time.

    Source: Nocedal and Wright, Numerical Optimization (2006), ch. 10; Golub and Pereyra, Separable nonlinear least squares: the
    variable projection method and its applications, Inverse Problems 19 (2003).

    Args:
        max_epochs: steps at most.
        shapes: move centres and shapes too, as far as they are trainable.
        tolerance: the fit stops after two steps in a row that lower the loss by less than this fraction.
        continuation: numbers of the problem that change on the way to it: ``{"reynolds": [100, 400]}`` solves for these two
            values of its attribute first, each from the solution before, and then for its own.
        slabs: of time, at first; they become shorter where they are not solved, and longer where that is easy. None goes slab by
            slab where it is needed, 1 never.

    Raises:
        InputError: a value that is not positive, or continuation and slabs at once; at :meth:`check`, a model that is not
            linear in its weights, shapes to be moved of basis functions that depend on more than their own centre, or a
            problem without such a number, or without time.

    Example:
        >>> import rbfnet
        >>> from torch import exp
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Dirichlet, Interior
        >>> from rbfnet.solvers import GaussNewton
        >>> class Bratu(rbfnet.Problem):
        ...     domain = Interval(x=(0, 1))
        ...     def conditions(self):
        ...         yield Interior(lambda u: u.d("xx") + exp(u))
        ...         yield Dirichlet(0.0)
        >>> solution = rbfnet.solve(Bratu(), num_centers=30, solver=GaussNewton())
        >>> solution.verdict, solution.predict([0.5]).round(4)
        ('solved', array([0.1405]))
    """

    solves = True
    overlap = 3.5

    def __init__(
        self,
        max_epochs: int = 50,
        shapes: bool = False,
        tolerance: float = 0.01,
        continuation: Mapping[str, Sequence[float]] | None = None,
        slabs: int | None = None,
    ) -> None:
        self.max_epochs = int(positive("max_epochs", max_epochs, whole=True))
        self.shapes = flag("shapes", shapes)
        self.tolerance = float(positive("tolerance", tolerance))
        self.path = Stages(continuation)
        self.slabs = slabs if slabs is None else int(positive("slabs", slabs, whole=True))
        if continuation and slabs is not None and slabs > 1:
            raise InputError("continuation and slabs cannot be combined; use one of them.")

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return Newton(cast(LinearModel, model), problem, self.path, self.shapes, self.tolerance, self.slabs, self.max_epochs)

    def distributes(self, problem: Problem) -> bool:
        # What data say about unknowns needs all rows at once.
        return not applies(problem)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, LinearModel):
            raise InputError(f"gauss_newton solves for linear weights, but {type(model).__name__} has none; use solver=lbfgs.")
        if self.shapes and not own_shapes(model):
            raise InputError(
                "gauss_newton with shapes=True needs basis functions that depend on their own centre alone, but those of "
                "Normalized depend on all; use shapes=False or solver=lbfgs."
            )
        self.path.check(problem)
        if self.slabs is not None and self.slabs > 1:
            start_of(problem)
            if not starts_of(problem, samples):
                raise InputError(
                    "slabs are for problems without unknowns whose conditions are at the start of time, or on the boundary at "
                    f"all times; those of {type(problem).__name__} are not; remove slabs."
                )
        if applies(problem) and (self.path.count > 1 or self.shapes):
            raise InputError(
                "Unknowns that are found from data need one stage and fixed shapes; use shapes=False without continuation."
            )
