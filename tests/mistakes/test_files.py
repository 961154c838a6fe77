"""Mistakes in files: configs of the user's own in YAML, tables, meshes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Told = Callable[..., None]

EQUATIONS = """\
_target_: rbfnet.problems.Equations
domain: {_target_: rbfnet.domains.Rectangle, x: [0, 1], y: [0, 1]}
outputs: [u]
equations: ["lap(u) = 1"]
conditions: [{dirichlet: 0}]
parameters: null
exact: null
num_interior: 60
num_boundary: 20
sampler: halton
"""

UNREADABLE: dict[str, tuple[str, str]] = {
    "a tab": ("_target_: a\ndomain:\n\tx: 1\n", "line 3, column 1: YAML must be indented with spaces, but there is a tab"),
    "a bracket": ("_target_: a\nx: [1, 2\ny: 3\n", "line 3, .* expected ',' or ']'"),
    "a quotation mark": ("_target_: 'a\n", "unexpected end of stream"),
    "a key twice": ("_target_: a\nx: 1\nx: 2\n", "line 3, column 1: found duplicate key x"),
    "a colon": ("_target_: a: b\n", "mapping values are not allowed here"),
    "an indentation": ("_target_: a\n  x: 1\n", "line 2"),
    "an alias": ("x: *a\n", "undefined alias 'a'"),
    "a tag": ("x: !!python/object:os.system {}\n", "could not determine a constructor|python/object"),
    "nothing": ("", "problem .*"),
    "a list": ("- a\n", "problem "),
    "no target": ("x: 1\n", "problem "),
    "an interpolation": ("_target_: ${nothing}\n", "nothing"),
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("group", ["problem", "experiment"])
def test_yaml_that_cannot_be_read(told: Told, name: str, group: str) -> None:
    text, sentence = UNREADABLE[name]
    if group == "experiment":
        if name in ("nothing", "no target", "a list"):
            return
        text = "# @package _global_\n" + text
        sentence = sentence.replace("line 3", "line 4").replace("line 2", "line 3")
    Path(f"mine/{group}").mkdir(parents=True)
    Path(f"mine/{group}/own.yaml").write_text(text)
    told(["train", "--config-dir", "mine", f"{group}=own"], sentence)


WRONG: dict[str, tuple[str, str, str]] = {
    "a coordinate": ("lap(u) = 1", "lap(u, q) = 1", "no coordinate 'q'"),
    "an output": ("lap(u) = 1", "lap(v) = 1", "no output 'v'"),
    "a function": ("lap(u) = 1", "lap(u) = sine(x)", "no function 'sine'; did you mean"),
    "an equation that ends": ("lap(u) = 1", "lap(u) =", "ends where a number, a name or a parenthesis is expected"),
    "an attribute": ("lap(u) = 1", "u.real", "Equations have no attributes"),
    "a number too large": ("lap(u) = 1", "9**9**9**9", "not a finite real number"),
    "a condition": ("dirichlet", "dirichlett", "no condition 'dirichlett'; did you mean 'dirichlet'"),
    "an argument of a condition": ("{dirichlet: 0}", "{dirichlet: 0, wieght: 2}", "called 'wieght'; did you mean 'weight'"),
    "hard: maybe": ("{dirichlet: 0}", "{dirichlet: 0, hard: maybe}", "hard of Dirichlet must be true or false, but got 'maybe'"),
    "a weight": ("{dirichlet: 0}", "{dirichlet: 0, weight: -1}", "weight .* must be positive and finite, but got -1"),
    "a weight that is a list": ("{dirichlet: 0}", "{dirichlet: 0, weight: [1]}", r"weight .*, but got \[1\]"),
    "points": ("{dirichlet: 0}", "{dirichlet: 0, points: 0}", "whole number of at least 1, but got 0"),
    "a part": ("{dirichlet: 0}", "{dirichlet: 0, on: x=top}", "x=top"),
    "a value": ("{dirichlet: 0}", "{dirichlet: [1, 2]}", r"\[1, 2\]"),
    "no condition": ("[{dirichlet: 0}]", "3", "conditions|condition"),
    "an end": ("x: [0, 1]", "x: [1, 0]", "from a lower to a higher number, but got .1, 0."),
    "one end": ("x: [0, 1]", "x: [1]", r"of shape .2,., but got .1,."),
    "an end that is a word": ("x: [0, 1]", "x: [0, one]", "of shape .2,., but got .*one"),
    "an end that is infinite": ("x: [0, 1]", "x: [0, .inf]", "must be finite, but got inf"),
    "an end beyond all": ("x: [0, 1]", "x: [0, 1e200]", "at most 1e.100 in absolute value"),
    "a domain": ("rbfnet.domains.Rectangle", "rbfnet.domains.Rectangel", "did you mean 'Rectangle'"),
    "no domain": ("{_target_: rbfnet.domains.Rectangle, x: [0, 1], y: [0, 1]}", "3", "domain must be one of .* got 3"),
    "outputs": ("[u]", "[u, 3]", "outputs must be names of letters, .* but got"),
    "a parameter": (
        "parameters: null",
        "parameters: {a: [1]}",
        r"parameter a must be a finite number or a string, but got \[1\]",
    ),
    "an exact file": ("exact: null", "exact: nowhere.csv", "no file 'nowhere.csv'"),
    "a sampler": ("halton", "[halton]", r"sampler of .* must be a string, but got \['halton'\]"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_problem_in_yaml_that_does_not_fit(told: Told, name: str) -> None:
    part, other, sentence = WRONG[name]
    assert part in EQUATIONS
    Path("mine/problem").mkdir(parents=True)
    Path("mine/problem/own.yaml").write_text(EQUATIONS.replace(part, other))
    told(["train", "-cd", "mine", "problem=own", "network.num_centers=30"], sentence)


Z = np.arange(9.0)
TABLES: dict[str, tuple[str, object, str]] = {
    "no such file": ("other.csv", "x,y\n1,2\n", "no file 'data.csv'; here are: other.csv"),
    "another kind": ("data.xlsx", "x,y\n1,2\n", "read from .csv or .npz files, but got 'data.xlsx'"),
    "parquet": ("data.parquet", "PAR1", "cannot be read as Parquet|A Parquet file needs pyarrow"),
    "an empty file": ("data.csv", "", "no column in 'data.csv' called 'x'"),
    "a header alone": ("data.csv", "x,y\n", "has a header but no rows"),
    "another column": ("data.csv", "x,z\n1,2\n", "no column in 'data.csv' called 'y'"),
    "a column twice": ("data.csv", "x,y,y\n1,2,3\n", "2 columns called 'y'"),
    "a word": ("data.csv", "x,y\n1,2\n3,four\n", "Row 2, column 'y' of 'data.csv' holds 'four'"),
    "an empty cell": ("data.csv", "x,y\n1,2\n3,\n", "Row 2, column 'y' of 'data.csv' is empty"),
    "a short row": ("data.csv", "x,y\n1,2\n3\n", "Row 2, column 'y' of 'data.csv' is empty"),
    "not a number": ("data.csv", "x,y\n1,nan\n", "Row 1, column 'y' of 'data.csv' holds 'nan'"),
    "bytes": ("data.csv", b"x,y\n\xff\xfe,1\n", "not a text file in UTF-8"),
    "no archive": ("data.npz", "x,y\n", "'data.npz' cannot be read: File is not a zip file"),
    "an empty archive": ("data.npz", {}, "no column in 'data.npz' called 'x'"),
    "another array": ("data.npz", {"x": Z, "z": Z}, "no column in 'data.npz' called 'y'"),
    "objects": ("data.npz", {"x": Z, "y": np.array([None] * 9)}, "cannot be read as an NPZ file of numbers"),
    "records": ("data.npz", {"x": Z, "y": np.zeros(9, dtype=[("a", float)])}, "Array 'y' of 'data.npz' holds .*; real numbers"),
    "words": ("data.npz", {"x": Z, "y": np.array(["a"] * 9)}, "Array 'y' of 'data.npz' holds .*; real numbers"),
    "complex numbers": ("data.npz", {"x": Z, "y": Z * 1j}, "Array 'y' of 'data.npz' holds complex128; real numbers"),
    "three dimensions": ("data.npz", {"x": Z, "y": np.zeros((9, 1, 1))}, "must be one-dimensional"),
    "a number alone": ("data.npz", {"x": Z, "y": np.array(3.0)}, "must be one-dimensional"),
    "two lengths": ("data.npz", {"x": Z, "y": Z[:5]}, "of equal length, but are"),
    "no rows": ("data.npz", {"x": Z[:0], "y": Z[:0]}, "are empty; at least one row is needed"),
    "an infinite number": ("data.npz", {"x": Z, "y": np.where(Z == 3, np.inf, Z)}, "Row 4, column 'y' of 'data.npz' holds inf"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_cannot_be_read(told: Told, name: str) -> None:
    file, content, sentence = TABLES[name]
    if isinstance(content, dict):
        np.savez(file, **content)
    else:
        Path(file).write_bytes(content if isinstance(content, bytes) else str(content).encode())
    path = file if file.startswith("data") else "data.csv"
    told(["train", "problem=table", f"problem.path={path}", "problem.inputs=[x]", "problem.outputs=[y]"], sentence)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    {
        "problem.path=": "path",
        f"problem.path={'a' * 300}.csv": "names of at most 255 characters, but got 'aaa",
        "problem.path=.": "no file '.'",
        "problem.inputs=[]": "at least one input and one output",
        "problem.inputs=[x,x]": "Column 'x' occurs twice",
        "problem.inputs=[3]": r"no column 3 in 'data.csv', which has 2, counted from 0: x, y",
        "problem.outputs={a: 1}": "problem.outputs does not resolve",
        "problem.test=-1": "a fraction below 1 or a whole number of rows, but got -1",
        "problem.test=1.5": "a fraction below 1 or a whole number of rows, but got 1.5",
        "problem.validation=100": "leave none of the 9 rows to train on",
        "problem.test=half": "a fraction below 1 or a whole number of rows, but got 'half'",
    }.items(),
)
def test_what_is_said_of_a_table(told: Told, typed: str, sentence: str) -> None:
    Path("data.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(9)))
    told(["train", "problem=table", "problem.path=data.csv", "problem.inputs=[x]", "problem.outputs=[y]", typed], sentence)


CORNERS = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0.2, 0.2, 0), (-1, 0.5, 0)]
MESHES: dict[str, tuple[list[tuple[int, ...]], str]] = {
    "cells that overlap": ([(0, 1, 2), (3, 4, 5)], "Cells 0 and 1 of 'm.vtk' overlap"),
    "a cell twice": ([(0, 1, 2), (0, 1, 2)], "Cells 0 and 1 of 'm.vtk' overlap"),
    "a cell without volume": ([(0, 1, 2), (1, 1, 3)], "Cell 1 of 'm.vtk' has no volume"),
}


@pytest.mark.parametrize("name", [*MESHES, "no mesh", "no file", "text"])
def test_a_mesh_that_is_none(told: Told, name: str) -> None:
    import meshio

    sentence = "no (mesh )?file 'm.vtk'" if name == "no file" else "'m.vtk' cannot be read as a mesh"
    if name in MESHES:
        cells, sentence = MESHES[name]
        meshio.write("m.vtk", meshio.Mesh(np.array(CORNERS, dtype=float), [("triangle", np.array(cells))]))
    elif name != "no file":
        Path("m.vtk").write_bytes(b"\0\1\2" if name == "no mesh" else b"vertices\n")
    Path("mine/problem").mkdir(parents=True)
    domain = "{_target_: rbfnet.domains.Mesh, path: m.vtk}"
    text = EQUATIONS.replace("{_target_: rbfnet.domains.Rectangle, x: [0, 1], y: [0, 1]}", domain)
    Path("mine/problem/own.yaml").write_text(text)
    told(["train", "-cd", "mine", "problem=own", "network.num_centers=30"], sentence)
