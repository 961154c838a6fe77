"""A command starts at once. Not timed: what takes long is importing, and looking for garbage among what is imported."""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbfnet.catalogue import catalogue
from rbfnet.cli.counts import COUNTS, require_counts
from rbfnet.cli.process import left_as_found, spared_by_the_collector
from rbfnet.errors import InputError
from rbfnet.nn import RBFLayer
from rbfnet.training import R3, RAD, Grow

PROGRAM = """
import gc, json, sys
from rbfnet.cli.answer import answered
from rbfnet.cli.main import _dispatched

steps, codes = {}, []

def step(name, *commands):
    for command in commands:
        codes.append((command, answered(_dispatched, command.split()), "torch" in sys.modules))
    steps[name] = sorted(sys.modules)

step("nothing", "--help", "list", "--version", "frain")
wrong = ["problem=poison", "kernel.epsilon=2", "solver=lbfgs seed=x", "problem=table problem.path=no.csv problem.inputs=[x]"]
wrong += ["network.num_centers=-2", "trainer.max_epochs=0", "solver=adam solver.batch_size=1.5", "problem.num_interior=nan"]
step("wrong", "train --hel", *[f"train {text}" for text in wrong])
import lightning.pytorch
step("lightning")
step("train", "train figures=false problem.num_interior=40 problem.num_boundary=20 network.num_centers=16 --allow-unsolved")
print(json.dumps([steps, codes, gc.get_freeze_count(), gc.isenabled()]), file=sys.stderr)
"""


def packages(modules: list[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_nothing_is_imported_that_a_command_does_not_need(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    steps, codes, spared, collects = json.loads(done.stderr.splitlines()[-1])
    *cheap, run = codes
    assert [code for _, code, _ in cheap] == [0] * 3 + [2] * (len(cheap) - 3) and run[1:] == [0, True]
    assert not [command for command, _, torch in cheap if torch]
    assert not {"torch", "lightning", "hydra", "omegaconf", "numpy", "rich"} & packages(steps["nothing"])
    # Hydra composes the config that is wrong.
    assert not {"torch", "lightning", "numpy", "scipy", "matplotlib", "rich"} & packages(steps["wrong"])
    # Lightning imports torch._dynamo, and torchmetrics does scipy.signal and matplotlib.pyplot; the rest of a run adds little.
    brought = set(steps["train"]) - set(steps["lightning"])
    others = packages([*brought]) - packages(steps["lightning"]) - set(sys.stdlib_module_names)
    assert others <= {"jaxtyping", "safetensors"}, others
    large = ("matplotlib", "scipy", "sklearn", "shapely", "meshio", "pandas", "torch._inductor", "torch.onnx")
    assert not [module for module in brought if module.startswith(large)]
    assert spared > 100_000 and collects


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_is_put_back(monkeypatch: pytest.MonkeyPatch, collects: bool) -> None:
    assert not gc.get_freeze_count() and gc.isenabled()
    try:
        if not collects:
            gc.disable()
        with left_as_found():
            with spared_by_the_collector():
                assert not gc.isenabled()
            assert not gc.get_freeze_count(), "garbage of an earlier run would be spared where nothing is imported"
            monkeypatch.delitem(sys.modules, "colorsys", raising=False)
            with spared_by_the_collector():
                importlib.import_module("colorsys")
            assert gc.get_freeze_count() and gc.isenabled() == collects
        assert not gc.get_freeze_count() and gc.isenabled() == collects
    finally:
        gc.enable()


def takes_counts() -> Iterator[tuple[type, str]]:
    for cls in [*catalogue("problems", "Problem").values(), *catalogue("solvers", "Solver").values(), RBFLayer, RAD, R3, Grow]:
        parameters = inspect.signature(cls).parameters
        if not [p for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD] or cls is RBFLayer:
            yield from ((cls, name) for name in COUNTS if name in parameters)


def test_counts_are_told_as_their_classes_tell_them() -> None:
    found = [*takes_counts()]
    assert {name for _, name in found} == set(COUNTS)
    for cls, name in found:
        for wrong in (0, -3, 2.5):
            target = f"rbfnet.{cls.__name__}"
            config = {"trainer": {}, "solver": {"stages": [{"_target_": target, name: wrong}]}}
            with pytest.raises(InputError) as early:
                require_counts(config)
            with pytest.raises(InputError) as late:
                cls(**{name: wrong}, **({"in_features": 2} if cls is RBFLayer else {}))
            assert str(early.value) == str(late.value), cls


def test_what_is_no_number_or_not_ours_is_left_alone() -> None:
    theirs = {"_target_": "mine.Own", "num_centers": 0, "inner": {"_target_": "rbfnet.solvers.Adam", "batch_size": None}}
    require_counts({"trainer": {"max_epochs": None}, "network": {"num_centers": "30"}, "solver": theirs})
    theirs["inner"] = {"_target_": "rbfnet.solvers.Adam", "batch_size": 0}
    with pytest.raises(InputError, match="batch_size"):
        require_counts({"trainer": {}, "solver": theirs})
    with pytest.raises(InputError, match=r"trainer.max_epochs must be a whole number of at least 1, but got 1.5"):
        require_counts({"trainer": {"max_epochs": 1.5}})
