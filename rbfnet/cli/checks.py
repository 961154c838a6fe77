"""Checks of a composed config that need neither PyTorch nor Lightning.

They report a mistake within a second; everything is checked again, more thoroughly, when the run is built. The valid keys are
read from the shipped configs, each of which lists exactly the arguments of its class.
"""

from __future__ import annotations

import ast
import importlib.util
import math
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import rbfnet
from rbfnet.cli.undecided import AUTO, undecided
from rbfnet.config import no_module, require_config, require_nu, several
from rbfnet.errors import InputError, unknown
from rbfnet.memory import require_memory
from rbfnet.shipped_configs import choices, config_directory
from rbfnet.tables import FILES, Column, Form, require_columns, require_file

TABLE, MATERN = "rbfnet.problems.Table", "rbfnet.kernels.Matern"

COUNTS = {"num_interior", "num_boundary", "num_centers", "points", "candidates", "pool"}
"""Keys whose values are numbers of points or centres."""


def check(config: Mapping[str, Any], *, fresh: bool = True) -> None:
    """Check a resolved config, as :func:`rbfnet.training.build` would.

    Raises:
        InputError: an unknown key, an unknown name, a missing file, or a file without a required column.
    """
    require_config(config, fresh=fresh)
    for key in config["trainer"]:
        if key not in (known := _keys("trainer")):
            raise unknown("option of the trainer called", key, known)
    local = config["network"].get("network") == "local"
    for key in config["network"]:
        if key not in (known := _keys("network", "local" if local else "default")):
            raise unknown(f"argument of {'network=local' if local else 'the network'} called", key, known)
    _check_room("network.", config["network"])
    for group in ("problem", "kernel", "solver"):
        if not isinstance(config[group].get("_target_"), str):
            raise InputError(f"{group} needs a _target_, the dotted path of a class, but is {dict(config[group])!r}.")
    roots = [config["problem"], config["kernel"], config["solver"]]
    roots += [*several("callbacks", config).values(), *several("logger", config).values()]
    for node in (found for root in roots for found in _nodes(root)):
        _check_target(str(node["_target_"]))
        _check_arguments(node)
        _check_room("", node)
    if config.get("logger") and not any(importlib.util.find_spec(name) for name in ("tensorboard", "tensorboardX")):
        for node in several("logger", config).values():
            if str(node["_target_"]).endswith("TensorBoardLogger"):
                raise InputError("logger=tensorboard needs a package that is not installed: pip install 'rbfnet[tensorboard]'.")
    _check_names("kernel", config["kernel"].get("kernels"))
    _check_names("solver", config["solver"].get("stages"))
    _check_files(config["problem"])


def targets(config: Mapping[str, Any]) -> list[str]:
    """The modules of all classes named in a composed config, typed by the user or shipped with rbfnet."""
    return [str(node["_target_"]).rpartition(".")[0] for node in _nodes(config)]


def _nodes(part: Any) -> Iterator[Mapping[str, Any]]:
    """All nodes with a ``_target_``, outer nodes first."""
    if isinstance(part, Mapping) and "_target_" in part:
        yield part
    for inner in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else []:
        yield from _nodes(inner)


def _check_target(target: str) -> None:
    module, _, name = target.rpartition(".")
    # find_spec on a submodule would import its parent package, so only the top-level package is looked up.
    top = module.partition(".")[0]
    if not top or (top not in sys.modules and importlib.util.find_spec(top) is None):
        raise no_module(module, target)
    if top != "rbfnet":
        return
    file = Path(rbfnet.__file__).parent.joinpath(*module.split(".")[1:], "__init__.py")
    if file.is_file() and (exported := _exported(file)) and name not in exported:
        raise unknown(f"class in {module!r} called", name, [e for e in exported if e[0].isupper()])


@cache
def _exported(file: Path) -> list[str]:
    """``__all__`` of a package, read without importing it."""
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(statement.value))
    return []


def _check_arguments(node: Mapping[str, Any]) -> None:
    known = _arguments(node["_target_"])
    if known is None:
        return
    for key in node.keys() - {"_target_"}:
        if key not in known:
            if node["_target_"] == AUTO:
                raise undecided(key)
            raise unknown(f"argument of {node['_target_']} called", key, known)


@cache
def _arguments(target: str) -> set[str] | None:
    """The arguments of an rbfnet class that has a config; None for any other class."""
    for group in ("kernel", "problem", "solver", "callbacks"):
        for file in choices(group).values():
            # Parsing is slow, so skip files that do not mention the class.
            if f"_target_: {target}\n" in (text := file.read_text(encoding="utf-8")):
                loaded = yaml.safe_load(text)
                node = loaded if "_target_" in loaded else loaded[group]
                if node.get("_target_") == target:
                    return set(node) - {"_target_", "defaults"}
    return None


@cache
def _keys(group: str, choice: str = "default") -> set[str]:
    """The keys in a config of a group."""
    return set(yaml.safe_load((config_directory() / group / f"{choice}.yaml").read_text(encoding="utf-8")))


def _check_room(prefix: str, node: Mapping[str, Any]) -> None:
    """Check the numbers of points and centres, the degree and nu, before anything is allocated."""
    if node.get("_target_") == MATERN:
        require_nu(node.get("nu"))
    degree, centers = node.get("degree"), node.get("num_centers")
    if prefix and isinstance(degree, int) and isinstance(centers, int) and degree >= max(1, centers):
        fits = [next(d for d in range(centers + 1) if math.comb(dims + d + 1, dims) > centers) for dims in (1, 2, 3)]
        raise InputError(
            f"network.degree={degree} has more terms than there are centres, {centers}; use at most {fits[0]} in one dimension, "
            f"{fits[1]} in two, {fits[2]} in three."
        )
    for key in node.keys() & COUNTS:
        if isinstance(count := node[key], int):
            require_memory(f"{prefix}{key}", count)


def _check_names(group: str, given: Any) -> None:
    """Check the names in a list of kernels or stages."""
    for name in given if isinstance(given, list) else []:
        if isinstance(name, str) and name not in choices(group):
            raise unknown(group, name, choices(group))


def _check_files(problem: Mapping[str, Any]) -> None:
    """Check the files that the shipped problems and geometries read."""
    for node in _nodes(problem):
        if node["_target_"] == TABLE:
            names = [name for key in ("inputs", "outputs") for name in _listed(node.get(key))]
            require_columns(node.get("path"), names, Form(node.get("decimal", "."), node.get("units_row", False)))
        elif str(node["_target_"]).startswith("rbfnet."):
            for text in [node.get("path"), *_texts(node)]:
                if isinstance(text, str) and (text == node.get("path") or text.lower().endswith(FILES)):
                    require_file(text)


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    for inner in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else []:
        yield from _texts(inner)


def _listed(given: Any) -> list[Column]:
    """Columns by name or position; anything else is rejected when the table is built."""
    names = given if isinstance(given, list) else [given]
    return [name for name in names if isinstance(name, (str, int)) and not isinstance(name, bool)]
