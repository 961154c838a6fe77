"""What YAML may say of domains and conditions: numbers and comparisons as text, members, words that it takes for true."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

import rbfnet
from rbfnet.domains import Ball, Difference, Disc, Domain, Ellipse, Interval, Polygon, Rectangle, SpaceTime, Union
from rbfnet.kernels import Kernel
from rbfnet.problems import Equations, Problem
from rbfnet.training.runs._construct import construct

SQUARE = Rectangle(x=(0, 1), y=(0, 1))
TRUST = pytest.mark.parametrize("trust", [None, ()], ids=["typed", "from elsewhere"])


def read(text: str) -> Any:
    """As Hydra reads YAML, and as a run directory gives it back."""
    plain = OmegaConf.to_container(OmegaConf.create(text))
    assert OmegaConf.to_container(OmegaConf.create(OmegaConf.to_yaml(OmegaConf.create(plain)))) == plain
    return plain


def domain(text: str, trust: Any = None) -> Domain:
    return construct(read(text), Domain, "domains", trust)


def equations(conditions: str, **parts: Any) -> Equations:
    return Equations(**{"domain": SQUARE, "equations": "lap(u)", "conditions": read(conditions), **parts})


def points(problem: Problem, name: str) -> torch.Tensor:
    return problem.sample()[name].sites[0]


DOMAINS: dict[str, tuple[str, Domain]] = {
    "sides": (
        "{_target_: rbfnet.domains.Rectangle, x: [0, 2*pi], y: [-1/2, 1e-1]}",
        Rectangle(x=(0, 2 * math.pi), y=(-0.5, 0.1)),
    ),
    "a centre": ("{_target_: rbfnet.domains.Disc, center: [1/2, 0], radius: 1/3}", Disc((0.5, 0), 1 / 3)),
    "roots": ("{_target_: rbfnet.domains.Ball, center: [0, 0, 4**0.25], radius: 2**0.5}", Ball((0, 0, 2**0.5), 2**0.5)),
    "half axes": ("{_target_: rbfnet.domains.Ellipse, center: [0, 0], radii: [1/3, e]}", Ellipse((0, 0), (1 / 3, math.e))),
    "vertices": (
        "{_target_: rbfnet.domains.Polygon, vertices: [[0, 0], [3/2, 0], [0, 2/3]]}",
        Polygon([(0, 0), (1.5, 0), (0, 2 / 3)]),
    ),
    "time": (
        "{_target_: rbfnet.domains.SpaceTime, space: {_target_: rbfnet.domains.Interval, x: [-pi, pi]}, t: [0, 1/2]}",
        SpaceTime(Interval(x=(-math.pi, math.pi)), t=(0, 0.5)),
    ),
    "a difference": (
        """
        _target_: rbfnet.domains.Difference
        members:
        - {_target_: rbfnet.domains.Rectangle, x: [0, 1], y: [0, 1]}
        - {_target_: rbfnet.domains.Disc, center: [1/2, 1/2], radius: 1/4}
        """,
        SQUARE - Disc((0.5, 0.5), 0.25),
    ),
    "one in another": (
        """
        _target_: rbfnet.domains.Difference
        members:
        - _target_: rbfnet.domains.Union
          members:
          - {_target_: rbfnet.domains.Rectangle, x: [0, 1], y: [0, 1]}
          - {_target_: rbfnet.domains.Disc, center: [0, 0], radius: 1/4}
        - _target_: rbfnet.domains.Intersection
          members:
          - {_target_: rbfnet.domains.Disc, center: [0.4, 0.5], radius: 1/4}
          - {_target_: rbfnet.domains.Disc, center: [0.6, 0.5], radius: 1/4}
        """,
        (SQUARE | Disc((0, 0), 0.25)) - (Disc((0.4, 0.5), 0.25) & Disc((0.6, 0.5), 0.25)),
    ),
}


@TRUST
@pytest.mark.parametrize("name", DOMAINS)
def test_a_domain_in_yaml_is_the_one_in_python(name: str, trust: Any) -> None:
    text, meant = DOMAINS[name]
    made = domain(text, trust)
    assert repr(made) == repr(meant)
    assert torch.equal(made.box, meant.box) and made.volume == meant.volume and made.parts == meant.parts


def test_a_polygon_of_many_vertices_comes_back_from_a_run_directory() -> None:
    corners = [[math.cos(2 * math.pi * k / 200), math.sin(2 * math.pi * k / 200)] for k in range(200)]
    made = domain(f"{{_target_: rbfnet.domains.Polygon, vertices: {corners}}}", trust=())
    assert made.volume == pytest.approx(100 * math.sin(2 * math.pi / 200), rel=1e-12)


def test_numbers_of_other_parts_may_be_texts_too() -> None:
    kernel = construct({"_target_": "rbfnet.kernels.Matern", "nu": "7/2"}, Kernel, "kernels")
    assert "3.5" in repr(kernel)
    with pytest.raises(rbfnet.InputError, match=r"noise must be zero or positive, and finite, but got -0.02"):
        construct({"_target_": "rbfnet.problems.InverseDiffusivity", "noise": "-1/50"}, Problem, "problems", ())


WRONG_DOMAINS: dict[str, tuple[str, str]] = {
    "a name": ("{_target_: rbfnet.domains.Disc, center: [0, 0], radius: one}", "must be a number, but got 'one'"),
    "Python": ("{_target_: rbfnet.domains.Disc, center: [0, 0], radius: __import__(e)}", "There is no function '__import__'"),
    "no end": ("{_target_: rbfnet.domains.Rectangle, x: [0, 2*], y: [0, 1]}", "The text ends where a number"),
    "zero": ("{_target_: rbfnet.domains.Disc, center: [0, 0], radius: 1/0}", "divides by zero"),
    "negative": ("{_target_: rbfnet.domains.Disc, center: [0, 0], radius: -1/2}", "must be positive, but got -0.5"),
    "true": ("{_target_: rbfnet.domains.Disc, center: [0, 0], radius: yes}", "must be a number, but got True"),
    "too few": ("{_target_: rbfnet.domains.Rectangle, x: [1/2], y: [0, 1]}", r"Side x of a box must be of shape \(2,\)"),
    "no list": ("{_target_: rbfnet.domains.Union, members: 3}", "members of rbfnet.domains.Union must be a list, but got 3"),
    "no members": ("{_target_: rbfnet.domains.Union}", "Union takes two domains or more, but got 0"),
    "one member": (
        "{_target_: rbfnet.domains.Union, members: [{_target_: rbfnet.domains.Disc, center: [0, 0], radius: 1}]}",
        "Union takes two domains or more, but got 1",
    ),
    "no domain": ("{_target_: rbfnet.domains.Union, members: [1, 2]}", "Union takes domains with an inside"),
    "another name": ("{_target_: rbfnet.domains.Union, parts: []}", "no argument of rbfnet.domains.Union called 'parts'"),
    "a coordinate that is false": (
        "{_target_: rbfnet.domains.Interval, no: [0, 1]}",
        "YAML reads yes, no, on and off as true and",
    ),
    "a coordinate that is true": ("{_target_: rbfnet.domains.Interval, on: [0, 1]}", "has the key True, which is no text"),
    "a class from elsewhere": ("{_target_: rbfnet.domains.Union, members: [{_target_: os.system}]}", "system"),
}


@TRUST
@pytest.mark.parametrize("name", WRONG_DOMAINS)
def test_a_domain_that_is_none_is_refused(name: str, trust: Any) -> None:
    text, sentence = WRONG_DOMAINS[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        domain(text, trust)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: Disc((0, 0), n),
        lambda n: Disc((n, 0), 1),
        lambda n: Rectangle(x=(0, n), y=(0, 1)),
        lambda n: SpaceTime(SQUARE, t=(0, n)),
        lambda n: Ellipse((0, 0), (1, n)),
        lambda n: Ball((0, 0, 0), n),
        lambda n: Polygon([(0, 0), (n, 0), (1, 1)]),
    ],
)
@pytest.mark.parametrize("number", ["half", "1/0", "0.5.1", b"1", True, None, 1j, 10**400, [[1]]], ids=lambda n: repr(n)[:8])
def test_in_python_numbers_are_numbers(make: Any, number: Any) -> None:
    """A text was once read as whatever was in memory; what stands for a number is read as in YAML."""
    with pytest.raises(rbfnet.InputError, match="must be"):
        make(number)
    assert repr(make("3/2")) == repr(make(1.5))


# -- where something holds ---------------------------------------------------------------------------------------------------

PARTS: dict[str, tuple[str, Any]] = {
    "a name": ("y=low", lambda x, y: y == 0),
    "names": ("[y=low, x=high]", lambda x, y: (y == 0) | (x == 1)),
    "a comparison": ("x <= 1/2", lambda x, y: x <= 0.5),
    "equality": ("y == 0", lambda x, y: y == 0),
    "inequality": ("y != 0", lambda x, y: y != 0),
    "both": ("x < 0.5 and y > k", lambda x, y: (x < 0.5) & (y > 0.25)),
    "either": ("x < 0.5 or y > k", lambda x, y: (x < 0.5) | (y > 0.25)),
    "a chain": ("k < x < 1 - k", lambda x, y: (x > 0.25) & (x < 0.75)),
    "not": ("not (x < 0.5 or y > k)", lambda x, y: ~((x < 0.5) | (y > 0.25))),
    "a function": ("sin(pi*x) >= 0.5", lambda x, y: torch.sin(math.pi * x) >= 0.5),
    "arithmetic in parentheses": ("(x + y)/(1 + k) < (1)", lambda x, y: (x + y) / 1.25 < 1),
    "a long list": (" or ".join(f"x == 0.{k:03}" for k in range(130)) + " or x < 0.5", lambda x, y: x < 0.5),
    "a long chain": (" and ".join(["x < 0.5"] * 150), lambda x, y: x < 0.5),
    "names and comparisons": ("[y=low, y > 0.5, x == 1]", lambda x, y: (y == 0) | (y > 0.5) | (x == 1)),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_boundary_is_selected_by_text(name: str) -> None:
    text, holds = PARTS[name]
    problem = equations(f"[{{dirichlet: x, on: {text if text[0] == '[' else repr(text)}, name: b}}]", parameters={"k": "1/4"})
    x = points(problem, "b")
    assert len(x) >= 3 and holds(*x.unbind(dim=1)).all()
    # Nowhere twice as dense, and all of it is reached.
    every = SQUARE.boundary(4000)
    every = every[holds(*every.unbind(dim=1))]
    assert torch.cdist(every, x).min(dim=1).values.max() < 1.5 * SQUARE.boundary_measure() / problem.num_boundary


@pytest.mark.parametrize("name", [name for name in PARTS if "name" not in name and "equal" not in name])
def test_a_part_of_the_domain_is_selected_by_text(name: str) -> None:
    text, holds = PARTS[name]
    problem = equations(f"[{{interior: u, where: {text!r}, name: part}}]", parameters={"k": "1/4"})
    x = points(problem, "part")
    every = SQUARE.interior(900)
    assert len(x) == int(holds(*every.unbind(dim=1)).sum()) or holds(*x.unbind(dim=1)).all()
    assert holds(*x.unbind(dim=1)).all() and 0 < len(x) < 900


def test_a_list_of_comparisons_holds_where_any_of_them_does() -> None:
    x, y = points(equations("[{interior: u, where: [x < 0.2, y < 0.2], name: part}]"), "part").unbind(dim=1)
    assert ((x < 0.2) | (y < 0.2)).all() and (x > 0.2).any() and (y > 0.2).any()


def test_in_python_a_list_of_parts_is_all_that_belongs_to_any() -> None:
    whole = SQUARE.boundary_measure(["x=low", lambda x: x[:, 1] < 0.5, "x=low"])
    # One side, the one below, and half of the third.
    assert whole == pytest.approx(2.5, rel=1e-3)
    with pytest.raises(rbfnet.InputError, match="no part of the boundary called 'x=lov'; did you mean 'x=low'"):
        SQUARE.boundary(10, part=["y=low", "x=lov"])
    with pytest.raises(rbfnet.InputError, match="holds no point"):
        SQUARE.boundary(10, part=["y=low", lambda x: x[:, 0] > 2])


WRONG_PARTS: dict[str, tuple[str, str]] = {
    "another coordinate": ("on: z < 1", "There is no name 'z'; known: e, pi, x, y"),
    "an output": ("on: u < 1", "There is no name 'u'"),
    "no number": ("on: x <", "The text ends where a number"),
    "a sum of comparisons": ("on: 1 + (x < 1) > 0", "A comparison is true or false, and no number"),
    "nothing to join": ("on: x < 1 and", "The text ends where a number"),
    "half a comparison": ("on: x < 1 and y", "A comparison belongs here"),
    "a word": ("on: x < 1 xor y < 1", "An operator is missing before this name"),
    "Python": ("on: __import__(x) < 1", "There is no function '__import__'"),
    "deep": (f"on: {'not ' * 50}x < 1", "nested deeper than 32 levels"),
    "open": ("on: (x < 1", "is not closed"),
    "an unknown name": ("on: x=lov", "no part of the boundary called 'x=lov'; did you mean 'x=low'"),
    "a number": ("on: 3", "no part of the boundary called '3'"),
    "nothing there": ("on: x > 2", "holds no point"),
    "a word that is true": ("on: yes", "no part of the boundary called 'True'"),
}


@pytest.mark.parametrize("name", WRONG_PARTS)
def test_a_part_that_cannot_be_read_is_refused(name: str) -> None:
    text, sentence = WRONG_PARTS[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        equations(f"[{{dirichlet: x, {text}}}]").sample()


WRONG_WHERE: dict[str, tuple[str, str]] = {
    "no comparison": ("{interior: u, where: x}", "A comparison belongs here"),
    "an assignment": ("{interior: u, where: x = 1}", "A comparison belongs here"),
    "a number": ("{interior: u, where: 3}", "`where` of condition 'interior' is a Domain or a function of the coordinates"),
    "of an integral": ("{mean: 0, where: x < 0.5}", "`where` of condition 'mean' is a Domain"),
    "of an interface": ("{interface: [u, v], where: x < 0.5}", "lies on the boundary of a Domain"),
}


@pytest.mark.parametrize("name", WRONG_WHERE)
def test_where_that_cannot_be_read_is_refused(name: str) -> None:
    text, sentence = WRONG_WHERE[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        equations(f"[{text}]", outputs=["u", "v"], equations="u + v").sample()


# -- words that YAML takes for true and false --------------------------------------------------------------------------------


@TRUST
@pytest.mark.parametrize(
    "condition",
    [
        "{dirichlet: 1, on: y=low}",
        "{dirichlet: 1, 'on': y=low}",
        "{dirichlet: 1, On: y=low}",
        "{_target_: rbfnet.problems.Dirichlet, value: 1, on: y=low}",
    ],
)
def test_on_is_a_word(condition: str, trust: Any) -> None:
    node = read(
        "{_target_: rbfnet.problems.Equations, equations: lap(u), conditions: [" + condition + "], "
        "domain: {_target_: rbfnet.domains.Rectangle, x: [0, 1], y: [0, 1]}}"
    )
    problem = construct(node, Problem, "problems", trust)
    (name,) = [name for name in problem.named_conditions() if name.startswith("dirichlet")]
    assert not points(problem, name)[:, 1].any()


@pytest.mark.parametrize("word", ["y", "n", "Y", "N", "t", "f", "'no'", "'on'", "'off'", "'yes'", "'true'"])
def test_coordinates_outputs_and_parameters_may_have_any_name(word: str) -> None:
    node = read(
        f"""
        _target_: rbfnet.problems.Equations
        domain: {{_target_: rbfnet.domains.Interval, {word}: [0, 1]}}
        outputs: [u]
        equations: d(u, {word.strip("'")}, {word.strip("'")}) = 0
        conditions: [{{dirichlet: {word}}}]
        exact: {word}
        """
    )
    problem = construct(node, Problem, "problems")
    solution = rbfnet.solve(problem, num_centers=10)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-6


def test_outputs_and_parameters_may_be_called_no() -> None:
    made = equations("[{dirichlet: 'no', output: 'off'}]", outputs=["off"], equations="off_xx + no*off_yy", parameters={"no": 2})
    assert made.outputs == ("off",) and len(made.named_conditions()) == 2


WORDS: dict[str, tuple[dict[str, Any], str]] = {
    "an output": ({"outputs": [False], "conditions": "[]"}, "outputs are names of letters, digits and _, .* YAML reads"),
    "a parameter": ({"parameters": {False: 1}, "conditions": "[]"}, "name of a parameter .* but got False; YAML reads"),
    "the output of a condition": ({"conditions": "[{dirichlet: 0, output: no}]"}, "output of dirichlet is a text, .* YAML reads"),
    "the name of a condition": ({"conditions": "[{dirichlet: 0, name: yes}]"}, "name of dirichlet is a text, .* YAML reads"),
    "an argument": ({"conditions": "[{dirichlet: 0, off: 1}]"}, "The condition dirichlet has the key False"),
    "on where there is none": ({"conditions": "[{initial: 0, on: x=low}]"}, "The condition initial has the key True"),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_that_yaml_takes_for_true_are_told(name: str) -> None:
    parts, sentence = WORDS[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        equations(**parts)


def test_lists_of_numbers_may_hold_texts() -> None:
    made = equations("[{data: [[1/2, k], [0, 1]], y: [2*pi, 0], noise: 1/100}, {mean: 1/3}]", parameters={"k": "1/4"})
    sample = made.sample()["data"]
    assert sample.sites[0].tolist() == [[0.5, 0.25], [0.0, 1.0]]
    assert sample.data[0][:, 0].tolist() == [2 * math.pi, 0.0]


@pytest.mark.slow
def test_all_of_it_in_a_file(command: Any, tmp_path: Any) -> None:
    """u = x^2 + y^2 on a square without two discs."""
    file = tmp_path / "mine/problem/holes.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        """
_target_: rbfnet.problems.Equations
domain:
  _target_: rbfnet.domains.Difference
  members:
    - {_target_: rbfnet.domains.Rectangle, x: [-1, 1], y: [-1, pi/pi]}
    - _target_: rbfnet.domains.Union
      members:
        - {_target_: rbfnet.domains.Disc, center: [1/2, 0], radius: 1/3}
        - {_target_: rbfnet.domains.Disc, center: [-1/2, 0], radius: 1/3}
equations: lap(u) = 4
conditions:
  - {dirichlet: x**2 + y**2, on: y=low}
  - dirichlet: x**2 + y**2
    on: [y=high, x <= -1/2 or x > 0.5]
    weight: 2*5
  - {neumann: 2*(x**2 + y**2 - abs(x)/2)*(-3), on: hole 1}
exact: x**2 + y**2
"""
    )
    arguments = ["network.num_centers=200", "figures=false", "run_dir=run"]
    code, _, err = command("train", "--config-dir", "mine", "problem=holes", *arguments)
    assert code == 0, err
    import json

    assert json.loads((tmp_path / "run/summary.json").read_text())["errors"]["rel_l2"] < 1e-4
    assert rbfnet.load("run").num_centers == 200


def test_union_and_difference_by_position_stay() -> None:
    assert isinstance(Difference(SQUARE, Disc((0.5, 0.5), 0.1)), Domain)
    assert isinstance(Union(SQUARE, Disc((0.5, 0.5), 0.1), Disc((1, 1), 0.1)), Domain)
