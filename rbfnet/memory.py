"""Check memory requirements before anything is allocated."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rbfnet.errors import InputError

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files in which Linux reports the memory limit of a container."""

POINT = 1000
"""Minimum number of bytes per point, row of data or centre, including derived quantities."""


def budget() -> int:
    """Bytes a solver may take: half of this machine's memory, or as good as any number where it does not say."""
    names: dict[str, int] = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= names.keys():
        return sys.maxsize
    return min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_limits()) // 2


def _limits() -> list[int]:
    """What a container may take, wherever that is said."""
    found = [sys.maxsize]
    for name in LIMITS:
        try:
            found.append(int(Path(name).read_text()))
        except (OSError, ValueError):
            continue
    return found


def require_memory(what: str, given: float, each: int = POINT) -> None:
    """Raise InputError where so many of something, of so many bytes each, are more than half of this machine's memory.

    Args:
        what: as it is called, ``"num_interior"``.
        given: how many of them.
        each: bytes of one.
    """
    there = budget()
    if given * each > there:
        raise InputError(
            f"{what} must be at most {there // each:,}, but got {given:,}: half of this machine's memory, {there / 1e9:.0f} GB, "
            "does not hold more."
        )
