"""The tree keeps its shape: rooms, configs, and the code checks."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from rbfnet.catalogue import catalogue

ROOT = Path(__file__).parent.parent
ROOMS = [
    "errors",
    "extras",
    "memory",
    "seeding",
    "archives",
    "arrays",
    "grammar",
    "annotations",
    "given",
    "initialised",
    "catalogue",
    "config",
    "tables",
    "progress",
    "shipped_configs",
    "run_table",
    "sampling",
    "operators",
    "kernels",
    "nn",
    "domains",
    "problems",
    "solvers",
    "plots",
    "training",
]
ROOMS += ["estimators", "interactive", "cli"]
"""From the ground up: a room imports only rooms before it. ``testing`` may look at what users may look at."""


SOLVERS = [
    "algebra",
    "assembly",
    "sparse",
    "balance",
    "_solver",
    "validation",
    "scattered",
    "selection",
    "newton",
    "time",
    "sparse_time",
]
SOLVERS += ["eigen"]
"""Inside of ``solvers``, likewise; the front row, one file a solver, is above all of them."""

PROBLEMS = ["text", "conditions", "unknowns", "_problem"]
"""Inside of ``problems``, likewise."""

BASENAMES = {"__init__"}
"""Names that files in several places may have. References of problems (``zoo/references``) are named after their problem."""

OVERLOADING = ("rbfnet.kernels", "rbfnet.domains")
"""Where a base class makes instances of subclasses, by +, *, - and the like, files may import each other."""

LIGHTNING = {"rbfnet.training.stopping._launcher", "rbfnet.training.stopping._signals"}
"""The room of stopping: signals and further processes."""

FILES = {
    ".".join(f.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): f for f in (ROOT / "rbfnet").glob("**/*.py")
}
"""The file of each module."""


@cache
def imports(module: str) -> frozenset[str]:
    """The modules that a module imports; what it imports for the type checker alone does not count."""
    tree = ast.parse(FILES[module].read_text())
    for_types = [n for n in ast.walk(tree) if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"]
    skipped = {id(inner) for block in for_types for inner in ast.walk(block)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "rbfnet" and id(node) not in skipped:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in FILES else node.module for name in names}
    return frozenset(found)


def within(package: str) -> list[str]:
    """The modules of a package, or the one module of that name."""
    return [module for module in FILES if module == package or module.startswith(package + ".")]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    modules = within(f"rbfnet.{room}")
    assert modules
    allowed = {*ROOMS[: ROOMS.index(room) + 1], "__version__"}
    for module in modules:
        assert {name.split(".")[1] for name in imports(module) if "." in name} <= allowed, module


@pytest.mark.parametrize(("package", "order"), [("solvers", SOLVERS), ("problems", PROBLEMS)])
def test_the_rooms_inside_of_a_room_are_in_order(package: str, order: list[str]) -> None:
    for n, inner in enumerate(order):
        for module in within(f"rbfnet.{package}.{inner}"):
            used = {name.split(".")[2] for name in imports(module) if name.startswith(f"rbfnet.{package}.")}
            assert used <= {*order[: n + 1]}, module


def test_no_file_imports_itself_in_the_end() -> None:
    """No circles, but where operators of a base class make instances of its subclasses."""
    graph = {
        module: [name for name in imports(module) if name in FILES and not module.startswith(OVERLOADING)] for module in FILES
    }
    order = TopologicalSorter({module: set(names) - {module} for module, names in graph.items()})
    order.prepare()


def test_private_names_stay_in_their_package() -> None:
    """A module ``_x`` may be imported from its own package and from those inside of it; the rest is exported."""
    for module, file in FILES.items():
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for name in imports(module):
            home, _, last = name.rpartition(".")
            if last.startswith("_") and not last.startswith("__"):
                assert package == home or package.startswith(home + "."), f"{module} imports {name}"


def test_a_basename_occurs_once() -> None:
    named: dict[str, list[Path]] = {}
    for file in FILES.values():
        if file.parent.name != "references" and file.stem not in BASENAMES:
            named.setdefault(file.stem, []).append(file)
    assert {name: files for name, files in named.items() if len(files) > 1} == {}


def test_models_meet_conditions_in_one_place() -> None:
    """One loop over conditions and equations; a condition that wraps another hands its fields on."""
    asks = {
        module
        for module, file in FILES.items()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "equations" and node.args
    }
    assert asks == {"rbfnet.problems._objective", "rbfnet.solvers.newton._time_slab"}


def test_what_libraries_keep_private_is_touched_in_one_place_each() -> None:
    private = {
        "torch": {"rbfnet.nn.blocks._functorch"},
        "lightning": LIGHTNING,
    }
    for library, places in private.items():
        touching = set()
        for module, file in FILES.items():
            for node in ast.walk(ast.parse(file.read_text())):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if any(n.split(".")[0] == library and any(part.startswith("_") for part in n.split(".")) for n in names):
                    touching.add(module)
                if library == "lightning" and isinstance(node, ast.Attribute) and node.attr in ("_signal_connector", "_launcher"):
                    touching.add(module)
        assert touching == places, library


def test_every_room_is_listed_here() -> None:
    package = ROOT / "rbfnet"
    rooms = {p.stem for p in package.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert rooms == {*ROOMS, "__init__", "testing"}


def test_files_and_functions_are_short_enough_to_hold_one_idea() -> None:
    for file in FILES.values():
        text = file.read_text()
        assert len(text.splitlines()) <= 300, file
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{file}: {node.name}"


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
    if group == "kernel":
        del files["auto"]  # chooses one of the others
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
    # The wrapper around the network.
    assert node.pop("vector") is None
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
