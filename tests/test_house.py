"""The tree keeps its shape: rooms, configs, and the code checks."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from rbfnet.catalogue import catalogue

ROOT = Path(__file__).parent.parent
ROOMS = [
    "errors",
    "grammar",
    "arguments",
    "given",
    "initialised",
    "catalogue",
    "config",
    "tables",
    "progress",
    "operators",
    "kernels",
    "nn",
    "domains",
    "problems",
    "solvers",
    "plots",
    "training",
]
ROOMS += ["cli"]
"""From the ground up: a room imports only rooms before it. ``testing`` may look at what users may look at."""


def imports(file: Path) -> set[str]:
    """The rooms a file imports when it is imported; what it imports for the type checker alone does not count."""
    found = set()
    tree = ast.parse(file.read_text())
    for_types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"]
    skipped = {id(inner) for block in for_types for inner in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rbfnet.") and id(node) not in skipped:
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    place = ROOT / "rbfnet" / room
    files = list(place.glob("**/*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    allowed = {*ROOMS[: ROOMS.index(room) + 1]}
    for file in files:
        assert imports(file) <= allowed, file


def test_every_room_is_listed_here() -> None:
    package = ROOT / "rbfnet"
    rooms = {p.stem for p in package.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert rooms == {*ROOMS, "__init__", "testing"}


def test_files_are_short_enough_to_hold_one_idea() -> None:
    for file in (ROOT / "rbfnet").glob("**/*.py"):
        assert len(file.read_text().splitlines()) <= 300, file


def target(node: Any) -> type:
    module, _, name = node["_target_"].rpartition(".")
    return getattr(importlib.import_module(module), name)


SHIPPED = [(group, base) for group, base in (("kernel", "Kernel"), ("problem", "Problem"), ("solver", "Solver"))]


EXAMPLES = {"equations"}
"""Classes whose YAML is an example that runs: it has values for the arguments without a default, too."""


@pytest.mark.parametrize(("group", "base"), SHIPPED)
def test_every_exported_class_has_its_yaml_with_its_arguments_and_defaults(group: str, base: str) -> None:
    """A YAML and a constructor cannot drift apart."""
    classes = catalogue(f"{group}s", base)
    # Arrays cannot be given on a command line: rbfnet.fit is the way to a DataProblem.
    classes.pop("data_problem", None)
    files = {f.stem: f for f in (ROOT / "configs" / group).glob("*.yaml") if f.stem != "custom"}
    assert set(files) == set(classes)
    for name, cls in classes.items():
        loaded: Any = OmegaConf.to_container(OmegaConf.load(files[name]))
        node = loaded if "_target_" in loaded else loaded[group]
        assert target(node) is cls
        parameters = inspect.signature(cls).parameters
        given = {key: value for key, value in node.items() if key not in ("_target_", "defaults")}
        assert set(given) == set(parameters), name
        for key, value in given.items():
            default = parameters[key].default
            if default is inspect.Parameter.empty and name in EXAMPLES:
                continue
            default = list(default) if isinstance(default, tuple) else default
            assert value == ("???" if default is inspect.Parameter.empty else default), (name, key)


def test_the_network_yaml_has_the_arguments_of_the_network() -> None:
    from rbfnet.nn import RBFLayer, RBFNetwork

    node: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "configs/network/default.yaml"))
    parameters = {**inspect.signature(RBFLayer).parameters, **inspect.signature(RBFNetwork).parameters}
    # What the problem, the solver and the run decide.
    for decided in ("in_features", "out_features", "kernel", "points", "overlap", "dtype", "device", "layer"):
        parameters.pop(decided)
    assert set(node) == set(parameters)
    for key, value in node.items():
        if key != "num_centers":
            assert value == parameters[key].default, key


def test_importing_rbfnet_imports_nothing_heavy() -> None:
    code = "import rbfnet, rbfnet.cli.main, sys; print([m for m in ('torch', 'lightning', 'hydra', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_lazy_names_are_all_there() -> None:
    import rbfnet

    for name in rbfnet.__all__:
        assert getattr(rbfnet, name) is not None
    assert set(rbfnet.__all__) <= set(dir(rbfnet))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = rbfnet.nonsense


@pytest.mark.parametrize(
    "check", [["ruff", "check"], ["ruff", "format", "--check"], pytest.param(["mypy"], marks=pytest.mark.slow)], ids=" ".join
)
def test_the_code_passes(check: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
