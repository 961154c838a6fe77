"""README as the package index shows it: without what only the repository has, pictures and links to its files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


def standalone(readme: str) -> str:
    """Drop pictures with their captions, and keep the words of links to files."""
    without = re.sub(r"!\[[^\]]*\]\((?!https://)[^)]*\)\n\n(\*.*?\*\n\n)?", "", readme, flags=re.DOTALL)
    return re.sub(r"\[([^\]]*)\]\((?!https://)[^)]*\)", r"\1", without)


class Readme(MetadataHookInterface):
    """Sets the long description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme``."""
        text = standalone((Path(self.root) / "README.md").read_text(encoding="utf-8"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
