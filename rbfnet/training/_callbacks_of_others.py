"""Checks of Lightning's and the user's callbacks before a run: distinct state keys, and monitors that are logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import lightning.pytorch as pl

from rbfnet.errors import InputError, unknown

KNOWN = ("lightning.", "pytorch_lightning.", "rbfnet.")
"""Packages whose callbacks log nothing unknown here."""


def check_callbacks(callbacks: Sequence[pl.Callback], conditions: Iterable[str], validated: bool) -> None:
    """Raise InputError for callbacks that would make Lightning fail in the middle of a run.

    Args:
        callbacks: all callbacks of the run.
        conditions: the names of the problem's conditions.
        validated: whether there is a reference for validation.
    """
    keys = [callback.state_key for callback in callbacks if type(callback).state_dict is not pl.Callback.state_dict]
    if twice := next((key for key in keys if keys.count(key) > 1), None):
        kind = twice.partition("{")[0]
        raise InputError(f"Two {kind} callbacks have the same settings; change those of one, such as its monitor.")
    if not all(type(callback).__module__.startswith(KNOWN) for callback in callbacks):
        # A user's callback may log anything.
        return
    logged = ["loss", *(f"loss/{name}" for name in conditions), "lr", "centers", *(["val/rel_l2"] if validated else [])]
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if isinstance(monitor, str) and monitor not in logged and not monitor.startswith("solver/"):
            raise unknown(f"logged number for {type(callback).__name__} called", monitor, logged)
