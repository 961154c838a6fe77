from __future__ import annotations

import os
import sys


def budget() -> int:
    """Bytes a solver may take: half of this machine's memory, or as good as any number where it does not say."""
    names: dict[str, int] = getattr(os, "sysconf_names", {})
    if not {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= names.keys():
        return sys.maxsize
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
