"""Isolate runs that share a process: each has exclusive use of the global state, and restores it."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rbfnet.errors import InputError
from rbfnet.seeding import manual_seed

ENVIRONMENT = (
    "CUBLAS_WORKSPACE_CONFIG", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "OMP_NUM_THREADS", "PL_GLOBAL_SEED",
    "PL_SEED_WORKERS", "WORLD_SIZE",
)  # fmt: skip
"""Environment variables that Lightning sets for a run."""

_LOCK = threading.RLock()


@dataclass(frozen=True)
class ProcessState:
    """Global state that a run uses or changes: random generators, the default dtype, PyTorch flags."""

    dtype: torch.dtype
    torch_random: torch.Tensor
    cuda_random: list[torch.Tensor]
    numpy_random: Any
    python_random: Any
    deterministic: tuple[bool, bool]
    cudnn: tuple[bool, bool]
    threads: int
    environment: dict[str, str | None]

    @classmethod
    def now(cls) -> ProcessState:
        """The current state."""
        return cls(
            torch.get_default_dtype(),
            torch.get_rng_state(),
            torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
            np.random.get_state(),  # noqa: NPY002 - the legacy generator is global, too
            random.getstate(),
            (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
            (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark),
            torch.get_num_threads(),
            {name: os.environ.get(name) for name in ENVIRONMENT},
        )

    def restore(self) -> None:
        """Restore this state."""
        torch.set_default_dtype(self.dtype)
        torch.set_rng_state(self.torch_random)
        if self.cuda_random:
            torch.cuda.set_rng_state_all(self.cuda_random)
        np.random.set_state(self.numpy_random)  # noqa: NPY002
        random.setstate(self.python_random)
        enabled, warn_only = self.deterministic
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = self.cudnn
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        for name, value in self.environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def isolated(dtype: torch.dtype | None = None) -> Iterator[None]:
    """Reserve the global state for one run: runs in other threads wait, and the state is restored afterwards.

    PyTorch has one random generator and one default dtype for all threads, so concurrent runs would draw from the same random
    stream.

    Args:
        dtype: the default dtype, for tensors that a user's problem creates without a dtype; None leaves it unchanged.
    """
    with _LOCK:
        before = ProcessState.now()
        try:
            with default_dtype(torch.get_default_dtype() if dtype is None else dtype):
                yield
        finally:
            before.restore()


def seed_everything(seed: int) -> None:
    """Seed the random generators of PyTorch, NumPy and Python.

    Raises:
        InputError: a seed that is not a whole number from 0 to 2^32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise InputError(f"seed must be a whole number from 0 to 2^32 - 1, but got {seed!r}.")
    # As Lightning's function of this name, for the processes and loaders that it starts.
    os.environ["PL_GLOBAL_SEED"], os.environ["PL_SEED_WORKERS"] = str(int(seed)), "1"
    random.seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002
    manual_seed(int(seed))


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Set the default dtype within the context, for tensors that a user's problem creates without a dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
