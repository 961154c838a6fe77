from __future__ import annotations

import math
from typing import Any, cast

import lightning.pytorch as pl
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.memory import require_memory
from rbfnet.nn import RBFNetwork, Wrapper
from rbfnet.nn.initializers import spacing
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Interior, Sample
from rbfnet.solvers import Posed, Solver, Solving
from rbfnet.solvers.selection import greedy
from rbfnet.solvers.validation import fresh_points, misses
from rbfnet.training._data_module import ProblemData
from rbfnet.training._model import Network
from rbfnet.training._module import TrainingModule
from rbfnet.training.callbacks._adaptive import Adaptive, Fitness

POOL = 4
"""Ratio of candidate points drawn uniformly to points needed; as many again are drawn near the current points."""

STUCK = 3
"""Stop after this many growths without a new maximum number of centres: the points determine no more."""

RESOLVED = 2.0
"""Minimum width of a new centre, in spacings of the points around it."""

WORSE = 2.0
"""A growth that increases the residual at held-out points by this factor is undone."""


class Grow(Adaptive):
    """Adds centres until there are ``num_centers``, or until the solution changes by less than ``tolerance``.

    Every ``period`` epochs, or as soon as the solver has converged,

    - half of the interior points are redrawn with a density proportional to the residual, from uniform points and from points
      near those with a large residual, so that they become as dense as needed (``follow=False`` keeps all points fixed);
    - centres that are too narrow for the points around them to determine are removed;
    - new centres are selected one by one from ``candidates`` by how much each reduces the linearised residual (orthogonal least
      squares). The candidates are at points drawn with a density proportional to the squared residual, with widths from twice
      the local spacing of the points to the size of the domain.

    Held-out points decide whether a growth helped: if their residual more than doubles
    (:mod:`rbfnet.solvers.validation._relative_residuals`), the growth is undone and no further one is tried.

    Needs a solver that solves a system, and a network with ``per_center=True``. With ``gauss_newton`` and ``shapes=True`` all
    centres are trained between growths. The solver's ``max_epochs`` counts from the last growth. ``tolerance`` is compared with
    the relative L2 change of the solution in two successive growths, which estimates the error but does not bound it.

    Source: Chen, Cowan and Grant, IEEE Trans. Neural Networks 2 (1991); Wu et al., Comput. Methods Appl. Mech. Eng. 403 (2023).

    Args:
        num_centers: the maximum number of centres.
        add: the number of centres added per growth; below 1, a fraction of the current number.
        period: the number of epochs between growths.
        tolerance: a relative L2 error; None grows up to ``num_centers``.
        candidates: the number of candidates to select from.
        follow: whether points follow the residual.

    Raises:
        InputError: a number that is not positive.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.training import Grow
        >>> options = {"num_centers": 20, "solver": "gauss_newton", "per_center": True, "epsilon": 3.0}
        >>> solution = rbfnet.solve(Poisson(), callbacks=[Grow(40, add=20)], **options, allow_unsolved=True)
        >>> solution.model.num_centers
        40
    """

    solving = True

    def __init__(
        self,
        num_centers: int = 400,
        add: float = 0.5,
        period: int = 5,
        tolerance: float | None = None,
        candidates: int = 600,
        follow: bool = True,
    ) -> None:
        super().__init__(period)
        self.num_centers = int(positive("num_centers", num_centers, whole=True, most=MOST_POINTS))
        self.add = positive("add", add, whole=add >= 1)
        self.tolerance = None if tolerance is None else positive("tolerance", tolerance)
        self.candidates = int(positive("candidates", candidates, whole=True, most=MOST_POINTS))
        require_memory("num_centers", self.num_centers)
        require_memory("candidates", self.candidates)
        self.follow = follow
        self._since, self._calm, self._most, self._stuck, self._grown = 0, 0, 0, 0, False
        self._until = 0
        self._base: dict[str, Sample] = {}
        self._before: tuple[Tensor, Tensor] | None = None
        self._best: dict[str, Any] | None = None

    def check(self, model: torch.nn.Module, solver: Solver) -> None:
        if not all(stage.solves for stage in solver.stages):
            raise InputError("Grow needs a solver such as gauss_newton; use solver=gauss_newton, or callbacks=none.")
        if not _network(model).metric.per_center:
            raise InputError("Grow gives each centre its own width; use per_center=True for the network.")

    def most_centers(self, model: Network) -> int:
        return max(model.num_centers, self.num_centers)

    def state_dict(self) -> dict[str, Any]:
        counts = [self._since, self._calm, self._most, self._stuck]
        return {"counts": counts, "grown": self._grown, "until": self._until, "best": self._best, "before": self._before}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._since, self._calm, self._most, self._stuck = state_dict["counts"]
        self._grown, self._until, self._best = state_dict["grown"], state_dict["until"], state_dict.get("best")
        self._before = state_dict.get("before")

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        until = checkpoint.get("callbacks", {}).get(self.state_key, {}).get("until", 0)
        trainer.fit_loop.max_epochs = max(trainer.max_epochs or 0, until)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        module, data = cast(TrainingModule, pl_module), cast(ProblemData, cast(Any, trainer).datamodule)
        self._since += 1
        done = cast(Solving, trainer.optimizers[0]).done
        if self._grown or (self._since < self.period and not done):
            return
        self._since = 0
        network = _network(module.model)
        if self._worse(module, data):
            self._grown = True
            trainer.should_stop = True
            module.log("centers", float(network.num_centers))
            return
        self._calm = self._calm + 1 if self.tolerance is not None and self._change(module) < self.tolerance else 0
        wanted = math.ceil(self.add * network.num_centers) if self.add < 1 else int(self.add)
        n = min(wanted, max(0, self.num_centers - network.num_centers))
        self._stuck = 0 if network.num_centers > self._most else self._stuck + 1
        self._most = max(self._most, network.num_centers)
        self._grown = self._calm >= 2 or n == 0 or self._stuck >= STUCK
        if not self._grown:
            if self.follow:
                self._follow(module, data)
            self._grow(module, data, n)
            trainer.strategy.optimizers = [module.configure_optimizers()]
            trainer.should_stop = False
            self._until = trainer.current_epoch + 1 + max(self.period, module.solver.max_epochs)
            trainer.fit_loop.max_epochs = self._until
        module.log("centers", float(network.num_centers))

    @torch.no_grad()
    def _worse(self, module: TrainingModule, data: ProblemData) -> bool:
        """Whether the last growth increased the residual at held-out points; if so, it is undone."""
        network = _network(module.model)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            fresh = fresh_points(module.problem, data.samples)
            miss = max(found.mean for found in misses(module.judged, module.problem, fresh))
        if self._best is not None and not miss <= WORSE * self._best["miss"]:
            best = self._best
            network.replace_centers(best["centers"], best["raw"], best["weight"])
            network.tail.copy_(best["tail"])
            module.weigh(data.samples)
            return True
        if self._best is None or miss < self._best["miss"]:
            parts = {"centers": network.centers, "raw": network.metric.raw, "weight": network.weight, "tail": network.tail}
            self._best = {"miss": miss, **{name: part.detach().clone() for name, part in parts.items()}}
        return False

    @torch.no_grad()
    def _change(self, module: TrainingModule) -> float:
        """The relative L2 change of the solution since the previous growth."""
        if self._before is None:
            x = module.problem.domain.interior(2000).to(_network(module.model).centers)
        else:
            x = self._before[0]
        now = module.model(x)
        before, self._before = self._before, (x, now)
        return math.inf if before is None else float((now - before[1]).norm() / now.norm())

    def _follow(self, module: TrainingModule, data: ProblemData) -> None:
        for name, condition in module.problem.named_conditions().items():
            if isinstance(condition, Interior):
                self._base.setdefault(name, data.samples[name].rows(slice(data.samples[name].num_points // 2)))
                fresh = self.choose(Fitness(module, data, condition), data.samples[name])
                missing = data.samples[name].num_points - self._base[name].num_points
                x = torch.cat([self._base[name].sites[0], fresh.sites[0][:missing]])
                data.samples[name] = Sample((x,))

    def choose(self, fitness: Fitness, points: Sample) -> Sample:
        n = points.num_points
        even, x = fitness.draw(POOL * n), points.sites[0]
        chance = fitness(points).clamp_min(torch.finfo(x.dtype).tiny) * spacing(x) ** x.shape[1]
        parents = torch.multinomial(chance, POOL * n, replacement=True)
        near = x[parents] + spacing(x)[parents, None] * torch.randn_like(x[parents])
        pool = torch.cat([even.sites[0], fitness.within(near)])
        # Weighted by the volume around each point, so that the density of the pool does not matter.
        weight = fitness(Sample((pool,))) * spacing(pool) ** pool.shape[1]
        weight = weight.clamp_min(torch.finfo(weight.dtype).tiny)
        return Sample((pool[torch.multinomial(weight, min(n, len(pool)))],))

    @torch.no_grad()
    def _grow(self, module: TrainingModule, data: ProblemData, n: int) -> None:
        model, network = cast(LinearModel, module.model), _network(module.model)
        points = [_inside(model, x) for sample in data.samples.values() for x in sample.sites[:1]]
        keep = _resolved(network, torch.cat(points))
        if not keep.all() and keep.any():
            network.replace_centers(network.centers[keep], network.metric.raw[keep], network.weight[keep])
        posed = Posed(model, module.problem, data.samples, module.scales)
        z = torch.cat(points)
        at = torch.multinomial(_squares(posed), self.candidates, replacement=True)
        side = float((z.amax(dim=0) - z.amin(dim=0)).max())
        narrow = RESOLVED * spacing(z)[at]
        width = narrow * (side / narrow).clamp_min(1.0) ** torch.rand(len(at)).to(z)
        raw = network.metric.raw.new_zeros((len(at), *network.metric.raw.shape[1:]))
        dims = z.shape[1]
        (raw[:, :dims] if raw.ndim == 2 else raw[:, None])[:] = -width.log()[:, None]
        centers, shapes = greedy(posed, z[at], raw, n)
        network.replace_centers(
            torch.cat([network.centers, centers]),
            torch.cat([network.metric.raw, shapes]),
            torch.cat([network.weight, network.weight.new_zeros((len(centers), network.out_features))]),
        )
        module.weigh(data.samples)


def _network(model: torch.nn.Module) -> RBFNetwork:
    return cast(RBFNetwork, innermost(cast(LinearModel, model)))


def _squares(posed: Posed) -> Tensor:
    """The squared residual at the first site of every point, weighted as in the loss."""
    totals: dict[int, Tensor | float] = {id(sample): 0.0 for sample in posed.samples.values()}
    for equation, scale in posed.equations():
        totals[id(equation.sample)] = totals[id(equation.sample)] + (scale * equation.rest).square()
    each = [torch.as_tensor(totals[id(s)]).expand(s.num_points) for s in posed.samples.values()]
    total = torch.cat(each).nan_to_num()
    return total + 1e-3 * total.mean() + torch.finfo(total.dtype).tiny


def _inside(model: LinearModel, x: Tensor) -> Tensor:
    """Points in the coordinates of the innermost network."""
    ops = [Operator.identity()]
    while isinstance(model, Wrapper):
        x, ops = model.inner(x, [op.over(len(x), x.shape[1]) for op in ops])
        model = model.network
    return x


def _resolved(network: RBFNetwork, points: Tensor) -> Tensor:
    """Which centres have enough points within their width, 1.5 / epsilon, for their parameters to be determined."""
    epsilon = network.epsilon if network.epsilon.ndim == 1 else network.epsilon.log().mean(dim=1).exp()
    dims = network.in_features
    tree = cKDTree(points.cpu().numpy())
    inside = tree.query_ball_point(network.centers.cpu().numpy(), (1.5 / epsilon).cpu().numpy(), return_length=True)
    return torch.from_numpy(inside >= 2 * (dims + 2)).to(network.centers.device)
