from __future__ import annotations

from rbfnet.memory import budget

__all__ = ["budget"]
