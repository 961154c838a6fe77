"""The LightningDataModule: the collocation points of a problem."""

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
        # A full batch in order is the tensors themselves, without a copy.
        return self.sample if len(rows) == len(self) else self.sample.rows(rows)


class ProblemData(pl.LightningDataModule):
    """Points for each condition, drawn once or in every epoch, and a validation set if there is a reference.

    With n processes each takes every n-th point of each condition. All take the same number, repeating the first points if
    necessary, because the others would wait forever for a process with fewer batches.

    Args:
        problem: the problem.
        dtype: the dtype of the points.
        batch_size: number of points per condition and step; None uses all.
        resample: draw new points in every epoch. This needs a Trainer that reloads its loaders every epoch.

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
        """Use the batch size and resampling of ``solver`` from the next time the Trainer creates its loaders."""
        self.batch_size, self.resample = solver.batch_size, solver.resample

    def _drawn(self) -> dict[str, Sample]:
        return {name: self.cast(sample) for name, sample in self.problem.sample().items()}

    def cast(self, sample: Sample) -> Sample:
        """Convert a sample to the dtype of the data."""

        def part(t: Tensor | None) -> Any:
            return t if t is None or not t.is_floating_point() else t.to(self.dtype)

        return Sample(tuple(map(part, sample.sites)), part(sample.normal), part(sample.weights), tuple(map(part, sample.data)))

    def train_dataloader(self) -> CombinedLoader:
        epoch = cast(Any, self.trainer.fit_loop.epoch_progress.current).processed if self.trainer else 0
        if self.trainer and self.trainer.should_stop:
            # A finished run uses the points of its last epoch once more.
            epoch -= 1
        if self.resample and epoch:
            with torch.random.fork_rng():
                torch.manual_seed(epoch_seed(self.seed, epoch))
                self.samples = self._drawn()
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        loaders = {}
        for name, sample in self.samples.items():
            # An integral needs all of its points in every process and every step.
            integral = sample.weights is not None
            rows = Rows(sample if integral else sample.rows(_share(sample.num_points, rank, world)))
            whole = integral or self.batch_size is None or self.batch_size >= len(rows)
            sampler = SequentialSampler(rows) if whole else RandomSampler(rows)
            batches = BatchSampler(sampler, len(rows) if whole else int(self.batch_size or 1), drop_last=False)
            # A separate generator, so that the draws do not depend on how often Lightning starts a loader.
            loaders[name] = DataLoader(rows, sampler=batches, batch_size=None, generator=torch.Generator())
        # Conditions with fewer points are cycled until the largest is exhausted.
        return CombinedLoader(loaders, mode="max_size_cycle")

    def val_dataloader(self) -> list[DataLoader[tuple[Tensor, Tensor]]]:
        if self.validation is None:
            return []
        whole = _cast_reference(self.validation, self.dtype)
        return [DataLoader([(whole.x, whole.y)], batch_size=None)]  # type: ignore[arg-type]


def epoch_seed(seed: int, epoch: int) -> int:
    """The random seed of an epoch, which does not depend on whether the run was interrupted before."""
    return int(np.random.SeedSequence([abs(seed), epoch]).generate_state(1)[0])


def _cast_reference(reference: Reference, dtype: torch.dtype) -> Reference:
    return Reference(reference.x.to(dtype), reference.y.to(dtype))


def _share(num_rows: int, rank: int, world: int) -> Tensor:
    return torch.arange(rank, math.ceil(num_rows / world) * world, world) % num_rows
