"""The tables of docs/migration.md: rbfnet's column runs, and so do the other libraries' examples where they are installed."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping

import rbfnet
from rbfnet import domains, kernels, problems, solvers
from rbfnet.catalogue import catalogue
from rbfnet.operators import Operator

PAGE = (Path(__file__).parent.parent / "docs" / "migration.md").read_text()

RIGHT = [
    code
    for row in re.findall(r"^\| (.*) \|$", PAGE, flags=re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", row.split(" | ")[-1])
]
EXPRESSIONS = [code for code in RIGHT if not re.match(r"\w+=[^=]", code)]
OPTIONS = [code for code in RIGHT if code not in EXPRESSIONS]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the rows take as given."""
    x = torch.rand(20, 2, dtype=torch.float64)
    problem, net = problems.Poisson(), rbfnet.RBFNetwork(2, 1, 9, dtype=torch.float64)
    solution = rbfnet.solve(problem, num_centers=100)
    exported = {name: getattr(module, name) for module in (kernels, problems, domains) for name in module.__all__}
    return {
        **exported,
        **{
            "rbfnet": rbfnet,
            "RBFNetwork": rbfnet.RBFNetwork,
            "RBFRegressor": rbfnet.RBFRegressor,
            "Operator": Operator,
            "EarlyStopping": EarlyStopping,
        },
        **{"problem": problem, "net": net, "solution": solution, "u": solution.field(x), "operator": Operator.d(0)},
        **{"x": x, "y": x[:, 0], "points": x, "values": x[:, 0], "s": 0.1, "e": 1.0, "stop": EarlyStopping("loss")},
        **{"f": lambda u: u.laplacian(), "func": lambda x, y: x * y, "space": domains.Interval(x=(0, 1))},
        **{"k1": kernels.Gaussian(), "k2": kernels.Matern(), "l": 1.0, "a": 0.1, "g": 1.0},
        **{name: getattr(problem, name) for name in ("domain", "outputs", "conditions")},
    }


@pytest.mark.parametrize("code", EXPRESSIONS)
def test_rbfnets_side_of_a_row_runs(code: str, names: dict[str, Any]) -> None:
    eval(code, names)


@pytest.mark.parametrize("code", OPTIONS)
def test_the_options_of_a_row_exist(code: str, names: dict[str, Any]) -> None:
    takers = (
        rbfnet.solve,
        rbfnet.fit,
        rbfnet.RBFNetwork,
        rbfnet.RBFLayer,
        problems.Poisson,
        problems.DataProblem,
        solvers.GaussNewton,
    )
    given = eval(f"dict({code})", names)
    assert set(given) <= {name for taker in takers for name in inspect.signature(taker).parameters}
    assert given.get("kernel", "gaussian") in catalogue("kernels", "Kernel")
    assert given.get("solver", "auto") in catalogue("solvers", "Solver")


def test_the_tables_are_read() -> None:
    assert len(EXPRESSIONS) > 40 and len(OPTIONS) > 15


@pytest.mark.slow
@pytest.mark.parametrize("code", re.findall(r"^```py\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE))
def test_the_example_of_another_library_runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With few steps; skipped where that library is not installed."""
    library = re.findall(r"import (\w+)", code)[0]
    monkeypatch.setenv("DDE_BACKEND", "pytorch")
    pytest.importorskip(library)
    exec(re.sub(r"iterations=\d+", "iterations=3", code), {})
