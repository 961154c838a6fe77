"""What Hydra says of a config that does not compose, as one sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from rbfnet.cli.configs import choices, config_directory
from rbfnet.errors import InputError, unknown


def as_input_error(error: Exception, overrides: list[str]) -> InputError:
    """The error for the user: what is wrong and the nearest thing that would work."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = str(error.missing_cfg_file).partition("/")
        return unknown(group, name, choices(group)) if name else unknown("config", group, error.options or [])
    if isinstance(error, OverrideParseException):
        return InputError(
            f"{error.override!r} is not an override; write key=value, and quote the value if it has special characters."
        )
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, MissingMandatoryValue):
        key = getattr(cause, "full_key", None) or str(cause).split(":")[-1].strip()
        return InputError(f"{key} must be given, as in {key}=...")
    text = str(error)
    named = re.search(r"Could not (?:override|delete|append to config\. An item is already at|find)\s*'([^']+)'", text)
    if named and (isinstance(cause, OmegaConfBaseException) or "No match in the defaults list" in text):
        return _unknown_key(named[1].split("@")[0], overrides)
    return InputError(" ".join(text.split()))


def _unknown_key(key: str, overrides: list[str]) -> InputError:
    parent = key.rpartition(".")[0]
    siblings = _keys_at(parent, overrides)
    if not siblings:
        return InputError(f"There is no config key {key!r}.")
    return unknown("config key", key, [f"{parent}.{sibling}" if parent else sibling for sibling in siblings])


def _keys_at(parent: str, overrides: list[str]) -> list[str]:
    """The keys that stand at ``parent`` once the overrides that choose from a group are applied."""
    groups = [path.name for path in config_directory().iterdir() if path.is_dir()]
    chosen = [o for o in overrides if o.partition("=")[0] in groups]
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(config_directory()), version_base="1.3"):
            config = compose("train", overrides=chosen)
    except (HydraException, OmegaConfBaseException):
        return []
    node = OmegaConf.select(config, parent) if parent else config
    return [str(k) for k in node] if isinstance(node, Mapping) or OmegaConf.is_dict(node) else []
