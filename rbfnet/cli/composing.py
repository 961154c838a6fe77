"""Compose the shipped configs and those of the user with Hydra, without running anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from string import Template
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rbfnet.cli.arguments import config_dir
from rbfnet.cli.sentences import as_input_error
from rbfnet.shipped_configs import choices, config_directory, groups


@contextmanager
def hydra_with(flags: list[str]) -> Iterator[Hydra]:
    """Hydra with the configs of rbfnet and those in ``--config-dir``."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        # An existing instance has already read its directories.
        GlobalHydra.instance().clear()
        path = create_config_search_path(str(config_directory()))
        if (own := config_dir(flags)) is not None:
            path.prepend(provider="command-line", path=f"file://{os.path.abspath(own)}", anchor="schema")
        yield Hydra.create_main_hydra2("rbfnet", path)


def composed(hydra: Hydra, flags: list[str], overrides: Sequence[str], mode: RunMode = RunMode.RUN) -> Any:
    """The whole config, including the part of Hydra.

    Raises:
        InputError: it does not compose.
    """
    try:
        return hydra.compose_config("train", list(overrides), run_mode=mode, from_shell=False)
    except (HydraException, OmegaConfBaseException) as error:
        raise as_input_error(error, list(overrides), config_dir(flags)) from None


def help_page(flags: list[str], overrides: Sequence[str]) -> str:
    """The text of ``rbfnet train --help``: groups and the composed config. (Hydra itself takes half a second to list the groups.)

    Raises:
        InputError: the config does not compose.
    """
    with hydra_with(flags) as hydra:
        config = composed(hydra, flags, overrides)
    template = Template(config.hydra.help.template)
    with open_dict(config):
        del config["hydra"]
    own = config_dir(flags)
    listed = []
    for group in sorted(groups()):
        names = [*choices(group), *(choices(group, own) if own is not None else [])]
        listed.append(f"{group}: {', '.join(sorted(names))}")
    return template.substitute(APP_CONFIG_GROUPS="\n".join(listed), CONFIG=OmegaConf.to_yaml(config))
