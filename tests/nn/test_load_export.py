"""Programs from elsewhere: ours are read as they are, and nothing that a file holds is run."""

from __future__ import annotations

import copy
import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import rbfnet
from rbfnet import InputError, Operator
from rbfnet.nn import Affine, RBFNetwork

MODEL, WEIGHTS = "models/model.json", "data/weights/model_weights_config.json"
CONSTANTS, EXAMPLE = "data/constants/model_constants_config.json", "data/sample_inputs/model.pt"
OPERATORS = {"u": Operator.identity(), "it's": Operator.laplacian("x", "y")}
RUN = "__import__('os').system('touch owned')"


def made(kernel: str = "gaussian", dtype: torch.dtype = torch.float64, **arguments: Any) -> RBFNetwork:
    torch.manual_seed(0)
    network = RBFNetwork(2, 2, 8, kernel, dtype=dtype, **arguments)
    network.set_coefficients(torch.randn(network.coefficients.shape, dtype=dtype))
    return network


def affine() -> Affine:
    numbers = ([1.0, -2.0], [3.0, 0.5], [1.0, 2.0], [2.0, 4.0])
    return Affine(made(metric="full", per_center=True), *(torch.tensor(n, dtype=torch.float64) for n in numbers))


@pytest.mark.parametrize(
    "make",
    [made, lambda: made("polyharmonic", torch.float32, degree=2), lambda: made("matern"), lambda: made("wendland"), affine],
    ids=["gaussian", "tail", "matern", "wendland", "affine"],
)
def test_a_program_gives_what_pytorch_reads(tmp_path: Path, make: Callable[[], Any]) -> None:
    model = make()
    file = rbfnet.export(model, tmp_path / "a.pt2", OPERATORS)
    mine, theirs = rbfnet.load_export(file), torch.export.load(file).module()
    for n in (1, 9):
        x = torch.rand(n, 2, dtype=model.centers.dtype)
        got, want = mine(x), theirs(x)
        assert list(got) == list(OPERATORS)
        assert all(torch.equal(got[name], want[name]) for name in OPERATORS)


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    file = rbfnet.export(made(), tmp_path_factory.mktemp("programs") / "a.pt2", OPERATORS)
    with zipfile.ZipFile(file) as archive:
        return {info.filename.removeprefix("a/"): archive.read(info) for info in archive.infolist()}


class Pickled:
    def __reduce__(self) -> Any:
        return os.system, ("touch owned",)


def pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save(Pickled(), buffer)
    return buffer.getvalue()


def in_json(name: str, alter: Callable[[Any], Any]) -> Callable[[dict[str, bytes]], None]:
    def altered(members: dict[str, bytes]) -> None:
        content = json.loads(members[name])
        alter(content)
        members[name] = json.dumps(content).encode()

    return altered


def node(**keys: Any) -> Callable[[dict[str, bytes]], None]:
    return in_json(MODEL, lambda model: model["graph_module"]["graph"]["nodes"][3].update(keys))


def argument(kind: str, value: Any) -> Callable[[dict[str, bytes]], None]:
    given = {"name": "g", "arg": {kind: value}, "kind": 1}
    return in_json(MODEL, lambda model: model["graph_module"]["graph"]["nodes"][3]["inputs"].append(given))


def first(model: Any) -> Any:
    return next(iter(model["config"].values()))


def signature(model: Any) -> Any:
    return model["graph_module"]["module_call_graph"][0]["signature"]


ENUM = json.dumps([{"__enum__": True, "fqn": "antigravity:x", "name": "y"}])
SPEC = json.dumps([1, {"type": "builtins.dict", "context": ENUM, "children_spec": []}])
EXPRESSION = {"as_expr": {"expr_str": RUN, "hint": {"as_int": 2}}}
HOSTILE: dict[str, Callable[[dict[str, bytes]], Any]] = {
    "pickled example": lambda m: m.update({EXAMPLE: pickled()}),
    "pickled weights": lambda m: m.update({"data/weights/model.pt": pickled()}),
    "pickled constants": lambda m: m.update({"data/constants/model.pt": pickled()}),
    "a weight that is pickled": in_json(WEIGHTS, lambda c: first(c).update(use_pickle=True)),
    "an object": in_json(CONSTANTS, lambda c: c["config"].update(c={"path_name": "custom_obj_0", "use_pickle": False})),
    "a compiled library": lambda m: m.update({"data/aotinductor/model/a.so": b"x"}),
    "another model": lambda m: m.update({"models/other.json": m[MODEL]}),
    "a weight without end": in_json(WEIGHTS, lambda c: first(c)["tensor_meta"].update(sizes=[{"as_int": 10**12}, {"as_int": 1}])),
    "an expression": in_json(
        MODEL, lambda c: c["graph_module"]["graph"]["tensor_values"]["x"]["sizes"].__setitem__(0, EXPRESSION)
    ),
    "a range": in_json(MODEL, lambda c: c["range_constraints"].update({RUN: {"min_val": 1, "max_val": None}})),
    "a guard": in_json(MODEL, lambda c: c["guards_code"].append(RUN)),
    "a name": lambda m: m.update({MODEL: m[MODEL].replace(b'"x"', f'"x={RUN}"'.encode())}),
    "a parameter": lambda m: m.update({MODEL: m[MODEL].replace(b'"model.weight"', b'"model.weight);import os"')}),
    "an enumeration": in_json(MODEL, lambda c: signature(c).update(out_spec=SPEC)),
    "another form": in_json(MODEL, lambda c: signature(c).update(in_spec=SPEC)),
    "a graph": argument("as_graph", {"name": "g", "graph": {}}),
    "a text": argument("as_string", "x"),
    "nested": lambda m: m.update({MODEL: b"[" * 10**6}),
    "empty": lambda m: m.update({MODEL: b"{}"}),
    "missing": lambda m: m.pop(WEIGHTS),
    **{
        f"calls {target}": node(target=target)
        for target in (
            "torch.load",
            "os.system",
            "_operator.attrgetter",
            "torch.ops.aten.from_file.default",
            "torch.ops.aten.add",
        )
    },
}


def written(file: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(f"a/{name}", content)
    return file


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_ours_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = dict(members)
    HOSTILE[name](hostile)
    with pytest.raises(InputError) as caught:
        rbfnet.load_export(written(tmp_path / "b.pt2", hostile))
    assert "\n" not in str(caught.value)
    assert not Path("owned").exists()


def test_what_is_no_program_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="There is no file"):
        rbfnet.load_export(tmp_path / "none.pt2")
    (tmp_path / "text.pt2").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        rbfnet.load_export(tmp_path / "text.pt2")
    with pytest.raises(InputError, match="is compressed"):
        rbfnet.load_export(written(tmp_path / "packed.pt2", members, zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("seed", range(3))
def test_no_value_anywhere_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes], seed: int) -> None:
    """Code, and other things that do not belong there, in places of a program by chance."""
    monkeypatch.chdir(tmp_path)
    draw, model = random.Random(seed), json.loads(members[MODEL])
    for _ in range(12):
        part = altered = copy.deepcopy(model)
        key = draw.choice(list(part))
        while isinstance(inner := part[key], (dict, list)) and inner:
            part, key = inner, draw.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        part[key] = draw.choice([RUN, [RUN], {"as_expr": {"expr_str": RUN, "hint": None}}, -1, None])
        try:
            rbfnet.load_export(written(tmp_path / "b.pt2", {**members, MODEL: json.dumps(altered).encode()}))
        except InputError as error:
            assert "\n" not in str(error)
        assert not Path("owned").exists()
