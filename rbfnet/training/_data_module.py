"""The LightningDataModule: the points of a problem."""

from __future__ import annotations

import math
from typing import Any, cast

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities import CombinedLoader
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from rbfnet.problems import Problem, Reference, Sample
from rbfnet.solvers import Solver


class Rows(Dataset[Sample]):
    """A sample, indexed by a list of rows at once."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def __len__(self) -> int:
        return self.sample.num_points

    def __getitem__(self, rows: list[int]) -> Sample:
        # All rows in their order, as every full-batch epoch asks for, are the tensors themselves.
        return self.sample if len(rows) == len(self) else self.sample.rows(rows)


class ProblemData(pl.LightningDataModule):
    """Points for each condition, drawn once or for every epoch, and a validation set where there is a reference.

    With several processes each takes every n-th point of each condition, all of them as many: where they do not go round, the
    first points are taken twice, for a process with fewer batches than the others would keep them waiting for ever.

    Args:
        problem: what to draw points for.
        dtype: of the points.
        batch_size: points per condition and step; None takes all of them.
        resample: draw fresh points for every epoch. The Trainer is to reload its loaders then.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.training import ProblemData
        >>> data = ProblemData(Poisson(num_interior=50, num_boundary=20), torch.float64)
        >>> {name: sample.num_points for name, sample in data.samples.items()}
        {'interior': 50, 'dirichlet': 20}
    """

    def __init__(self, problem: Problem, dtype: torch.dtype, batch_size: int | None = None, resample: bool = False) -> None:
        super().__init__()
        self.batch_size, self.dtype, self.resample = batch_size, dtype, resample
        self.problem = problem
        self.samples = self._drawn()
        self.validation = problem.validation_set()
        self.seed = torch.initial_seed()

    def follow(self, solver: Solver) -> None:
        """Batches, and fresh points or not, as ``solver`` has them, from the next time the Trainer asks for its loaders."""
        self.batch_size, self.resample = solver.batch_size, solver.resample

    def _drawn(self) -> dict[str, Sample]:
        return {name: self.cast(sample) for name, sample in self.problem.sample().items()}

    def cast(self, sample: Sample) -> Sample:
        """The sample in the dtype of the data."""

        def part(t: Tensor | None) -> Any:
            return t if t is None or not t.is_floating_point() else t.to(self.dtype)

        return Sample(tuple(map(part, sample.sites)), part(sample.normal), part(sample.weights), tuple(map(part, sample.data)))

    def train_dataloader(self) -> CombinedLoader:
        epoch = cast(Any, self.trainer.fit_loop.epoch_progress.current).processed if self.trainer else 0
        if self.trainer and self.trainer.should_stop:
            # Of a run that is over the points of its last epoch are looked at once more.
            epoch -= 1
        if self.resample and epoch:
            with torch.random.fork_rng():
                torch.manual_seed(epoch_seed(self.seed, epoch))
                self.samples = self._drawn()
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        loaders = {}
        for name, sample in self.samples.items():
            # An integral needs all of its points, in every process and every step.
            integral = sample.weights is not None
            rows = Rows(sample if integral else sample.rows(_share(sample.num_points, rank, world)))
            whole = integral or self.batch_size is None or self.batch_size >= len(rows)
            sampler = SequentialSampler(rows) if whole else RandomSampler(rows)
            batches = BatchSampler(sampler, len(rows) if whole else int(self.batch_size or 1), drop_last=False)
            # A generator of its own: how often Lightning starts a loader is not to change what is drawn.
            loaders[name] = DataLoader(rows, sampler=batches, batch_size=None, generator=torch.Generator())
        # Conditions of few points come round again until the largest has been through.
        return CombinedLoader(loaders, mode="max_size_cycle")

    def val_dataloader(self) -> list[DataLoader[tuple[Tensor, Tensor]]]:
        if self.validation is None:
            return []
        whole = _cast_reference(self.validation, self.dtype)
        return [DataLoader([(whole.x, whole.y)], batch_size=None)]  # type: ignore[arg-type]


def epoch_seed(seed: int, epoch: int) -> int:
    """What random numbers of an epoch start from: the same whether or not the run has been interrupted before."""
    return int(np.random.SeedSequence([abs(seed), epoch]).generate_state(1)[0])


def _cast_reference(reference: Reference, dtype: torch.dtype) -> Reference:
    return Reference(reference.x.to(dtype), reference.y.to(dtype))


def _share(num_rows: int, rank: int, world: int) -> Tensor:
    return torch.arange(rank, math.ceil(num_rows / world) * world, world) % num_rows
