"""Every code block and command of README and docs runs, and every sentence that a run prints is in the glossary."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
import yaml

import rbfnet
from rbfnet.domains import Interval
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Condition, Dirichlet, Interior, Problem, Unknown
from rbfnet.solvers import Evolve
from rbfnet.training.runs._construct import construct

ROOT = Path(__file__).parent.parent
PAGES = {str(path.relative_to(ROOT)): path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]}


def marked(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], flags=re.DOTALL | re.MULTILINE)


SLOW = {"docs/howto/time.md", "docs/howto/derivatives.md"}
PYTHON = [page for page in PAGES if marked(page, "python") and page != "docs/design.md"]


@pytest.mark.parametrize("page", [pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW)) for page in PYTHON])
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block after block in one namespace, as a reader would."""
    monkeypatch.chdir(tmp_path)
    if page == "docs/howto/interactive.md":
        pytest.importorskip("ipywidgets")
    space: dict[str, Any] = {}
    with matplotlib.rc_context():
        for block in marked(page, "python"):
            exec(block, space)
    if page in ("README.md", "docs/howto/derivatives.md"):
        assert space["solution"].errors["rel_l2"] < 1e-6
    if page == "docs/python.md":
        assert RBFNetwork(2, 1, 9, kernel=space["Mine"]).kernel.phi(torch.ones(())) == 0.5
        assert space["solution"].errors["rmse"] < 0.1 and space["slope"].shape == (5,)
    if page == "docs/howto/conditions.md":
        assert space["solution"].predict([[0.0, 0.5], [1.0, 0.5]]) == pytest.approx([1, 0.5], abs=1e-6)
    if page == "docs/howto/time.md":
        assert space["solution"].errors["rel_l2"] < 1e-5
    if page == "docs/howto/unknowns.md":
        rate = space["solution"].summary["unknowns"]["rate"]
        assert abs(rate["value"] - 3) < 4 * rate["standard_error"] < 0.3
    if page == "docs/howto/interactive.md":
        assert space["solution"].names.coords[-1] == "t"
        assert space["code"] == "rbfnet.fit(x, y, kernel='gaussian', epsilon=2.0, smoothing=0.0)"
    if page == "docs/howto/trust.md":
        assert space["rod"].verdict == "not solved" and "determined only up to a constant" in str(space["caught"][-1].message)


def test_the_python_of_the_design_can_be_read() -> None:
    """Signatures."""
    assert [ast.parse(block) for block in marked("docs/design.md", "python")]


YAML = {
    re.findall(r"`mine/problem/(\w+)\.yaml`", before)[-1]: after.split("```")[0]
    for text in PAGES.values()
    for before, after in itertools.pairwise(text.split("```yaml\n"))
}
"""Problems, by the name that the sentence before them gives."""


@pytest.mark.parametrize("name", list(YAML))
def test_the_yaml_of_a_page_runs(name: str, command: Any, tmp_path: Path) -> None:
    file = tmp_path / f"mine/problem/{name}.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(YAML[name])
    arguments = ["network.num_centers=100", "figures=false", "run_dir=run"]
    code, out, err = command("train", "--config-dir", "mine", f"problem={name}", *arguments)
    assert code == 0, err
    assert float(re.findall(r"(?m)^u +(\S+)", out)[0]) < 1e-6


def test_the_error_message_of_a_page_is_what_is_printed() -> None:
    with pytest.raises(rbfnet.InputError) as caught:
        construct({**yaml.safe_load(YAML["rod"]), "equations": "u_t = nu*u_xy"}, Problem, "problems")
    assert f"rbfnet: {caught.value}\n" in PAGES["docs/python.md"]


SHELL = "".join(
    block for text in PAGES.values() for block in re.findall(r"^```\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
)
COMMANDS = list(dict.fromkeys(re.findall(r"^rbfnet .+$", SHELL, flags=re.MULTILINE)))


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_pages_compose(line: str, command: Any, tmp_path: Path) -> None:
    """The config they would run is made; none of them is misspelt."""
    _, name, *arguments = shlex.split(line, comments=True)
    if name == "list":
        assert command(name)[0] == 0
    elif name == "resume":
        code, _, err = command(name, *arguments)
        assert code == 2 and "There is no run to resume in 'runs/mine'" in err
    elif name == "runs":
        assert command(name, *arguments)[2].startswith("rbfnet: There is no directory 'runs/")
    elif name in ("evaluate", "predict", "plot", "export"):
        # Their options are known: it is the run that is not there.
        code, _, err = command(name, *arguments)
        assert code == 2 and "There is no run in 'runs/mine'" in err
    elif name == "show":
        code, out, err = command(name, *arguments)
        assert code == 0 and "_target_: rbfnet.solvers." in out
    else:
        (tmp_path / "my_kernels.py").write_text(*[b for b in marked("docs/python.md", "python") if b.startswith("# my_kernels")])
        for problem, block in YAML.items():
            file = tmp_path / f"mine/problem/{problem}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block)
        one = [a for a in arguments if a != "--multirun" and ("," not in a or "[" in a)]
        code, out, err = command(name, *one, "--cfg", "job")
        assert code == 0, err
        assert "_target_: rbfnet.problems." in out


def test_the_scripts_that_pages_run_have_these_options() -> None:
    ran = [code for text in PAGES.values() for code in re.findall(r"`[^`\n]*?python (scripts/\w+\.py[^`\n]*)`", text)]
    assert len(ran) > 10
    for script, *arguments in map(str.split, ran):
        source = (ROOT / script).read_text()
        assert not [a for a in arguments if a.startswith("--") and f'"{a}"' not in source]


# -- the glossary --------------------------------------------------------------------------------------------------------------

ENTRIES = [
    re.compile(".+?".join(map(re.escape, entry.split("…"))), flags=re.DOTALL)
    for line in re.findall(r"^(`.*`)\n(?=: )", PAGES["docs/glossary.md"], flags=re.MULTILINE)
    for entry in re.findall(r"`([^`]+)`", line)
]


def rod(*conditions: dict[str, Any]) -> Problem:
    """u'' = 1 on an interval."""
    line = {"_target_": "rbfnet.domains.Interval", "x": [0, 1]}
    node = {"_target_": "rbfnet.problems.Equations", "domain": line, "equations": "u_xx = 1", "conditions": list(conditions)}
    return construct(node, Problem, "problems", ())


class Undetermined(Problem):
    """A rod with a coefficient that changes nothing."""

    domain = Interval(x=(0, 1))

    def __init__(self) -> None:
        super().__init__()
        self.height = Unknown(1.0)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("xx") - u - 0 * self.height)
        yield Dirichlet(1.0)


def runs() -> dict[str, Any]:
    x = torch.linspace(0, 1, 40, dtype=torch.float64)
    noise = 0.1 * torch.randn(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return {
        "solved": lambda: rbfnet.solve(rod({"dirichlet": 0}), num_centers=20),
        "free": lambda: rbfnet.solve(rod({"neumann": 0.5}), num_centers=20),
        "contradiction": lambda: rbfnet.solve(rod({"dirichlet": 0}, {"dirichlet": 1}), num_centers=20),
        "few": lambda: rbfnet.solve(rbfnet.problems.Poisson(), num_centers=9),
        "newton": lambda: rbfnet.solve(rod({"dirichlet": 0}), num_centers=20, solver="gauss_newton"),
        "evolve": lambda: rbfnet.solve(rbfnet.problems.Heat(), num_centers=20, solver=Evolve(refine=0)),
        "evolve, too short": lambda: rbfnet.solve(rbfnet.problems.Heat(), num_centers=20, solver=Evolve(max_epochs=1, refine=0)),
        "unknown without data": lambda: rbfnet.solve(Undetermined(), num_centers=20, solver="gauss_newton"),
        "few rows": lambda: rbfnet.fit(x[:5], x[:5]),
        "noise alone": lambda: rbfnet.fit(x, noise),
        "interpolation": lambda: rbfnet.fit(x, x**2),
        "smoothing": lambda: rbfnet.fit(x, x + noise),
        "as requested": lambda: rbfnet.fit(x, x + noise, smoothing=0),
        "repeated": lambda: rbfnet.fit(torch.cat([x, x]), torch.cat([x + noise, x - noise])),
    }


@pytest.mark.parametrize("name", list(runs()))
def test_what_a_run_prints_is_in_the_glossary(name: str) -> None:
    from rbfnet.cli.report import verdict_line

    summary = runs()[name]().summary
    sentences = [*summary.get("words", []), *summary["reasons"], verdict_line(summary)]
    assert not [said for said in sentences if not any(entry.match(said) for entry in ENTRIES)]
