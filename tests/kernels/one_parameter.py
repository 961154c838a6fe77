"""Kernels with a parameter of their own."""

from __future__ import annotations

import math

import torch
from torch import nn

from rbfnet.kernels import Kernel


class OneParameter(Kernel):
    """An analytic kernel with one number that is trained."""

    smoothness = math.inf
    start: float

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(self.start))
