"""Terrain elevation from scattered points."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import torch

from rbfnet.errors import InputError, positive
from rbfnet.problems._data_problem import DataProblem

KM_PER_DEGREE = 111.2
"""Along a meridian; along a parallel times the cosine of the latitude."""


class Terrain(DataProblem):
    """Elevation in metres from scattered points: the Jacksboro fault in Tennessee, a sample matplotlib ships.

    344 x 403 heights on a grid of 3 arc seconds, of which ``train`` random ones are fitted and ``test`` others predicted.
    Coordinates are kilometres east and north of the south-west corner.

    Source: ``matplotlib.cbook.get_sample_data("jacksboro_fault_dem.npz")``, from the U.S. National Elevation Dataset.

    Args:
        train: rows to fit.
        validation: other rows for the training log.
        test: other rows the errors are measured on.

    Example:
        >>> from rbfnet.problems import Terrain
        >>> problem = Terrain(train=300, validation=0, test=500)
        >>> problem.train_set.x.shape, problem.test_set().x.shape
        (torch.Size([300, 2]), torch.Size([500, 2]))
    """

    measured_in = MappingProxyType({"x": "km", "y": "km", "z": "m"})

    def __init__(self, train: int = 5_000, validation: int = 1_000, test: int = 20_000) -> None:
        from matplotlib.cbook import get_sample_data

        positive("train", train, whole=True)
        positive("validation", validation, whole=True, zero=True)
        positive("test", test, whole=True, zero=True)

        with np.load(get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)) as sample:
            height = torch.from_numpy(sample["elevation"].astype(np.float64))
            step_x, step_y = float(sample["dx"]), float(sample["dy"])
            latitude = (float(sample["ymin"]) + float(sample["ymax"])) / 2
        rows, columns = height.shape
        east = torch.arange(columns, dtype=torch.float64) * step_x * KM_PER_DEGREE * np.cos(np.radians(latitude))
        # The first row of the grid is the northernmost.
        north = torch.arange(rows - 1, -1, -1, dtype=torch.float64) * step_y * KM_PER_DEGREE
        y, x = torch.meshgrid(north, east, indexing="ij")
        points = torch.stack([x.flatten(), y.flatten()], dim=1)
        if train + validation + test > len(points):
            raise InputError(f"The terrain has {len(points)} points, but {train} + {validation} + {test} were requested.")
        used = torch.randperm(len(points))[: train + validation + test]
        super().__init__(
            points[used],
            height.reshape(-1, 1)[used],
            coords=("x", "y"),
            outputs=("z",),
            validation=validation,
            test=test,
            scale="common",
        )
