"""Seed the random generators of PyTorch."""

from __future__ import annotations

import torch


def manual_seed(seed: int) -> None:
    """``torch.manual_seed``, without its cost where the CPU is the only device.

    PyTorch queues the seed for each kind of device that is not in use, together with a formatted stack trace.
    """
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
