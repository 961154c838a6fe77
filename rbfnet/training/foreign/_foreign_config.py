"""Validation of an untrusted config: plain data of bounded size, with output paths inside its run directory.

Interpolations (``${...}``) are not resolved. Input files of the problem (tables, meshes and values) may be anywhere, because the
owner of a run may resume it with data stored elsewhere. They are read as numbers.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from rbfnet.config import several
from rbfnet.errors import InputError, positive, unknown
from rbfnet.training.foreign._like import LARGEST, require_few
from rbfnet.training.storage import Metrics

MOST = 1 << 20
"""Maximum size of a config in bytes."""

LOGGERS: dict[str, type[Logger]] = {
    "lightning.pytorch.loggers.CSVLogger": Metrics,
    "lightning.pytorch.loggers.TensorBoardLogger": TensorBoardLogger,
}
"""Loggers that an untrusted config may name."""

LOGGED = {"save_dir", "name", "version", "sub_dir", "prefix", "flush_logs_every_n_steps", "log_graph", "default_hp_metric"}
"""Logger arguments that an untrusted config may set."""

OPTIONS: dict[str, tuple[type, ...]] = {
    "max_time": (str, type(None)), "gradient_clip_algorithm": (str, type(None)), "detect_anomaly": (bool,), "metric": (str,),
    "devices": (int, str, list),
}  # fmt: skip
"""Options of the network and the Trainer that have a single type."""

PROFILERS = (None, "simple", "advanced", "pytorch")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A YAML loader for plain data, without merge keys, with which a few lines can expand to any number of entries."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(None, None, "merge keys (<<) are not supported", node.start_mark)


def read_config(directory: Path) -> dict[str, Any]:
    """``config.yaml`` of a run directory, as plain data.

    Raises:
        InputError: a file that is not YAML, is too large, or expands to too many values.
    """
    file = directory / "config.yaml"
    if (size := file.stat().st_size) > MOST:
        raise InputError(
            f"The run in {str(directory)!r} cannot be read: its config.yaml has {size:,} bytes; the maximum is {MOST:,}."
        )
    try:
        config = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"{str(file)!r} cannot be read: {str(error).splitlines()[0]}.") from None
    if not isinstance(config, dict):
        raise InputError(f"{str(file)!r} cannot be read: it does not belong to a run.")
    require_few(config)
    return config


def require_inside(config: Mapping[str, Any], directory: Path) -> None:
    """Raise InputError if a config would make a run write outside its directory or start too many processes.

    Args:
        config: the config of the run.
        directory: the run directory.
    """
    for node in several("callbacks", config).values():
        for text in _texts(node):
            _require_inside("callbacks", text, directory)
    _require_options(config)
    for node in several("logger", config).values():
        if not isinstance(node["_target_"], str) or node["_target_"] not in LOGGERS:
            raise InputError(
                f"The config names the logger {node['_target_']!r}; a config from elsewhere may name {', '.join(LOGGERS)}."
            )
        for key in node.keys() - {"_target_"} - LOGGED:
            raise unknown("logger argument in a config from elsewhere called", key, LOGGED)
        for key, value in node.items():
            if not isinstance(value, (str, int, float, bool, type(None))):
                raise InputError(f"logger.{key} must be a plain value in a config from elsewhere, but is {value!r}.")
            if key == "flush_logs_every_n_steps":
                positive(f"logger.{key}", value, whole=True)
            if key in ("name", "version", "sub_dir"):
                _require_name(f"logger.{key}", value)
    trainer = config["trainer"]
    if trainer.get("profiler") not in PROFILERS:
        raise InputError(f"trainer.profiler must be one of {', '.join(map(str, PROFILERS))}, but got {trainer['profiler']!r}.")
    for key in ("devices", "num_nodes"):
        value, most = trainer.get(key, 1), max(16, os.cpu_count() or 1)
        if isinstance(value, str) and value.lstrip("-").isdigit():
            value = int(value) if len(value) < 10 else most + 1
        if (isinstance(value, int) and value > most) or (isinstance(value, list) and len(value) > most):
            raise InputError(f"trainer.{key} must be at most {most} on this machine, but got {trainer[key]!r}.")


def _require_options(config: Mapping[str, Any]) -> None:
    """Check the options of the network and the Trainer, which Lightning does not check."""
    for group in ("network", "trainer"):
        for key, value in config[group].items():
            kinds = OPTIONS.get(key, (str, int, float, bool, type(None)))
            if not isinstance(value, kinds) or (isinstance(value, (int, float)) and not abs(value) <= LARGEST):
                raise InputError(f"{group}.{key} cannot be {value!r} in a config from elsewhere.")


def logger(node: Mapping[str, Any]) -> Logger:
    """Build a logger that :func:`require_inside` has checked, without resolving or instantiating anything else."""
    return LOGGERS[node["_target_"]](**{key: value for key, value in node.items() if key != "_target_"})


def require_own_files(directory: Path) -> None:
    """Raise InputError if a run directory contains anything but regular files and directories.

    Writing to a symbolic link or a hard link changes a file elsewhere, and a pipe blocks forever.
    """
    for path in _entries(directory):
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode):
            continue
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            kind = "a link" if stat.S_ISLNK(found.st_mode) else "linked elsewhere" if stat.S_ISREG(found.st_mode) else "no file"
            raise InputError(
                f"The run in {str(directory)!r} cannot be resumed: {str(path.relative_to(directory))!r} is {kind}, and a run "
                "writes only to its own files; replace it with a copy."
            )


def _entries(directory: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(directory, followlinks=False):
        yield from (Path(where, name) for name in [*folders, *files])


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    for inner in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else []:
        yield from _texts(inner)


def _require_inside(what: str, text: str, directory: Path) -> None:
    """Check a text that may be a path: one with a separator or ``..``."""
    if not any(sign in text for sign in ("/", "\\", "..", "~")) and not Path(text).is_absolute():
        return
    path = Path(os.path.abspath(text))
    if ".." in Path(text).parts or "\\" in text or "://" in text or not path.is_relative_to(os.path.abspath(directory)):
        raise InputError(f"{what} names the path {text!r}; in a config from elsewhere it must lie in {str(directory)!r}.")


def _require_name(what: str, value: Any) -> None:
    """Check a path component that must not leave its directory."""
    numbered = what == "logger.version" and type(value) is int and value >= 0
    text = "" if value is None or numbered else value
    if not isinstance(text, str) or len(text) > 100 or any(sign in text for sign in "/\\:$~\0") or text in (".", ".."):
        raise InputError(f"{what} must be a plain name in a config from elsewhere, such as 'version_1', but is {value!r}.")
