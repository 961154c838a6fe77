"""Every key of every config with values of every kind: one sentence, or a run that can be built."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from rbfnet.cli.main import dispatch

SMALL = ["network.num_centers=20", "problem.num_interior=40"]
BASES = [
    [*SMALL, "problem.num_boundary=20"],
    [*SMALL, "problem=equations"],
    [*SMALL, "problem=van_der_pol", "solver=gauss_newton"],
    [*SMALL, "problem=heat", "solver=evolve"],
    [*SMALL, "solver=adam", "kernel=matern", "callbacks=rad"],
    [*SMALL, "solver=lbfgs", "kernel=wendland", "callbacks=r3"],
    [*SMALL, "solver=sequence", "kernel=rational_quadratic"],
    [*SMALL, "kernel=scaled", "kernel.kernel=gaussian"],
    [*SMALL, "kernel=generalized_multiquadric", "solver=gauss_newton", "callbacks=grow", "network.per_center=true"],
    [*SMALL, "kernel=sum", "kernel.kernels=[gaussian,matern]"],
    [*SMALL, "kernel=polyharmonic", "problem=inverse_diffusivity", "problem.num_data=20", "solver=gauss_newton"],
    ["problem=table", "problem.path=data.csv", "problem.inputs=[x]", "problem.outputs=[y]"],
]
PLACES = {"run_dir", "save_dir", "name", "version", "_target_", "path"}
"""Keys whose values are names of files, where nearly everything is right, or code."""

SCALARS = (
    st.sampled_from(["nan", "inf", "-inf", "null", "true", "false", "''", "auto", "0", "-1", "1.5", "1e-300", "1e300", "9" * 30])
    | st.integers(-(10**12), 50).map(str)
    | st.floats().map(str)
    | st.sampled_from(["1/2", "2*pi", "1/0", "halton", "gaussian", "é", "x < 1", "1j"])
    | st.text("abcxyz_", min_size=1, max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.dictionaries(st.sampled_from("abx"), inner, max_size=2).map(
            lambda parts: "{" + ",".join(f"{key}: {value}" for key, value in parts.items()) + "}"
        )
    ),
    max_leaves=4,
)


def leaves(node: Any, prefix: str = "") -> Iterator[str]:
    """The keys of a config, those that lead to others too."""
    for key, value in node.items():
        if key not in PLACES:
            yield prefix + key
            if isinstance(value, dict):
                yield from leaves(value, f"{prefix}{key}.")


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = dispatch(["train", *arguments])
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[int, str]]]:
    """Each base by its number, with each of its keys; nothing is trained."""
    directory, before = tmp_path_factory.mktemp("fuzz"), Path.cwd()
    (directory / "data.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(9)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rbfnet.cli.train.execute", lambda run, first=True: 0)
        os.chdir(directory)
        try:
            configs = [OmegaConf.to_container(OmegaConf.create(run(*base, "--cfg", "job")[1])) for base in BASES]
            yield [(n, key) for n, config in enumerate(configs) for key in leaves(config)]
        finally:
            os.chdir(before)


def told_or_built(keys: list[tuple[int, str]], data: st.DataObject) -> None:
    number, key = data.draw(st.sampled_from(keys))
    value = data.draw(VALUES)
    before = sorted(Path().iterdir())
    code, out, err = run(*BASES[number], f"{key}={value}")
    assert code in (0, 2) and out == "" and len(err) < 2000
    if code == 2:
        assert err.startswith("rbfnet: ") and (err.count("\n") == 1 or err.rstrip().endswith("^")), err
    assert sorted(Path().iterdir()) == before


FUZZ: dict[str, Any] = {"deadline": 20_000, "derandomize": True, "suppress_health_check": list(HealthCheck), "database": None}


@settings(max_examples=25, **FUZZ)
@given(st.data())
def test_any_value_of_any_key_is_told_or_built(keys: list[tuple[int, str]], data: st.DataObject) -> None:
    told_or_built(keys, data)


@pytest.mark.slow
@settings(max_examples=400, **FUZZ)
@given(st.data())
def test_many_values_of_any_key_are_told_or_built(keys: list[tuple[int, str]], data: st.DataObject) -> None:
    told_or_built(keys, data)
