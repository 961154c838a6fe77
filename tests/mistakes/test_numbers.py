# mypy: disable-error-code="arg-type, list-item"
"""Numbers may be texts wherever they are numbers, by one grammar; what an annotation does not name is refused."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rbfnet import InputError, RBFNetwork
from rbfnet.annotations import as_number, held
from rbfnet.domains import Ball, Box, Disc, SpaceTime
from rbfnet.grammar import ExpressionError, constant
from rbfnet.kernels import Matern
from rbfnet.problems import Dirichlet, Integral, VanDerPol
from rbfnet.problems.text._parser import parse
from rbfnet.solvers import Adam, GaussNewton, LeastSquares

TEXTS = {
    "1/2": 0.5,
    "2*pi": 2 * math.pi,
    "-3": -3.0,
    "1e-3": 1e-3,
    "2^-2 + 2**3": 8.25,
    "(1 + sqrt(5))/2": (1 + math.sqrt(5)) / 2,
    "-2^2": -4.0,
    "e": math.e,
    " 7 ": 7.0,
    ".5": 0.5,
    "cos(pi)": -1.0,
}
NONE = [
    "",
    "half",
    "1/0",
    "1j",
    "0x10",
    "1_000",
    "nan",
    "inf",
    "1e999",
    "sqrt(-1)",
    "9**9**9",
    "(1",
    "1)",
    "1 2",
    "x",
    "__import__('os')",
]
NONE += ["(" * 500, "-" * 90 + "1", "1" * 101]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_the_number_that_python_makes_of_it(text: str) -> None:
    assert constant(text) == pytest.approx(TEXTS[text], rel=1e-15)
    assert float(parse(text, ("x",))(torch.zeros(1, dtype=torch.float64))) == pytest.approx(TEXTS[text], rel=1e-15)


@pytest.mark.parametrize("text", NONE)
def test_any_other_text_is_none(text: str) -> None:
    assert as_number(text) == text


@given(st.text("0123456789.+-*/^() pieqrt", max_size=20))
def test_equations_read_numbers_in_the_same_way(text: str) -> None:
    """The grammar of equations is that of numbers and more: it reads every number, and as the same."""
    if (value := constant(text)) is not None:
        assert parse(text, ()).node == pytest.approx(value, rel=1e-12)
        return
    with contextlib.suppress(ExpressionError):
        assert not isinstance(parse(text, ()).node, float)


def test_numbers_are_texts_everywhere() -> None:
    assert repr(Disc(("1/4", 0), "1/2")) == repr(Disc((0.25, 0), 0.5))
    assert repr(SpaceTime(Box(x=("-pi", "pi")), t=(0, "1/3"))) == repr(SpaceTime(Box(x=(-math.pi, math.pi)), t=(0, 1 / 3)))
    assert Matern("5/2").nu == 2.5
    assert (Adam(lr="1/8", max_epochs="2*3").lr, Adam(max_epochs="2*3").max_epochs) == (0.125, 6)
    assert LeastSquares(smoothing="1/4").smoothing == 0.25
    assert GaussNewton(continuation={"mu": ["1/2", 1]}).stages
    assert float(RBFNetwork(2, 1, 20, epsilon="3/2").epsilon.detach()) == pytest.approx(1.5)
    assert RBFNetwork("2", "1", "4*5").num_centers == 20
    assert Dirichlet("1/2", weight="2*5").value == 0.5
    assert Integral("pi").weight == 1.0
    assert VanDerPol(mu="1/2").mu == 0.5
    assert isinstance(Adam(max_epochs=2.0).max_epochs, int)


@held
def sample(
    n: int, x: float | str = "auto", names: list[str] | None = None, on: bool = False, ball: Ball | None = None, **more: int
) -> Any:
    return n, x, names, on, ball, more


def test_what_fits_is_passed_on_as_it_is() -> None:
    ball = Disc((0, 0), 1)
    assert sample("6/2", "1/4", ["a"], True, ball, k=2.0) == (3, 0.25, ["a"], True, ball, {"k": 2})
    assert sample(1, "wide") == (1, "wide", None, False, None, {})


@pytest.mark.parametrize(
    ("arguments", "named", "sentence"),
    [
        (("a",), {}, "n of sample must be a whole number, but got 'a'."),
        ((True,), {}, "n of sample must be a whole number, but got True."),
        ((1.5,), {}, "n of sample must be a whole number, but got 1.5."),
        ((1, math.inf), {}, "x of sample must be a finite number or a text, but got inf."),
        ((1, 2, "ab"), {}, "names of sample must be a list, each a text or None, but got 'ab'."),
        ((1, 2, [3]), {}, "names of sample must be a list, each a text or None, but got [3]."),
        ((1,), {"on": 1}, "on of sample must be true or false, but got 1."),
        ((1,), {"ball": 2}, "ball of sample must be a Ball or None, but got 2."),
        ((1,), {"k": "b"}, "k of sample must be a whole number, but got 'b'."),
    ],
)
def test_what_does_not_fit_is_one_sentence(arguments: Any, named: Any, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        sample(*arguments, **named)
    assert str(error.value) == sentence
