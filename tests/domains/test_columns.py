from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rbfnet.domains import read_columns, read_rows
from rbfnet.errors import InputError
from rbfnet.problems import Table
from rbfnet.tables import Form


def test_csv_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("\ufeffx, y ,name,z\n1,2,a,3e1\n4,5.5,b,-6\n\n", encoding="utf-8")
    assert read_columns(file, ["z", "x"]).tolist() == [[30.0, 1.0], [-6.0, 4.0]]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_recognised_by_the_header(tmp_path: Path, delimiter: str) -> None:
    file = tmp_path / "points.csv"
    file.write_text(f"x{delimiter}y\n1{delimiter}2\n")
    assert read_columns(file, ["x", "y"]).tolist() == [[1.0, 2.0]]


def test_npz_arrays_are_columns(tmp_path: Path) -> None:
    file = tmp_path / "points.npz"
    np.savez(file, x=np.arange(3), y=np.arange(3.0) / 2)
    assert torch.equal(read_columns(file, ["x", "y"]), torch.tensor([[0, 0], [1, 0.5], [2, 1]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x,y\n1,2\n3,\n", "Row 2, column 'y' of '.*' is empty"),
        ("x,y\n1,2\n3,nan\n", "Row 2, column 'y' of '.*' holds 'nan'"),
        ("x,y\n1,2\n3,four\n", "Row 2, column 'y' of '.*' holds 'four'"),
        ("x,y\n1,2\n3\n", "Row 2, column 'y' of '.*' is empty"),
        ("x,y\n", "has a header but no rows"),
        ("", "no column in '.*' called 'x'; known: none"),
        ("x,Y\n1,2\n", "no column in '.*' called 'y'"),
    ],
)
def test_what_is_wrong_in_a_csv_is_said_with_row_and_column(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "points.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=sentence):
        read_columns(file, ["x", "y"])


def test_a_file_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("x\n1\n")
    with pytest.raises(ValueError, match=r"There is no file .*; here are: other.csv"):
        read_columns(tmp_path / "points.csv", ["x"])


def test_binary_files_and_other_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(ValueError, match="not a text file in UTF-8"):
        read_columns(tmp_path / "points.csv", ["x"])
    (tmp_path / "points.xlsx").write_bytes(b"x")
    with pytest.raises(ValueError, match=re.escape("read from .csv or .npz")):
        read_columns(tmp_path / "points.xlsx", ["x"])


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"x": np.arange(3), "y": np.arange(2)}, "of equal length"),
        ({"x": np.zeros((2, 2)), "y": np.zeros((2, 2))}, "one-dimensional"),
        ({"x": np.zeros(0), "y": np.zeros(0)}, "are empty"),
        ({"x": np.zeros(2), "y": np.array(["a", "b"])}, "real numbers are needed"),
        ({"x": np.zeros(2), "y": np.array([0, np.inf])}, "Row 2, column 'y'"),
        ({"x": np.zeros(2), "yy": np.zeros(2)}, "did you mean 'yy'"),
        # An array of objects is stored as a pickle, which is never read.
        ({"x": np.zeros(2), "y": np.array([{}, {}], dtype=object)}, "cannot be read as an NPZ file of numbers"),
    ],
)
def test_what_is_wrong_in_an_npz_is_said(tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str) -> None:
    file = tmp_path / "points.npz"
    np.savez(file, **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=sentence):
        read_columns(file, ["x", "y"])


# -- tables as people have them -------------------------------------------------------------------------------------------------

LATE = "# measured by hand\n\n% second comment\nx [m] ; Höhe (m)\nm ; m\n0,5 ; -1,25e1\n# in between\n1,5 ; 3\n"


def test_decimal_commas_units_comments_and_packing(tmp_path: Path) -> None:
    form = Form(decimal=",", units_row=True)
    (tmp_path / "late.csv").write_text("\ufeff" + LATE, encoding="utf-8")
    with gzip.open(tmp_path / "late.csv.gz", "wt", encoding="utf-8") as packed:
        packed.write(LATE)
    for name in ("late.csv", "late.csv.gz"):
        assert read_columns(tmp_path / name, ["Höhe (m)", "x [m]"], form).tolist() == [[-12.5, 0.5], [3.0, 1.5]]


def test_columns_go_by_position_too(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text("x\ty\tx\n1\t2\t3\n")
    found = read_rows(file, [-1, 1])
    assert found.values.tolist() == [[3.0, 2.0]] and found.names == ("x", "y")
    with pytest.raises(ValueError, match=r"There is no column 3 in '.*', which has 3, counted from 0: x, y, x"):
        read_columns(file, [3])
    np.savez(tmp_path / "a.npz", a=np.arange(2), b=np.arange(2) + 5)
    assert read_columns(tmp_path / "a.npz", [1]).tolist() == [[5.0], [6.0]]


def test_without_a_header_columns_go_by_position_and_no_row_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    np.savetxt(file, [[1.0, 2.5], [3.0, 4.0]], delimiter=",")
    assert read_columns(file, [1, 0]).tolist() == [[2.5, 1.0], [4.0, 3.0]]
    with pytest.raises(InputError, match=r"no column in .* called 'x'; known: 0, 1"):
        read_columns(file, ["x", "y"])
    file.write_text("0,5;1\n1;2\n")
    assert read_columns(file, [0, 1], Form(decimal=",")).tolist() == [[0.5, 1.0], [1.0, 2.0]]
    # Distinct whole numbers are names: years, or the positions that pandas writes.
    file.write_text("1990,2000\n1,2\n")
    assert read_columns(file, [1, 0]).tolist() == [[2.0, 1.0]]


def test_the_header_may_be_the_last_of_the_comments(tmp_path: Path) -> None:
    np.savetxt(tmp_path / "a.txt", [[1.0, 2.0], [3.0, 4.0]], delimiter=",", header="by numpy\nx,y")
    assert read_columns(tmp_path / "a.txt", ["y"]).tolist() == [[2.0], [4.0]]


def test_rows_with_missing_cells_are_left_out_where_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x,y,z\n1,2,\n,2,1\n3,n/a,1\n4,NaN,1\n5,-,1\n6,7,#N/A\n8,9\n")
    found = read_rows(file, ["x", "y"], missing="drop")
    assert found.values.tolist() == [[1, 2], [6, 7], [8, 9]] and (found.total, found.dropped) == (7, 4)
    with pytest.raises(ValueError, match=r"Row 2, column 'x' of '.*' is empty; .* or leave such rows out by missing=drop"):
        read_columns(file, ["x", "y"])
    with pytest.raises(ValueError, match=r"In each of the 7 rows of '.*' a cell of z, x, y is missing"):
        read_rows(file, ["z", "x", "y"], missing="drop")
    np.savez(tmp_path / "a.npz", x=[1.0, np.nan], y=[1.0, 2.0])
    assert read_rows(tmp_path / "a.npz", ["x", "y"], missing="drop").values.tolist() == [[1, 1]]
    file.write_text("x,y\n1,inf\n")
    with pytest.raises(ValueError, match=r"Row 1, column 'y' of '.*' holds 'inf'"):
        read_rows(file, ["x", "y"], missing="drop")
    with pytest.raises(ValueError, match="missing is refuse or drop, but got 'skip'"):
        read_rows(file, ["x"], missing="skip")


@pytest.mark.parametrize(
    ("text", "form", "sentence"),
    [
        ("x;y\n1,5;2\n", Form(), "holds '1,5'; a finite number is needed: a decimal comma is asked for by decimal=','"),
        # A thousand, or one and a bit: nobody knows.
        ("x;y\n1.234;2\n", Form(decimal=","), "holds '1.234'"),
        ("x;y\n1_000;2\n", Form(), "holds '1_000'"),
        ("x;y\nm;s\n1;2\n", Form(), "Row 1, column 'x' of '.*' holds 'm'"),
    ],
)
def test_what_is_not_asked_for_is_not_guessed(tmp_path: Path, text: str, form: Form, sentence: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=sentence):
        read_columns(tmp_path / "a.csv", ["x", "y"], form)


def test_what_only_looks_packed_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_text("x\n1\n")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        read_columns(tmp_path / "a.csv.gz", ["x"])
    with gzip.open(tmp_path / "b.csv.gz", "wt") as packed:
        packed.write("x\n" + "1\n" * 9000)
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes((tmp_path / "b.csv.gz").read_bytes()[:-12])
    with pytest.raises(ValueError, match="cannot be unpacked"):
        read_columns(cut, ["x"])


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"x": [1, 2, None], "height (m)": [0.5, 1.5, 2.5], "name": ["a", "b", "c"]})
    parquet.write_table(table, tmp_path / "a.parquet")
    found = read_rows(tmp_path / "a.parquet", ["height (m)", "x"], missing="drop")
    assert found.values.tolist() == [[0.5, 1], [1.5, 2]] and found.dropped == 1
    with pytest.raises(ValueError, match="Row 3, column 'x'"):
        read_columns(tmp_path / "a.parquet", ["x"])
    with pytest.raises(ValueError, match=r"Column 'name' of '.*' holds string; real numbers are needed"):
        read_columns(tmp_path / "a.parquet", ["name"])
    (tmp_path / "b.parquet").write_text("x")
    with pytest.raises(ValueError, match="cannot be read as Parquet"):
        read_columns(tmp_path / "b.parquet", ["x"])


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"A Parquet file needs pyarrow, which is not .*'rbfnet\[parquet\]'"):
        read_columns(tmp_path / "a.parquet", ["x"])


def test_a_table_says_how_many_rows_it_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x;y\n1;2\n2;\n3;4\n")
    problem = Table(str(tmp_path / "a.csv"), 0, ["y"], missing="drop")
    assert problem.remarks() == ["1 of 3 rows have a cell that is empty or n/a, and were left out."]
    assert problem.domain.coords == ("x",) and problem.outputs == ("y",)
