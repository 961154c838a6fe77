"""The seed for libraries that draw by themselves."""

from __future__ import annotations

import torch


def seed() -> int:
    """A seed from PyTorch's generator, so that one seed decides everything a run draws."""
    return int(torch.randint(2**31 - 1, ()))
