"""Every example in a docstring runs, and does what it says. Those of README and docs are in tests/test_pages.py."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import io
import math
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import rbfnet
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Problem
from rbfnet.training.runs._construct import construct

ROOMS = (
    "domains",
    "estimators",
    "interactive",
    "kernels",
    "nn",
    "operators",
    "plots",
    "problems",
    "solvers",
    "testing",
    "training",
)


def names() -> dict[str, Any]:
    """What an example may use without saying so: everything public, and what its sentence speaks of."""
    found: dict[str, Any] = {"rbfnet": rbfnet, "torch": torch, "math": math, "np": np, "pi": torch.pi, "sin": torch.sin}
    for room in ROOMS:
        module = importlib.import_module(f"rbfnet.{room}")
        found |= {name: getattr(module, name) for name in module.__all__}
    return found | {name: getattr(rbfnet, name) for name in rbfnet.__all__}


SETUP: dict[str, str] = {
    "nn._evaluate.evaluate": "model, x = RBFNetwork(2, 1, 9), torch.rand(5, 2)",
    "nn._export.export": "model, x = RBFNetwork(2, 1, 9), torch.rand(5, 2)",
    "nn.wrappers._ansatz.Ansatz": "",
    "nn.wrappers._coordinate_map.CoordinateMap": "",
    "nn.wrappers._periodic.Periodic": "from rbfnet.nn import Periodic",
    "training._solve.fit": "x = torch.rand(600, 2); y = x.sum(dim=1); new_points = torch.rand(3, 2).double()",
    "operators._field.Field": (
        "nu, v = 0.1, RBFNetwork(3, 3, 9); v.weight.data.normal_()\n"
        "f = Field(v, torch.rand(5, 3), ('x', 'y', 't'), ('u', 'v', 'p'))"
    ),
    "testing": "class Bump(Kernel):\n    smoothness = math.inf\n    def phi(self, s):\n        return 1 / (1 + s)",
    "domains._domain.Domain": "a, b = Disc((0, 0), 1), Disc((1, 1), 1)",
    "domains._difference.Difference": "a, b, c = Rectangle(x=(0, 9), y=(0, 9)), Disc((1, 1), 1), Disc((4, 4), 1)",
    "domains._intersection.Intersection": "a, b = Disc((0, 0), 1), Disc((1, 1), 1)",
    "domains._union.Union": "a, b = Disc((0, 0), 1), Disc((1, 1), 1)",
}
"""By docstring: what stands before its example."""


def documented() -> Iterator[tuple[str, str]]:
    """Name and docstring of everything that users see: modules, classes, functions and methods without an underscore."""
    for info in pkgutil.walk_packages(rbfnet.__path__, "rbfnet."):
        module = importlib.import_module(info.name)
        short = info.name.removeprefix("rbfnet.")
        if module.__doc__:
            yield short, module.__doc__
        for name, thing in vars(module).items():
            if name.startswith("_") or getattr(thing, "__module__", None) != info.name or not callable(thing):
                continue
            if thing.__doc__:
                yield f"{short}.{name}", thing.__doc__
            for member, part in vars(thing).items() if inspect.isclass(thing) else ():
                if (
                    not member.startswith("_")
                    and getattr(part, "__doc__", None)
                    and (callable(part) or isinstance(part, property))
                ):
                    yield f"{short}.{name}.{member}", str(part.__doc__)


def blocks(text: str) -> list[str]:
    """What is indented after a line that ends in two colons."""
    lines, found = inspect.cleandoc(text).splitlines(), []
    for at, line in enumerate(lines):
        if line.endswith("::"):
            inside = takewhile(lambda inner: not inner.strip() or depth(inner) > depth(line), lines[at + 1 :])  # noqa: B023
            found.append(textwrap.dedent("\n".join(inside)))
    return found


def depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def inline(text: str) -> list[str]:
    """What is marked as code after ``Example:``, and objects that are made anywhere: ``Box(x=(0, 1))``."""
    flat = " ".join(inspect.cleandoc(text).split())
    after = [
        code for part in re.findall(r"Example: (?!.*::)(.*?)(?:Args:|Raises:|$)", flat) for code in re.findall(r"``(.+?)``", part)
    ]
    made = [code for code in re.findall(r"``([A-Z]\w*\(.+?\)|[a-c] [-|&] [a-c](?: - c)?)``", flat) if "..." not in code]
    return [code for code in dict.fromkeys([*after, *made]) if expression(code)]


def expression(code: str) -> bool:
    try:
        tree = ast.parse(code, mode="eval").body
    except SyntaxError:
        return False
    return isinstance(tree, (ast.Call, ast.BinOp, ast.Subscript))


ELSEWHERE = ("RBFInterpolator", "RBFKernel", "RQKernel", "MaternKernel", "Matern(nu=nu)", "PiecewisePolynomialKernel", "Ridge")
"""Equivalents in other libraries."""

BLOCKS = [(name, block) for name, text in documented() for block in blocks(text)]
INLINE = [(name, code) for name, text in documented() for code in inline(text) if not code.startswith(ELSEWHERE)]


def setup(name: str) -> dict[str, Any]:
    space = names()
    exec(SETUP.get(name, ""), space)
    return space


def test_there_are_examples() -> None:
    """So that what finds them is not out of order."""
    found = {name for name, _ in BLOCKS}
    assert {
        "kernels._kernel.Kernel", "nn._evaluate.evaluate", "nn._export.export", "nn.wrappers._ansatz.Ansatz",
        "nn.wrappers._periodic.Periodic", "operators._field.Field", "problems._equations.Equations", "problems._problem.Problem",
        "testing",
    } <= found  # fmt: skip
    assert {"training._solve.solve", "operators._operator.Operator"} <= {name for name, _ in INLINE}
    assert len(INLINE) >= 15


SLOW = {"testing"}


@pytest.mark.parametrize(
    ("name", "block"), [pytest.param(*b, id=b[0], marks=[pytest.mark.slow] * (b[0] in SLOW)) for b in BLOCKS]
)
def test_a_block_in_a_docstring_runs(name: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "problems._equations.Equations":
        return solves_burgers(block)
    space = setup(name)
    exec(block, space)
    assert not name.startswith("testing") or space["test_bump"]() is None
    if name == "problems._problem.Problem":
        errors = rbfnet.solve(space["Poisson"], num_centers=200).errors
        assert errors is not None and errors["rel_l2"] < 1e-6
    if name == "kernels._kernel.Kernel":
        assert RBFNetwork(2, 1, 9, kernel=space["Bump"]).kernel.phi(torch.ones(())) == 0.5
    if name == "nn.wrappers._periodic.Periodic":
        at = space["model"](torch.tensor([[-1.0, 0.3], [1.0, 0.3]]))
        assert torch.allclose(at[0], at[1], atol=1e-6) and space["model"].centers.shape == (200, 2)


def solves_burgers(block: str) -> None:
    """The equation by the transform of Cole and Hopf: u = -2 nu v_x / v with the heat equation for v, here by quadrature."""
    problem = construct({"_target_": "rbfnet.problems.Equations", **yaml.safe_load(block)}, Problem, "problems", ())
    model = rbfnet.solve(problem, num_centers=120, solver="gauss_newton").model
    x, nu, t = np.linspace(-1, 1, 41), 1 / (2 * np.pi), 0.5
    nodes, weights = np.polynomial.hermite.hermgauss(60)
    y = x[:, None] - np.sqrt(4 * nu * t) * nodes
    v = np.exp(-(np.cos(np.pi * y)) / (2 * np.pi * nu)) * weights
    exact = -(np.sin(np.pi * y) * v).sum(axis=1) / v.sum(axis=1)
    with torch.no_grad():
        found = model(torch.tensor(np.stack([x, np.full_like(x, t)], axis=1)))[:, 0].numpy()
    assert np.abs(found - exact).max() < 1e-3


@pytest.mark.parametrize(("name", "code"), INLINE, ids=[f"{name}: {code}" for name, code in INLINE])
def test_code_in_a_docstring_runs(name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert eval(code, setup(name)) is not None


SESSIONS = [(name, text) for name, text in documented() if ">>>" in text]
LONG = {"problems.unknowns._unknown.Unknown", "testing._check_kernel.check_kernel", "training.callbacks._grow.Grow"}
"""Those that take more than a second."""


NEEDED = {
    "interactive._explore.explore": "ipywidgets",
    "interactive._slide.slide": "ipywidgets",
    "interactive._view.view": "pyvista",
}
"""Optional libraries of examples. The extra ``test`` has the first."""


@pytest.mark.parametrize(
    ("name", "text"), [pytest.param(*s, id=s[0], marks=[pytest.mark.slow] * (s[0] in LONG)) for s in SESSIONS]
)
def test_a_session_in_a_docstring_gives_what_it_shows(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a reader would type it: nothing is imported but what it imports itself."""
    if name in NEEDED:
        pytest.importorskip(NEEDED[name], reason="an optional library is not installed")
        monkeypatch.setenv("PYVISTA_OFF_SCREEN", "true")
    monkeypatch.chdir(tmp_path)
    session = doctest.DocTestParser().get_doctest(inspect.cleandoc(text), {"__name__": "__main__"}, name, None, None)
    said = io.StringIO()
    found = doctest.DocTestRunner(verbose=False).run(session, out=said.write)
    assert found.attempted and not found.failed, said.getvalue()


WITHOUT = {
    # Met inside of a run: for those who write callbacks, and shown where these are.
    "Fitness", "TrainingModule", "Run", "Stop", "build", "resume", "train",
    # Raised by a run.
    "Diverged", "Interrupted", "ProcessLost", "Terminated",
    # What another function returns.
    "Exported",
}  # fmt: skip
"""Public names without an example of their own."""


def exported() -> Iterator[tuple[str, Any]]:
    """Public classes and functions."""
    for room in ("", "sampling", *ROOMS):
        module = importlib.import_module(f"rbfnet.{room}".rstrip("."))
        for name in module.__all__:
            thing = getattr(module, name)
            home = getattr(thing, "__module__", None) or ""
            if home.startswith("rbfnet.") and (inspect.isclass(thing) or inspect.isfunction(thing)):
                yield name, thing


@pytest.mark.parametrize(("name", "thing"), [pytest.param(*pair, id=pair[0]) for pair in dict(exported()).items()])
def test_what_is_exported_has_an_example(name: str, thing: Any) -> None:
    text = inspect.cleandoc(thing.__doc__)
    assert bool(">>>" in text or blocks(text) or inline(text)) != (name in WITHOUT)
