"""Callbacks of Lightning's and of the user's, looked at before a run: they can be told apart, and wait for what is logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import lightning.pytorch as pl

from rbfnet.errors import InputError, unknown

KNOWN = ("lightning.", "pytorch_lightning.", "rbfnet.")
"""Where callbacks come from that log nothing, or what is known here."""


def check_callbacks(callbacks: Sequence[pl.Callback], conditions: Iterable[str], validated: bool) -> None:
    """Raise InputError where Lightning would give up in the middle of a run.

    Args:
        callbacks: all of a run.
        conditions: the names of its conditions.
        validated: whether it has a reference to be validated by.
    """
    keys = [callback.state_key for callback in callbacks if type(callback).state_dict is not pl.Callback.state_dict]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        kind = twice.partition("{")[0]
        raise InputError(f"Two callbacks of kind {kind} have the same settings; give one of them others, as another monitor.")
    if not all(type(callback).__module__.startswith(KNOWN) for callback in callbacks):
        # One of the user's own may log anything.
        return
    logged = ["loss", *(f"loss/{name}" for name in conditions), "lr", "centers", *(["val/rel_l2"] if validated else [])]
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor not in logged and not monitor.startswith("solver/"):
            raise unknown(f"logged number for {type(callback).__name__} called", monitor, logged)
