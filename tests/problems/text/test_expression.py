"""Equations as text against fields written by hand, Python's own arithmetic, and texts that must not be read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rbfnet import Field, InputError
from rbfnet.grammar import DEPTH, LENGTH, ExpressionError
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator
from rbfnet.problems.text._parser import parse

NU = 0.01 / math.pi

TEXTS: dict[str, Any] = {
    "u_t + u*u_x - nu*u_xx": lambda u: u.d("t") + u * u.d("x") - NU * u.d("xx"),
    "u_t = nu*u_xx - u*u_x": lambda u: u.d("t") - (NU * u.d("xx") - u * u.d("x")),
    "u_t = u_xx/4": lambda u: u.d("t") - u.d("xx") / 4,
    "lap(u) + 2*pi**2*sin(pi*x)": lambda u: u.laplacian() + 2 * math.pi**2 * torch.sin(math.pi * u.x),
    "lap(u, x) - d(u, t, t)": lambda u: u.d("xx") - u.d("tt"),
    "bilap(u) + bilap(u, x)": lambda u: u.biharmonic() + u.d("xxxx"),
    "u_xtx * u_txx": lambda u: u.d("xxt") ** 2,
    "-u**2 + (-u)^2 - 2^3^2*u": lambda u: -512 * u,
    "5*(u - u^3) + e^-x": lambda u: 5 * (u - u**3) + torch.exp(-u.x),
    "u / x / 2 - u - x - 1": lambda u: u / (2 * u.x) - u - u.x - 1,
    "+u - -u": lambda u: 2 * u.value,
    "tan(x) + sinh(t)*cosh(t) - tanh(u)": lambda u: torch.tan(u.x) + torch.sinh(u.t) * torch.cosh(u.t) - torch.tanh(u.value),
    "exp(-x)*log(1 + t) + sqrt(x)*cos(t)": lambda u: torch.exp(-u.x) * torch.log(1 + u.t) + u.x.sqrt() * torch.cos(u.t),
    "abs(x - .5)*sign(u) + max(u, x) - min(0.5, t)": lambda u: (
        (u.x - 0.5).abs() * u.value.sign() + torch.maximum(u.value, u.x) - u.t.clamp(max=0.5)
    ),
    "where(x < 1/2, u, 1) + where(t >= x, 1, 2e0)": lambda u: (
        torch.where(u.x < 0.5, u.value, 1.0) + 1 + (u.t < u.x).to(torch.float64)
    ),
    "x\n  + t": lambda u: u.x + u.t,
    "max(1, 2) + where(1 < 2, 3, 4) + cos(0)": lambda u: 6 + 0 * u.x,
}


@pytest.fixture
def field() -> Field:
    model = RBFNetwork(2, 1, 7, kernel="gaussian", dtype=torch.float64)
    nn.init.normal_(model.weight)
    return Field(model, torch.rand(9, 2, dtype=torch.float64), ("x", "t"))


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_what_it_says_written_by_hand(text: str, field: Field) -> None:
    read = parse(text, ("x", "t"), ("u",), {"nu": NU}, equation=True)
    assert torch.allclose(read(field), TEXTS[text](field), rtol=1e-13, atol=1e-13)
    if read.operators:
        model: Any = field._u
        slopes = []
        for f in (read, TEXTS[text]):
            value = f(Field(model, field.points, ("x", "t"))).square().sum()
            slopes.append(torch.autograd.grad(value, model.weight)[0])
        assert torch.allclose(slopes[0], slopes[1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_kept_and_numbers_fill_all_points(dtype: torch.dtype) -> None:
    x = torch.rand(5, dtype=dtype)
    for text in ("3", "pi*x", "max(x, 1/2)", "where(x < 1, 2, 3)", "a", "max(a, 1)*x"):
        value = parse(text, ("x",), (), {"a": lambda: torch.tensor(2.0, dtype=torch.float64)})(x)
        assert value.dtype == dtype and value.shape == (5,)


def test_the_operators_are_known_beforehand_and_no_others_are_evaluated(field: Field) -> None:
    read = parse("u_t + u*u_xx + u_xx - lap(u)", ("x", "t"), ("u",))
    assert read.operators == (Operator.d("t"), Operator.identity(), Operator.d("x", "x"), Operator.laplacian("x", "t"))
    asked = []

    def model(x: Tensor) -> Tensor:
        asked.append(1)
        return x.square().sum(dim=1, keepdim=True)

    ahead = Field(model, field.points, ("x", "t"), ahead=read.operators)
    before = len(asked)
    read(ahead)
    assert len(asked) == before


def test_systems_and_coordinates_of_several_letters(field: Field) -> None:
    def model(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0] ** 2 * x[:, 1], x[:, 1] ** 3], dim=1)

    x = field.points
    u = Field(model, x, ("x1", "x2"), ("u", "p_0"))
    for text in ("u_x1x1 + p_0_x2", "d(u, x1, x1) + d(p_0, x2)"):
        assert torch.allclose(parse(text, ("x1", "x2"), ("u", "p_0"))(u), 2 * x[:, 1] + 3 * x[:, 1] ** 2)
    assert torch.allclose(parse("x2*lap(u, x1) - lap(p_0)", ("x1", "x2"), ("u", "p_0"))(u), 2 * x[:, 1] ** 2 - 6 * x[:, 1])


def test_coordinates_named_like_attributes_of_a_field() -> None:
    u = Field(lambda x: x[:, :1] * x[:, 1:], torch.rand(4, 2), ("d", "value"))
    assert torch.equal(parse("u - d*value + u_d - value", ("d", "value"), ("u",))(u), torch.zeros(4))


def test_a_parameter_may_be_unknown_and_is_looked_up_each_time(field: Field) -> None:
    nu = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    read = parse("nu**2*x", ("x", "t"), ("u",), {"nu": lambda: nu})
    (slope,) = torch.autograd.grad(read(field).sum(), nu)
    assert slope == pytest.approx(float(4 * field.x.sum()))
    with torch.no_grad():
        nu.fill_(3.0)
    assert torch.allclose(read(field), 9 * field.x)


WRONG = {
    "u_t + uu*u_x": (6, "no name 'uu'; did you mean 'u'"),
    "x + q": (4, "no name 'q'; known: e, nu, pi, t, u, x"),
    "sine(x)": (0, "no function 'sine'; did you mean 'sin'"),
    "u_t + u_xy": (9, "no coordinate 'y'; known: t, x"),
    "u_": (2, "no coordinate ''"),
    "d(u, y)": (5, "no coordinate 'y'"),
    "d(v, x)": (2, "no output 'v'"),
    "d(u)": (0, "needs the coordinates to differentiate along"),
    "d(u, 2)": (5, "takes an output and coordinates, by name"),
    "lap(u_x)": (4, "no output 'u_x'"),
    "lap(u*u)": (5, "takes an output and coordinates, by name"),
    "lap()": (4, "takes an output and coordinates, by name"),
    "lap(u,)": (6, "takes an output and coordinates, by name"),
    "lap(u, x": (3, "This '(' is not closed"),
    "lap(u, x, x)": (10, "is named twice"),
    "(x + (t)": (0, "This '(' is not closed"),
    "sin(x": (3, "This '(' is not closed"),
    "x + t)": (5, "This ')' stands where"),
    "()": (1, "This ')' stands where"),
    "x < t": (2, "A comparison by <, <=, > or >= belongs in where(...)"),
    "x != t": (2, "A comparison by"),
    "x == t": (2, "a single '='"),
    "x = t = u": (6, "An '=' belongs once"),
    "sin(x = t)": (6, "An '=' belongs once"),
    "where(x, 1, 2)": (7, "begins with a comparison"),
    "where(x < 1, 2)": (0, "where(a < b, c, d)"),
    "sin(x, t)": (0, "another number of arguments: sin(a)"),
    "max(x)": (0, "another number of arguments: max(a, b)"),
    "sin": (0, "is a function: write sin(...)"),
    "sin x": (0, "is a function"),
    "u(x)": (0, "is no function; a product is written u*(...)"),
    "2x": (1, "a product is written with *"),
    "x t": (2, "a product is written with *"),
    "x 2": (2, "before this number; a product is written with *"),
    "(x)(t)": (3, "a product is written with *"),
    "x, t": (1, "A comma belongs between"),
    "*x": (0, "nothing to its left"),
    "x + ": (3, "The text ends where"),
    "": (0, "The text ends where"),
    "u.x": (1, "no attributes"),
    "'x'": (0, "no texts in quotes"),
    'x + "a"': (4, "no texts in quotes"),
    "x[0]": (1, "no brackets"),
    "x @ t": (2, "'@' means nothing"),
    "x; t": (1, "';' means nothing"),
    "__import__('os').system('true')": (11, "no texts in quotes"),
    "__import__(x)": (0, "no function '__import__'"),
    "().__class__": (2, "no attributes"),
    "lambda: x": (6, "':' means nothing"),
    "x if t else u": (2, "An operator is missing"),
    "[x for x in u]": (0, "no brackets"),
    "9**9**9": (1, "no finite real number"),
    "10^10^10": (2, "no finite real number"),
    "1e999": (0, "no finite real number"),
    "1/0": (1, "divides by zero"),
    "x/(1 - 1)": (1, "divides by zero"),
    "0**-1": (1, "no finite real number"),
    "(-8)**(1/3)": (4, "no finite real number"),
    "log(0)": (0, "no finite real number"),
    "sqrt(-1)": (0, "no finite real number"),
    "u_xxxxxxxxx": (0, "up to order 8"),
}


@pytest.mark.parametrize("text", WRONG)
def test_an_error_points_at_the_place(text: str) -> None:
    position, sentence = WRONG[text]
    with pytest.raises(ExpressionError) as caught:
        parse(text, ("x", "t"), ("u",), {"nu": NU}, equation=True)
    assert sentence in str(caught.value)
    assert caught.value.position == position
    first, shown, marks = str(caught.value).split("\n")
    assert first.endswith((".", "?")) and shown == f"  {text}"
    assert marks.index("^") == position + 2 and set(marks) == {" ", "^"}


def test_a_name_with_two_readings_is_refused_and_both_are_named() -> None:
    for text, coords, outputs, parameters, readings in [
        ("u_xx", ("x", "xx"), ("u",), {}, ("d(u, x, x)", "d(u, xx)")),
        ("u_x", ("x",), ("u", "u_x"), {}, ("the output", "d(u, x)")),
        ("u_x", ("x",), ("u",), {"u_x": 1.0}, ("the parameter", "d(u, x)")),
        ("e", ("x", "e"), ("u",), {}, ("the number", "the coordinate")),
        ("u", ("u",), ("u",), {}, ("the coordinate", "the output")),
        ("u_a_b", ("b", "a_b"), ("u", "u_a"), {}, ("d(u, a_b)", "d(u_a, b)")),
    ]:
        with pytest.raises(ExpressionError) as caught:
            parse(text, coords, outputs, parameters)
        assert "can be read as" in str(caught.value)
        assert all(reading in str(caught.value) for reading in readings)
    # Two ways to the same derivative are one reading, and the long form is never in doubt.
    assert parse("u_xxx", ("x", "xxx"[:1] + "1"), ("u",)).operators == (Operator.d("x", "x", "x"),)
    assert parse("d(u, xx)", ("x", "xx"), ("u",)).operators == (Operator.d("xx"),)


def test_a_value_has_neither_outputs_nor_an_equals_sign() -> None:
    with pytest.raises(ExpressionError, match="no name 'u'"):
        parse("x + u", ("x",))
    with pytest.raises(ExpressionError, match="not in a value"):
        parse("x = 1", ("x",))
    with pytest.raises(InputError, match="An equation is a text"):
        parse(3, ("x",))  # type: ignore[arg-type]


HOSTILE = [
    "(" * LENGTH, "-" * LENGTH, "sin(" * (LENGTH // 4), "2**" * (LENGTH // 3), "x" * (LENGTH + 1), "u_" + "x" * (LENGTH - 2),
    "u_" + "x" * (LENGTH - 3) + "q", "9" * LENGTH, "9**9" * 400, "(" * DEPTH + "x" + ")" * DEPTH, "\x00", "x\x1b[2J", "\ud800",
    "𝟗𝟗", "e" * 1000 + "(", "lap(" + "u, " * 600,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_refused_at_once_and_printed_harmlessly(text: str) -> None:
    before = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        parse(text, ("x", "xx", "t"), ("u",))
    assert time.process_time() - before < 1
    assert len(str(caught.value)) < 600
    assert str(caught.value).replace("\n", "").isprintable() or "\\" in str(caught.value)


def test_long_sums_are_not_deep() -> None:
    text = "+".join(["x"] * (LENGTH // 2))
    assert torch.equal(parse(text, ("x",))(torch.ones(2)), torch.full((2,), float(LENGTH // 2)))


def test_marks_stay_below_the_place_in_a_long_text() -> None:
    text = "x + " * 200 + "wrong" + " + x" * 200
    with pytest.raises(ExpressionError) as caught:
        parse(text, ("x",))
    _, shown, marks = str(caught.value).split("\n")
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "wrong"
    assert len(shown) < 130


@given(st.text(alphabet="xtu_()*+-/^=<>,. 0123456789edlapsinwhr\n'[]", max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        read = parse(text, ("x", "t"), ("u",), equation=True)
    except ExpressionError as error:
        assert 0 <= error.position <= len(text)
    else:
        points = torch.rand(3, 2, dtype=torch.float64)
        assert read(Field(lambda p: p[:, :1].sin() * p[:, 1:], points, ("x", "t"))).shape == (3,)


POINT = {"x": 0.7, "t": -1.3}
BINARY = {"+": (1, float.__add__), "-": (1, float.__sub__), "*": (2, float.__mul__)}
UNARY: dict[str, Callable[[float], float]] = {
    "sin": math.sin, "cos": math.cos, "tanh": math.tanh, "abs": abs, "exp": lambda a: math.exp(min(a, 3.0)),
}  # fmt: skip


Tree = tuple[str, float, int]
"""Text, value, and how strongly it holds together: 1 a sum, 2 a product, 3 a sign, 4 a power, 5 an atom."""


def printed(tree: Tree, least: int) -> str:
    """With parentheses only where they are needed, so that precedence is tested."""
    return tree[0] if tree[2] >= least else f"({tree[0]})"


def grow(parts: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def binary(sign: str, a: Tree, b: Tree) -> Tree:
        strength, f = BINARY[sign]
        return f"{printed(a, strength)} {sign} {printed(b, strength + 1)}", f(a[1], b[1]), strength

    def quotient(a: Tree, b: Tree) -> Tree:
        return f"{printed(a, 2)} / (2 + {printed(b, 5)}**2)", a[1] / (2 + b[1] ** 2), 2

    def negative(a: Tree) -> Tree:
        return f"-{printed(a, 3)}", -a[1], 3

    def power(a: Tree, n: int) -> Tree:
        return f"{printed(a, 5)}^{n}", a[1] ** n, 4

    def function(name: str, a: Tree) -> Tree:
        text = f"min({a[0]}, 3)" if name == "exp" else a[0]
        return f"{name}({text})", UNARY[name](a[1]), 5

    def choice(a: Tree, b: Tree, c: Tree) -> Tree:
        return f"where({a[0]} <= {b[0]}, {c[0]}, 1)", c[1] if a[1] <= b[1] else 1.0, 5

    return st.one_of(
        st.builds(binary, st.sampled_from(list(BINARY)), parts, parts),
        st.builds(quotient, parts, parts),
        st.builds(negative, parts),
        st.builds(power, parts, st.integers(0, 3)),
        st.builds(function, st.sampled_from(list(UNARY)), parts),
        st.builds(choice, st.sampled_from([("x", 0.7, 5), ("t", -1.3, 5)]), st.sampled_from([("0", 0.0, 5)]), parts),
    )


LEAVES = st.one_of(
    st.sampled_from([("x", 0.7, 5), ("t", -1.3, 5), ("pi", math.pi, 5)]),
    st.floats(0.1, 2.0).map(lambda value: (repr(value), value, 5)),
)


@given(st.recursive(LEAVES, grow, max_leaves=12))
@settings(max_examples=300, deadline=None)
def test_a_random_expression_has_the_value_python_gives_it(tree: Tree) -> None:
    text, value, _ = tree
    if abs(value) > 1e100:
        return
    try:
        found = parse(text, ("x", "t"))(*[torch.tensor([v], dtype=torch.float64) for v in POINT.values()])
    except ExpressionError as error:
        # The text of a large tree may be too deep, never anything else.
        assert "nested deeper" in str(error) or "at most" in str(error)
        return
    # Cancellation in sums and large powers magnify the last digit that functions differ in.
    assert float(found) == pytest.approx(value, rel=1e-9, abs=1e-9)
