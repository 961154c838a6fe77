"""Names of derivatives such as ``u_xxt``: how a word is made of the names of coordinates."""

from __future__ import annotations

from collections.abc import Sequence


def tilings(word: str, coords: Sequence[str]) -> list[tuple[str, ...]]:
    """The first two ways, up to order, in which a word is made of coordinates; from its end, so that no text takes long."""
    ways: list[list[tuple[str, ...]]] = [[] for _ in word] + [[()]]
    for at in reversed(range(len(word))):
        found = [tuple(sorted((c, *rest))) for c in coords if word.startswith(c, at) for rest in ways[at + len(c)]]
        ways[at] = list(dict.fromkeys(found))[:2]
    return ways[0] if word else []


def readable(word: str, coords: Sequence[str]) -> int:
    """How far a word is made of coordinates."""
    reached = {0}
    for at in range(len(word)):
        reached |= {at + len(c) for c in coords if at in reached and word.startswith(c, at)}
    return max(reached)
