"""The LightningDataModule: the points of a problem."""

from __future__ import annotations

import math

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import CombinedLoader
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

from rbfnet.problems import Problem, Reference, Sample


class Rows(Dataset[Sample]):
    """Tensors with the same number of rows; indexed by a list of rows at once."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def __len__(self) -> int:
        return len(self.sample[0])

    def __getitem__(self, rows: list[int]) -> Sample:
        # All rows in their order, as every full-batch epoch asks for, are the tensors themselves.
        return self.sample if len(rows) == len(self) else tuple(part[rows] for part in self.sample)


class ProblemData(pl.LightningDataModule):
    """Points for each condition, drawn once, and a validation set where there is a reference.

    With several processes each takes every n-th point of each condition, all of them as many: where they do not go round, the
    first points are taken twice, for a process with fewer batches than the others would keep them waiting for ever.

    Args:
        problem: what to draw points for.
        dtype: of the points.
        batch_size: points per condition and step; None takes all of them.
    """

    def __init__(self, problem: Problem, dtype: torch.dtype, batch_size: int | None = None) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.samples = {name: _cast(sample, dtype) for name, sample in problem.sample().items()}
        self.validation = problem.validation_set()
        self.dtype = dtype

    def train_dataloader(self) -> CombinedLoader:
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        loaders = {}
        for name, sample in self.samples.items():
            rows = Rows(tuple(part[_share(len(part), rank, world)] for part in sample))
            whole = self.batch_size is None or self.batch_size >= len(rows)
            sampler = SequentialSampler(rows) if whole else RandomSampler(rows)
            batches = BatchSampler(sampler, len(rows) if whole else int(self.batch_size or 1), drop_last=False)
            loaders[name] = DataLoader(rows, sampler=batches, batch_size=None)
        # Conditions of few points come round again until the largest has been through.
        return CombinedLoader(loaders, mode="max_size_cycle")

    def val_dataloader(self) -> list[DataLoader[tuple[Tensor, Tensor]]]:
        if self.validation is None:
            return []
        whole = _cast_reference(self.validation, self.dtype)
        return [DataLoader([(whole.x, whole.y)], batch_size=None)]  # type: ignore[arg-type]


def _cast(sample: Sample, dtype: torch.dtype) -> Sample:
    return tuple(part.to(dtype) if part.is_floating_point() else part for part in sample)


def _cast_reference(reference: Reference, dtype: torch.dtype) -> Reference:
    return Reference(reference.x.to(dtype), reference.y.to(dtype))


def _share(num_rows: int, rank: int, world: int) -> Tensor:
    return torch.arange(rank, math.ceil(num_rows / world) * world, world) % num_rows
