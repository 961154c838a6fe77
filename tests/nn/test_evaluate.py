"""evaluate is the model itself at any number of points, in parts, and shows how far it is."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import rbfnet
from rbfnet import Operator
from rbfnet.errors import InputError
from rbfnet.nn import Ansatz, RBFNetwork, _evaluate, evaluate
from rbfnet.operators import apply_operators

F64 = torch.float64
B = 23
OPS = {
    "u": Operator.identity(),
    "slope": Operator.d("y"),
    "mixed": 2.0 * Operator.d("x", "y") + Operator.laplacian("x", "y"),
}


def network(dims: int = 2, dtype: torch.dtype = F64) -> RBFNetwork:
    made = RBFNetwork(dims, 3, 9, "multiquadric", dtype=dtype)
    made.set_coefficients(torch.randn(made.coefficients.shape, dtype=dtype))
    return made


def points(dims: int = 2, dtype: torch.dtype = F64) -> Tensor:
    return torch.rand(B, dims, dtype=dtype)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_evaluate, "POINTS", 4)
    monkeypatch.setattr(_evaluate, "POINTS_AUTOGRAD", 3)


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3)).to(F64)


MODELS: dict[str, Callable[[], Any]] = {
    "network": network,
    "wrapper": lambda: Ansatz(network(), distance=lambda x: x[:, 0] * (1 - x[:, 0])),
    "module": perceptron,
    "function": lambda: lambda x: torch.sin(x[:, 0]) * x[:, 1],
}


@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_it_is_the_model_itself(model: Callable[[], Any], parts: bool, request: pytest.FixtureRequest) -> None:
    if parts:
        request.getfixturevalue("small_parts")
    u, x = model(), points()
    found = evaluate(u, x, OPS, progress=False)
    wanted = apply_operators(u, x, [op.bind(("x", "y")) for op in OPS.values()]).detach()
    assert list(found) == list(OPS)
    for name, values in zip(OPS, wanted.unbind(-1), strict=True):
        assert not found[name].requires_grad and found[name].is_contiguous()
        torch.testing.assert_close(found[name], values, rtol=1e-13, atol=1e-13)


def test_parts_are_small_and_those_of_other_models_smaller(small_parts: None) -> None:
    sizes: list[int] = []

    class Watched(RBFNetwork):
        def apply_operators(self, x: Tensor, ops: Any) -> Tensor:
            sizes.append(len(x))
            return super().apply_operators(x, ops)

    made, x = Watched(2, 1, 9, dtype=F64), points()
    evaluate(made, x, progress=False)
    assert sizes == [4, 4, 4, 4, 4, 3]
    sizes.clear()
    evaluate(lambda p: made(p), x, progress=False)
    assert sizes == [3] * 7 + [2]


def test_tensors_of_an_operator_go_with_the_points(small_parts: None) -> None:
    made, x = network(), points()
    c, v = torch.rand(B, dtype=F64), torch.rand(B, 2, dtype=F64)
    one = torch.tensor([1.0, 2.0], dtype=F64)[None]
    ops = {"a": c * Operator.directional(v), "b": c * Operator.d(0) + Operator.directional(v, 2), "c": Operator.directional(one)}
    found = evaluate(made, x, ops, progress=False)
    for name, op in ops.items():
        torch.testing.assert_close(found[name], apply_operators(made, x, [op])[..., 0].detach(), rtol=1e-13, atol=1e-13)


def test_the_value_alone_is_what_comes_if_nothing_is_asked_for() -> None:
    made, x = network(), points()
    found = rbfnet.evaluate(made, x)
    assert list(found) == ["u"] and torch.equal(found["u"], made(x).detach())


def test_coordinates_by_their_own_names_dtype_and_no_points() -> None:
    made = network(dims=1, dtype=torch.float32)
    x = points(dims=1, dtype=torch.float32)
    found = evaluate(made, x, {"rate": Operator.d("t")}, coords=("t",))["rate"]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, apply_operators(made, x, [Operator.d(0)])[..., 0].detach())
    assert evaluate(made, x[:0])["u"].shape == (0, 3)


# -- progress ----------------------------------------------------------------------------------------------------------


def test_where_there_is_no_terminal_about_ten_plain_lines_are_printed(
    small_parts: None, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(network(), torch.rand(401, 2, dtype=F64))
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 11
    assert re.fullmatch(r"points 40/401  \d+\.\d s", printed[0])
    assert re.fullmatch(r"points 401/401  \d+\.\d s", printed[-1])


def test_nothing_is_printed_where_it_is_not_wanted_or_there_is_one_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(network(), points())
    monkeypatch.setattr(_evaluate, "POINTS", 4)
    evaluate(network(), points(), progress=False)
    assert capsys.readouterr().out == ""


PROGRAM = """
import torch
from rbfnet.nn import RBFNetwork, _evaluate, evaluate

_evaluate.POINTS = 8
class Slow(RBFNetwork):
    def apply_operators(self, x, ops):
        {middle}
        return super().apply_operators(x, ops)

try:
    evaluate(Slow(2, 1, 4), torch.rand(64, 2))
except KeyboardInterrupt:
    print("interrupted")
"""
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
"""What hides the cursor of a terminal, and what shows it again."""


def on_a_terminal(middle: str) -> str:
    """What a process writes whose output is a terminal."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM.format(middle=middle)], stdout=theirs, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0
    return written.decode()


@pytest.mark.slow
def test_on_a_terminal_there_is_a_live_bar() -> None:
    written = on_a_terminal("pass")
    assert "64/64" in written and "points" in written
    assert written.rfind(SHOW) > written.rfind(HIDE) >= 0


@pytest.mark.slow
def test_an_interruption_leaves_the_terminal_as_it_was() -> None:
    written = on_a_terminal(f"import os; os.kill(os.getpid(), {int(signal.SIGINT)})")
    assert "interrupted" in written and "64/64" not in written
    assert written.rfind("interrupted") > written.rfind(SHOW) > written.rfind(HIDE) >= 0


# -- wrong input -------------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no model": (lambda: evaluate(3, points()), "A model must be a module or a function of points .*, but got 3"),  # type: ignore[arg-type]
    "numpy": (lambda: evaluate(network(), np.zeros((2, 2))), r"The points must be a tensor, but got ndarray; .*torch\.as_tensor"),  # type: ignore[arg-type]
    "a vector": (
        lambda: evaluate(network(), points()[:, 0]),
        r"Points must have shape \(B, D\), one row per point, but got \(23,\)",
    ),
    "another dimension": (lambda: evaluate(network(), points(3)), r"must have shape \(B, 2\), but got \(23, 3\)"),
    "another dtype": (lambda: evaluate(network(), points().float()), "The points are torch.float32 and the network"),
    "no operators": (lambda: evaluate(network(), points(), {}), "At least one operator is needed, as in .* but got {}"),
    "a list": (lambda: evaluate(network(), points(), [OPS["u"]]), "At least one operator is needed, as in"),  # type: ignore[arg-type]
    "a name": (lambda: evaluate(network(), points(), {"u": "d"}), "At least one operator is needed, as in"),  # type: ignore[dict-item]
    "unknown coordinate": (lambda: evaluate(network(), points(), {"u": Operator.d("t")}), "There is no coordinate 't'"),
    "coordinates": (lambda: evaluate(network(), points(), coords=("x",)), "has 2 inputs, but 1 coordinates are named: x"),
    "a tensor of another length": (
        lambda: evaluate(network(), points(), {"u": torch.rand(5, dtype=F64) * Operator.d(0)}),
        r"must have shape \(23,\), but got \(5,\)",
    ),
    "progress": (lambda: evaluate(network(), points(), progress=1), "progress must be true or false, but got 1"),  # type: ignore[arg-type]
    "shape of the result": (lambda: evaluate(lambda x: x.sum(), points()), r"A model maps points \(23, 2\)"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_one_sentence(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
