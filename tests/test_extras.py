"""Optional libraries: one sentence where one is missing, and nothing needs them without being asked to."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import rbfnet
from rbfnet.domains import Mesh, Polygon
from rbfnet.errors import InputError
from rbfnet.extras import DISTRIBUTIONS, require
from rbfnet.interactive import explore, slide, view
from rbfnet.nn import RBFNetwork

ROOT = Path(__file__).parent.parent


def flat() -> rbfnet.Solution:
    """A plane over two coordinates."""
    return rbfnet.fit([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.0, 1.0, 1.0])


MISSING: list[tuple[str, str, str, Callable[[Path], Any]]] = [
    ("shapely", "shapely", "geometry", lambda file: Polygon([(0, 0), (1, 0), (0, 1)])),
    ("meshio", "meshio", "geometry", Mesh),
    ("ipywidgets", "ipywidgets", "interactive", lambda file: explore([0.0, 1.0], [0.0, 1.0])),
    ("ipywidgets", "ipywidgets", "interactive", lambda file: slide(flat())),
    ("pyvista", "pyvista", "interactive", lambda file: view(flat())),
    ("sklearn", "scikit-learn", "cluster", lambda file: RBFNetwork(2, 1, 3, centers="kmeans", points=torch.rand(9, 2))),
]


@pytest.mark.parametrize(("module", "library", "extra", "use"), MISSING, ids=[f"{row[0]}{n}" for n, row in enumerate(MISSING)])
def test_a_missing_library_is_named_with_what_installs_it(
    module: str, library: str, extra: str, use: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "any.msh"
    file.touch()
    # None makes Python say that there is no such module.
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"needs {library}, which is not installed; run `pip install 'rbfnet\[{extra}\]'`\.$"):
        use(file)


def test_a_library_that_fails_while_it_is_imported_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_library.py").write_text("import a_part_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="a_part_that_is_not_there"):
        require("broken_library", "geometry", "Mesh")


def calls_of_require() -> list[list[str]]:
    files = (ROOT / "rbfnet").glob("**/*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text())))
    calls = [n for n in nodes if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "require"]
    return [[ast.literal_eval(argument) for argument in call.args] for call in calls]


def test_each_extra_that_is_named_installs_the_library() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {module for module, *_ in MISSING} <= {module for module, *_ in calls_of_require()}
    for module, extra, _ in calls_of_require():
        library = DISTRIBUTIONS.get(module, module.partition(".")[0])
        assert any(line.startswith(f"{library}>=") for line in extras[extra])
    # The tests of widgets are skipped without it.
    assert any(line.startswith("ipywidgets>=") for line in extras["test"])


@pytest.mark.slow
def test_the_first_run_needs_none_of_them(tmp_path: Path) -> None:
    """Where they are not there at all, a problem is solved, data are fitted, and the run is written and loaded."""
    code = """
import sys
for name in ("shapely", "meshio", "sklearn", "ipywidgets", "pyvista"):
    sys.modules[name] = None
from rbfnet.cli.main import dispatch
assert dispatch(["train", "network.num_centers=100", "run_dir=run"]) == 0
import numpy, rbfnet
rbfnet.load("run")
x = numpy.linspace(0, 1, 20)
rbfnet.fit(x, x**2).plot()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
