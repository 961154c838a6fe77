from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from rbfnet.domains import read_columns


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
