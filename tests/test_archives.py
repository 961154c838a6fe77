"""Tables and archives that claim more than they have, or than there is room for."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rbfnet import memory
from rbfnet.domains import read_columns
from rbfnet.errors import InputError
from rbfnet.memory import require_memory


def header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()


def packed(file: Path, array: bytes, zeros: int) -> Path:
    """An NPZ file with one array x, of a header and so many bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w", force_zip64=True) as member:
        member.write(array)
        for _ in range(zeros // 10**6):
            member.write(bytes(10**6))
        member.write(bytes(zeros % 10**6))
    return file


def test_rows_that_a_header_claims_are_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"number of entries of array 'x' of .* must be at most"):
        read_columns(packed(tmp_path / "claims.npz", header((10**12,)), 8), ["x"])
    with pytest.raises(InputError, match="claims 1,000 entries, but has 8 bytes"):
        read_columns(packed(tmp_path / "short.npz", header((1000,)), 8), ["x"])
    with pytest.raises(InputError, match="cannot be read"):
        read_columns(packed(tmp_path / "none.npz", b"no array", 8), ["x"])
    assert len(read_columns(packed(tmp_path / "honest.npz", header((1000,)), 8000), ["x"])) == 1000


def test_an_archive_beyond_memory_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """40 MB in 40 kB, on a machine of 20 MB."""
    file = packed(tmp_path / "bomb.npz", header((5 * 10**6,)), 40 * 10**6)
    assert file.stat().st_size < 10**5
    monkeypatch.setattr("rbfnet.archives.budget", lambda: 10**7)
    with pytest.raises(InputError, match=r"claims to hold 0.0 GB; at most 0 GB are read"):
        read_columns(file, ["x"])


def test_text_beyond_memory_or_without_lines_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "sparse.csv"
    file.touch()
    os.truncate(file, 10**13)
    with pytest.raises(InputError, match=r"has 10,000.0 GB; at most"):
        read_columns(file, ["x"])
    os.truncate(file, 10**8)
    with pytest.raises(InputError, match="has more than 1,048,576 letters"):
        read_columns(file, ["x"])


def test_the_number_that_would_do_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "budget", lambda: 5000)
    require_memory("points", 5)
    with pytest.raises(InputError, match="points must be at most 5, but got 6"):
        require_memory("points", 6)


def test_a_container_may_take_less_than_the_machine_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = memory.budget()
    (tmp_path / "max").write_text("1000000\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "LIMITS", (str(tmp_path / "none"),))
    assert memory.budget() >= whole
    monkeypatch.setattr(memory, "LIMITS", (str(tmp_path / "none"), str(tmp_path / "max")))
    assert memory.budget() == 500_000
