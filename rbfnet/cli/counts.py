"""Reject counts that are zero, negative or not whole before PyTorch is imported.

The classes check them too, with the same messages; values that are not numbers are left to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rbfnet.errors import number, positive

COUNTS = (
    "num_centers", "num_interior", "num_boundary", "num_data", "max_epochs", "batch_size", "max_iter", "history_size", "slabs",
    "period", "candidates", "pool",
)  # fmt: skip
"""Arguments that must be at least 1 in every rbfnet class."""

TRAINER = ("max_epochs", "check_val_every_n_epoch", "log_every_n_steps")


def require_counts(config: Mapping[str, Any]) -> None:
    """Raise InputError for a count below 1, or one that is not whole, in a resolved config."""
    for group in ("problem", "network", "kernel", "solver", "callbacks"):
        _require(config.get(group), ours=group == "network")
    _require_numbers({f"trainer.{key}": config["trainer"].get(key) for key in TRAINER})


def _require(part: Any, ours: bool) -> None:
    """Check a node and its children; in the user's own classes these names may mean something else."""
    if isinstance(part, Mapping):
        if ours or str(part.get("_target_")).startswith("rbfnet."):
            _require_numbers({key: part.get(key) for key in COUNTS})
    elif not isinstance(part, list):
        return
    for inner in part.values() if isinstance(part, Mapping) else part:
        _require(inner, False)


def _require_numbers(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if number(value) is not None:
            positive(name, value, whole=True)
