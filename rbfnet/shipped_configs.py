"""Where the configs are, and their one-line descriptions."""

from __future__ import annotations

from pathlib import Path

import rbfnet
from rbfnet.errors import InputError


def config_directory() -> Path:
    """``configs/``: inside the package of a wheel, beside it in a checkout."""
    package = Path(rbfnet.__file__).parent
    for candidate in (package / "configs", package.parent / "configs"):
        if (candidate / "train.yaml").is_file():
            return candidate
    raise InputError(f"The configs of rbfnet are missing next to {str(package)!r}; reinstall rbfnet.")


def groups() -> set[str]:
    """The config groups: kernel, problem, ..."""
    return {path.name for path in config_directory().iterdir() if path.is_dir()}


def choices(group: str, directory: Path | None = None) -> dict[str, Path]:
    """The shipped configs of a group by name, or those of a directory, including subfolders: ``league/poisson``."""
    directory = (directory or config_directory()) / group
    return {file.relative_to(directory).with_suffix("").as_posix(): file for file in sorted(directory.rglob("*.yaml"))}


def describe(file: Path) -> str:
    """The first comment line of a config that is not a Hydra directive."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((line[1:].strip() for line in lines if line.startswith("#") and "@package" not in line), "")
