"""Turn Hydra's errors about a config that does not compose into one sentence."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from rbfnet.cli.undecided import AUTO, undecided
from rbfnet.errors import InputError, unknown
from rbfnet.shipped_configs import choices, config_directory, groups


def as_input_error(error: Exception, overrides: list[str], own: Path | None = None) -> InputError:
    """The error for the user: what is wrong, and the closest alternative that would work.

    Args:
        error: what Hydra or OmegaConf raised.
        overrides: the overrides passed to Hydra.
        own: the directory of the user's own configs.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).partition("/")
        if not name:
            return unknown("config", group, error.options or [])
        # Only the group of callbacks has a plural name.
        return unknown(group.removesuffix("s"), name, [*choices(group), *(choices(group, own) if own else ())])
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, MissingMandatoryValue):
        key = getattr(cause, "full_key", None) or str(cause).split(":")[-1].strip()
        return InputError(f"{key} must be given, as in {key}=...")
    if isinstance(error, yaml.YAMLError):
        return _unreadable(error)
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(own)
    text = str(error)
    named = re.search(r"Could not (?:override|delete|append to config\. An item is already at|find)\s*'([^']+)'", text)
    if named and (isinstance(cause, OmegaConfBaseException) or "No match in the defaults list" in text):
        key, inner = named[1].split("@")[0], re.search(r"Key '([^']+)' is not in struct", text + str(cause))
        # When a node is merged into an existing one, the key is inside the node.
        within = inner and any(o.startswith(f"{key}={{") for o in overrides)
        return _unknown_key(f"{key}.{inner[1]}" if inner and within else key, overrides)
    if isinstance(cause, OmegaConfBaseException) and (key := getattr(cause, "full_key", None)):
        reason = str(getattr(cause, "msg", "") or text).splitlines() or ["it cannot be resolved"]
        return InputError(f"{key} does not resolve: {reason[0].strip()}.")
    return InputError(" ".join(text.split()) or f"The config cannot be composed ({type(error).__name__}).")


def _unreadable(error: yaml.YAMLError) -> InputError:
    """The error for invalid YAML: file, line and problem."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    problem = "YAML must be indented with spaces, but there is a tab" if r"'\t'" in problem else " ".join(problem.split())
    if mark is None:
        return InputError(f"A config cannot be read as YAML: {problem}.")
    file = Path(mark.name)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return InputError(f"{str(shown)!r} cannot be read as YAML: line {mark.line + 1}, column {mark.column + 1}: {problem}.")


def _not_utf8(own: Path | None) -> InputError:
    """The error for a file that is not UTF-8; Python's error does not name the file."""
    for file in sorted(own.rglob("*.yaml")) if own else []:
        try:
            file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            line = file.read_bytes()[: error.start].count(b"\n") + 1
            return InputError(f"{str(file)!r} is not a text file in UTF-8 (line {line}); save it in UTF-8.")
    return InputError("A config is not a text file in UTF-8; save it in UTF-8.")


def _unknown_key(key: str, overrides: list[str]) -> InputError:
    """The error for an unknown key; suggests a key of the same name elsewhere, or the closest sibling."""
    config = _composed(overrides)
    parent, _, leaf = key.rpartition(".")
    if parent == "solver" and config is not None and OmegaConf.select(config, "solver._target_") == AUTO:
        return undecided(leaf)
    node = OmegaConf.select(config, parent) if parent and config is not None else config
    if not OmegaConf.is_dict(node) or not node:
        return _unknown_key(parent, overrides) if parent else InputError(f"There is no config key {key!r}.")
    siblings = {str(name): f"{parent}.{name}" if parent else str(name) for name in node}
    # A common prefix says nothing about similarity.
    near = difflib.get_close_matches(leaf, siblings, n=1, cutoff=0.5)
    meant = next((k for k in _keys(config) if k.rpartition(".")[2] == leaf), siblings[near[0]] if near else None)
    more = f"; +{key}=... adds an argument" if "_target_" in siblings else ""
    hint = f"did you mean {meant!r}?" if meant else f"known: {', '.join(sorted(siblings.values()))}{more}."
    return InputError(f"There is no config key {key!r}; {hint}")


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    """All keys of a config, as dotted paths."""
    for key in node if OmegaConf.is_dict(node) else ():
        yield f"{prefix}{key}"
        if not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key):
            yield from _keys(node[key], f"{prefix}{key}.")


def _composed(overrides: list[str]) -> Any:
    """The config with only the overrides that choose from groups applied; None if that does not compose either."""
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_directory()), version_base="1.3"):
            return compose("train", overrides=[o for o in overrides if _chooses(o)])
    except (HydraException, OmegaConfBaseException):
        return None


def _chooses(override: str) -> bool:
    """Whether an override chooses a config from a group."""
    key, _, value = override.lstrip("+").partition("=")
    return key.split("@")[0] in groups() and not value.startswith("{")
