"""The Gauss-Newton solver."""

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

    Each step linearises the residuals r at the unknowns z = (w, p), the weights w and all other trained parameters, and solves

        min |J z_new - (J z - r)|^2 + mu^2 |S w_new|^2 + lambda^2 |S (z_new - z)|^2,   S the lengths of the columns of J,

    by orthogonal factorisation. The damping mu, at the level of rounding, pulls the weights towards zero. It preserves the
    accuracy of flat, nearly dependent kernels, because the change of the weights alone does not bound their size. The trust
    region lambda is zero as long as steps succeed. It grows tenfold until the loss falls; a step that does not lower the loss is
    never taken, nor is one that multiplies the residual at held-out points by ten. If the equations hold at the points but not
    between them, the points do not determine the unknowns; then as many new points are added, also close to the boundary, up to
    three times.

    If unknowns of the problem or, on request, centres and shapes are trained too, lambda restricts only these, and the weights
    are solved for again at each trial point: variable projection. Steps that move a centre by more than its width, or change the
    width by more than a factor e, are not tried, because the linearisation is not valid that far.

    If unknowns of the problem are found from :class:`rbfnet.problems.Data`, the rows are weighted by the estimated noise and the
    estimated smoothness of unknown functions, and the unknowns get standard errors (``Inference``).

    A shape parameter ``"auto"`` is chosen after convergence with the initial width, by the residual of a step at held-out
    points; then the steps continue (:func:`rbfnet.solvers.selection.chosen_shape`). The choice is undone if it increases the
    residual at new points.

    A nonlinear time-dependent problem has one solution, but the loss has many minima. So the steps start from a solution
    computed in time slabs, each a small problem that starts from the end of the previous slab (:mod:`rbfnet.solvers.newton`):
    immediately for ordinary differential equations, where this is cheap, and otherwise only if a global solve fails.

    If the matrix needs more than half of this machine's memory, the rows are factored block by block, with memory quadratic in
    the number of unknowns. If that is too much as well, each step is computed by LSMR, with blockwise Jacobian products and
    without variable projection; this is slower and less accurate.

    Source: Nocedal and Wright, Numerical Optimization (2006), ch. 10; Golub and Pereyra, Separable nonlinear least squares: the
    variable projection method and its applications, Inverse Problems 19 (2003).

    Args:
        max_epochs: maximum number of steps.
        shapes: move trainable centres and shapes too.
        tolerance: the fit stops after two consecutive steps that lower the loss by less than this fraction.
        continuation: attributes of the problem to vary: ``{"reynolds": [100, 400]}`` first solves for these two values of the
            attribute, each from the previous solution, and then for the problem's own value.
        slabs: initial number of time slabs; slabs are shortened if they are not solved and lengthened if they are easy. None uses
            slabs if necessary, 1 never does.

    Raises:
        InputError: a value that is not positive, or continuation combined with slabs; at :meth:`check`, a model that is not
            linear in its weights, ``shapes=True`` with basis functions that depend on more than their own centre, a problem
            without the attribute to continue, or slabs for a problem without time.

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
        # Inference from data needs all rows at once.
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
                    "slabs need a problem without unknowns whose conditions are at the initial time, or on the boundary at "
                    f"all times; {type(problem).__name__} has others; remove slabs."
                )
        if applies(problem) and (self.path.count > 1 or self.shapes):
            raise InputError(
                "Inferring unknowns from data needs one stage and fixed shapes; use shapes=False without continuation."
            )
