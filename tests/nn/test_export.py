"""Exported programs run without rbfnet and give what the model gives; closed forms are traced as a whole."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rbfnet
from rbfnet import InputError, Operator
from rbfnet.nn import Affine, CoordinateMap, Periodic, RBFNetwork, export
from rbfnet.operators import hessian, jacobian, laplacian

F64 = torch.float64
OPERATORS = {"u": Operator.identity(), "slope": Operator.d("y")}
SECOND = {**OPERATORS, "lap": Operator.laplacian("x", "y"), "mixed": Operator.d("x", "y") - 2.0 * Operator.identity()}


def made(kernel: Any = "gaussian", outputs: int = 1, dims: int = 2, dtype: torch.dtype = F64, **arguments: Any) -> RBFNetwork:
    torch.manual_seed(0)
    network = RBFNetwork(dims, outputs, 8, kernel, dtype=dtype, **arguments)
    with torch.no_grad():
        network.metric.raw.add_(0.2 * torch.randn_like(network.metric.raw))
        network.set_coefficients(torch.randn(network.coefficients.shape, dtype=dtype))
    return network


def affine() -> Affine:
    network = made("gaussian", outputs=2, metric="full", per_center=True)
    numbers = ([1.0, -2.0], [3.0, 0.5], [1.0, 2.0], [2.0, 4.0])
    return Affine(network, *(torch.tensor(n, dtype=F64) for n in numbers))


def periodic() -> CoordinateMap:
    return CoordinateMap(made("matern", dims=3), Periodic([2.0, None]))


MODELS: dict[str, tuple[Callable[[], Any], dict[str, Operator]]] = {
    "gaussian": (lambda: made("gaussian"), SECOND),
    "gaussian, float32, three outputs": (lambda: made("gaussian", 3, dtype=torch.float32), SECOND),
    "matern, diagonal": (lambda: made("matern", metric="diagonal"), SECOND),
    "matern, full, per centre, float32": (
        lambda: made("matern", 2, dtype=torch.float32, metric="full", per_center=True),
        SECOND,
    ),
    # Not by neighbour lists, which no program can make.
    "wendland": (lambda: made("wendland", epsilon=2.0), SECOND),
    "polyharmonic, with a tail": (lambda: made("polyharmonic", 2), SECOND),
    "polyharmonic, diagonal": (lambda: made("polyharmonic", metric="diagonal"), SECOND),
    "compiled": (lambda: made("gaussian", compiled=True), SECOND),
    "affine": (affine, SECOND),
    "periodic": (periodic, SECOND),
}

PROGRAM = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("rbfnet", "lightning", "hydra", "scipy"):
            raise ImportError(name)

sys.meta_path.insert(0, Refused())
import pathlib, torch

torch.set_num_threads(1)
try:
    import rbfnet
except ImportError:
    pass
else:
    raise SystemExit("rbfnet is there")
for file in pathlib.Path(sys.argv[1]).glob("*.pt2"):
    program = torch.export.load(file).module()
    inputs = torch.load(file.with_suffix(".in"))
    torch.save([program(x) for x in inputs], file.with_suffix(".out"))
"""


@pytest.mark.slow
def test_programs_run_without_rbfnet_and_give_what_the_models_give(tmp_path: Path) -> None:
    # All in one process, as most of the time is taken by importing PyTorch.
    wanted = {}
    for n, (name, (make, operators)) in enumerate(MODELS.items()):
        model = make()
        assert export(model, tmp_path / f"{n}.pt2", operators) == tmp_path / f"{n}.pt2"
        dtype = next(model.parameters()).dtype
        centers = model.centers.detach()
        # On centres too; one point, and more than the example.
        inputs = [torch.rand(1, 2, dtype=dtype), torch.cat([centers, 2.0 * torch.rand(300, 2, dtype=dtype) - 1.0])]
        torch.save(inputs, tmp_path / f"{n}.in")
        bound = {key: op.bind(("x", "y")) for key, op in operators.items()}
        with torch.no_grad():
            wanted[n, name] = [{key: model.apply_operator(x, op) for key, op in bound.items()} for x in inputs]
        assert all(p.requires_grad for p in model.parameters())
    (tmp_path / "run.py").write_text(PROGRAM)
    command = [sys.executable, "-I", "run.py", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for (n, name), expected in wanted.items():
        found = torch.load(tmp_path / f"{n}.out")
        for got, want in zip(found, expected, strict=True):
            assert got.keys() == want.keys()
            for key in want:
                tolerance = 1e-4 if want[key].dtype == torch.float32 else 1e-11
                scale = float(want[key].abs().max())
                torch.testing.assert_close(got[key], want[key], rtol=0.0, atol=tolerance * scale, msg=lambda m: f"{name}: {m}")  # noqa: B023


def test_the_value_alone_is_written_where_no_operators_are_given(tmp_path: Path) -> None:
    model = made(dims=4)
    file = rbfnet.export(model, str(tmp_path / "u.pt2"))
    x = torch.rand(3, 4, dtype=F64)
    found = torch.export.load(file).module()(x)
    assert found.keys() == {"u"}
    torch.testing.assert_close(found["u"], model(x).detach())


def test_a_program_holds_the_parameters_as_they_were(tmp_path: Path) -> None:
    model, x = made(), torch.rand(3, 2, dtype=F64)
    before = model(x).detach()
    program = torch.export.load(export(model, tmp_path / "u.pt2")).module()
    # The model itself is left as it was.
    assert all(p.requires_grad for p in model.parameters())
    model.weight.data.zero_()
    torch.testing.assert_close(program(x)["u"], before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "u.pt"}, r"must end in .pt2, but got '.*u.pt'"),
        ({"path": "there.pt2"}, "already exists; choose another name, or remove it"),
        ({"model": nn.Linear(2, 1)}, "Linear has no closed-form derivatives"),
        ({"operators": {}}, "At least one operator is needed"),
        ({"operators": {"u": Operator.d("xx")}}, "There is no coordinate 'xx'"),
        ({"operators": {"u": Operator.d("tine")}, "coords": ("time", "x")}, "no coordinate 'tine'; did you mean 'time'"),
        ({"operators": {"u": Operator.d(2)}}, "Coordinate index 2 is out of range for 2 coordinates"),
        ({"coords": ("x", "y", "z")}, "The model has 2 inputs, but 3 coordinates are named: x, y, z"),
        ({"operators": {"b": Operator.biharmonic("x", "y")}, "model": made("polyharmonic")}, "has order 4, but Polyharmonic"),
    ],
    ids=lambda v: ", ".join(v) if isinstance(v, dict) else "",
)
def test_what_cannot_be_exported_is_refused_in_one_sentence(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "there.pt2").touch()
    given = {"model": made(), "path": "u.pt2", **change}
    given["path"] = tmp_path / given["path"]
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=message) as caught:
        export(**given)
    assert "\n" not in str(caught.value) and sorted(tmp_path.iterdir()) == before


# -- tracing -----------------------------------------------------------------------------------------------------------

QUICK = [("value", "gaussian", "isotropic"), ("Laplacian", "matern", "full")]
CHANNELS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "value": lambda u, x: u(x),
    "gradient": jacobian,
    "Hessian": hessian,
    "Laplacian": laplacian,
}
TRACED = [
    pytest.param(name, kernel, metric, marks=() if (name, kernel, metric) in QUICK else pytest.mark.slow)
    for name in CHANNELS
    for kernel in ("gaussian", "matern")
    for metric in ("isotropic", "full")
]


class Channel(nn.Module):
    def __init__(self, network: RBFNetwork, channel: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.channel = network, channel

    def forward(self, x: Tensor) -> Tensor:
        return self.channel(self.network, x)


def gradients(f: Callable[[Tensor], Tensor], network: RBFNetwork, x: Tensor) -> list[Tensor]:
    value = f(x)
    leaves = [x, network.centers, network.metric.raw, network.weight]
    return [value, *torch.autograd.grad(value.square().sum(), leaves)]


def compare(network: RBFNetwork, channel: Callable[[Any, Tensor], Tensor], backend: str) -> None:
    torch.compiler.reset()
    module = Channel(network, channel)
    compiled = torch.compile(module, fullgraph=True, backend=backend)
    x = torch.cat([network.centers.detach(), torch.rand(5, 2, dtype=F64)]).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Not of tracing: PyTorch's compiler uses a part of PyTorch that is on its way out.
        warnings.filterwarnings("ignore", "`torch.jit.script_method` is deprecated", DeprecationWarning)
        got = gradients(compiled, network, x)
    for one, other in zip(got, gradients(module, network, x), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("name", "kernel", "metric"), TRACED)
def test_closed_forms_are_traced_as_a_whole_with_their_gradients(name: str, kernel: str, metric: str) -> None:
    compare(made(kernel, 2, metric=metric), CHANNELS[name], "aot_eager")


@pytest.mark.slow
def test_closed_forms_are_compiled_with_their_gradients() -> None:
    compare(made("matern", 2, metric="full", per_center=True), laplacian, "inductor")


@pytest.mark.parametrize(("name", "kernel", "metric"), TRACED)
def test_closed_forms_are_exported_with_their_gradients(name: str, kernel: str, metric: str) -> None:
    network = made(kernel, 2, metric=metric)
    module = Channel(network, CHANNELS[name])
    x = torch.cat([network.centers.detach(), torch.rand(5, 2, dtype=F64)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), module(x), rtol=1e-10, atol=1e-10)
    parameters = dict(exported.named_parameters())
    got = torch.autograd.grad(exported(x).square().sum(), [parameters["network.layer.centers"], parameters["network.weight"]])
    wanted = torch.autograd.grad(module(x).square().sum(), [network.centers, network.weight])
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)
