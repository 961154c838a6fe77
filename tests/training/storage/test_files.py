"""Files are written whole or not at all, carry their checksums, and belong to one run at a time."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rbfnet.errors import InputError, WriteError
from rbfnet.training.storage._checksums import (
    checkpoint_bytes,
    read_checkpoint,
    read_model,
    read_summary,
    write_model,
    write_summary,
)
from rbfnet.training.storage._lock import Lock
from rbfnet.training.storage._whole_files import append_whole, write_whole

resource = pytest.importorskip("resource")


@pytest.fixture
def at_most():
    """A limit of the system's on the size of files, which refuses as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_there_stays_where_the_disk_is_full(tmp_path: Path, at_most) -> None:
    file = tmp_path / "file"
    write_whole(file, b"old")
    at_most(1000)
    with pytest.raises(WriteError, match=r"^'.*/file' cannot be written: File too large; free some space\.$"):
        write_whole(file, b"x" * 2000)
    assert file.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]
    append_whole(file, b"er")
    with pytest.raises(WriteError, match="cannot be written: File too large; free some space"):
        append_whole(file, b"x" * 2000)
    assert file.read_bytes() == b"older"


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    for name in ("file", "file.part"):
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    write_whole(tmp_path / "file", "mine")
    assert not (tmp_path / "file").is_symlink() and (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "elsewhere").read_text() == "theirs"
    (tmp_path / "file").unlink()
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WriteError, match="symbolic links"):
        append_whole(tmp_path / "file", b"mine")
    assert (tmp_path / "elsewhere").read_text() == "theirs"


def test_nothing_is_written_by_way_of_the_systems_temporary_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another file system, between which nothing is replaced in one step."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", None)
    write_whole(tmp_path / "file", "x")
    assert (tmp_path / "file").read_text() == "x"


def test_a_directory_that_has_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="No such file or directory; restore the directory or start a new run"):
        write_whole(tmp_path / "gone" / "checkpoints" / "file", "x")
    (tmp_path / "gone").write_text("a file by now")
    with pytest.raises(WriteError, match="Not a directory; restore the directory"):
        write_whole(tmp_path / "gone" / "file", "x")
    (tmp_path / "taken").mkdir()
    with pytest.raises(WriteError, match=r"'.*taken' cannot be written: Is a directory"):
        write_whole(tmp_path / "taken", "x")
    assert sorted(os.listdir(tmp_path)) == ["gone", "taken"]


def test_one_at_a_time(tmp_path: Path) -> None:
    held = Lock(tmp_path)
    with pytest.raises(InputError, match="Another process is running in"):
        Lock(tmp_path)
    held.release()
    held.release()
    Lock(tmp_path).release()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """However it ends: nobody has to clean up."""
    reads, writes = os.pipe()
    other = os.fork()
    if not other:
        held = Lock(tmp_path)
        os.write(writes, b"held")
        time.sleep(60)
        held.release()
        os._exit(0)
    assert os.read(reads, 4) == b"held"
    with pytest.raises(InputError, match="Another process is running in"):
        Lock(tmp_path)
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)
    Lock(tmp_path).release()
    os.close(reads)
    os.close(writes)


TENSORS = {"model.a": torch.arange(6.0).view(2, 3), "problem.b": torch.ones(2, dtype=torch.int64)}


def model(file: Path) -> None:
    write_model(file, TENSORS, {"format_version": "2", "kernel": "0123"})


def checkpoint(file: Path) -> None:
    write_whole(file, checkpoint_bytes({"state": TENSORS, "epoch": 3, "words": ["a"]}))


def summary(file: Path) -> None:
    write_summary(file, {"loss": 0.25, "errors": None, "reasons": ["Länge"]})


SEALED = {"model": (model, read_model), "checkpoint": (checkpoint, read_checkpoint)}


@pytest.mark.parametrize("name", SEALED)
def test_every_byte_that_changes_is_told(name: str, tmp_path: Path) -> None:
    """Those at both ends, where what describes the file is, and others in between, by one bit and by all."""
    write, back = SEALED[name]
    file = tmp_path / "file"
    write(file)
    data, bits = file.read_bytes(), random.Random(0)
    back(file)
    assert len(data) > 300
    for place in {*range(150), *range(len(data) - 150, len(data)), *bits.sample(range(len(data)), 100)}:
        for change in (1 << bits.randrange(8), 0xFF):
            file.write_bytes(data[:place] + bytes([data[place] ^ change]) + data[place + 1 :])
            with pytest.raises(InputError, match=r"'.*/file' cannot be read: "):
                back(file)
    for size in (0, 1, 8, 20, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:size])
        with pytest.raises(InputError, match=r"'.*/file' cannot be read: "):
            back(file)
    file.write_bytes(data + b"x")
    with pytest.raises(InputError, match=r"'.*/file' cannot be read: "):
        back(file)


def test_what_changes_in_a_summary_is_told(tmp_path: Path) -> None:
    summary(tmp_path / "file")
    text = (tmp_path / "file").read_text()
    assert read_summary(tmp_path / "file")["loss"] == 0.25
    for damaged in (text.replace("0.25", "0.35"), text.replace("null", "true"), text[:-4], "", "[]", text.replace("L", "l")):
        (tmp_path / "file").write_text(damaged)
        with pytest.raises(InputError, match=r"'.*/file' cannot be read: "):
            read_summary(tmp_path / "file")
    (tmp_path / "file").write_bytes(text.encode().replace(b"loss", b"l\xffss"))
    with pytest.raises(InputError, match=r"'.*/file' cannot be read: "):
        read_summary(tmp_path / "file")


def test_any_reader_reads_them(tmp_path: Path) -> None:
    """They are what they were without checksums, to the libraries that they come from."""
    model(tmp_path / "m")
    assert all(torch.equal(value, TENSORS[key]) for key, value in load_file(tmp_path / "m").items())
    checkpoint(tmp_path / "c")
    assert torch.load(tmp_path / "c", weights_only=True)["epoch"] == 3
    first = (tmp_path / "m").read_bytes()
    model(tmp_path / "m")
    assert (tmp_path / "m").read_bytes() == first


def test_files_without_checksums_are_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "m", {"format_version": "2"})
    assert read_model(tmp_path / "m")[1] == {"format_version": "2"}
    torch.save({"epoch": 3}, tmp_path / "c")
    assert read_checkpoint(tmp_path / "c") == {"epoch": 3}
    (tmp_path / "s").write_text('{"loss": 1}')
    assert read_summary(tmp_path / "s") == {"loss": 1}


@pytest.mark.skipif(
    shutil.which("mount") is None or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a file system"
)
def test_a_file_system_that_is_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("no file systems may be mounted here")
    try:
        write_whole(disk / "file", b"old")
        with pytest.raises(WriteError, match="No space left on device; free some space"):
            write_whole(disk / "file", b"x" * 100_000)
        assert (disk / "file").read_bytes() == b"old" and os.listdir(disk) == ["file"]
        append_whole(disk / "file", b"er")
        with pytest.raises(WriteError, match="No space left on device; free some space"):
            append_whole(disk / "file", b"x" * 100_000)
        assert (disk / "file").read_bytes() == b"older"
    finally:
        subprocess.run(["umount", disk], check=True)
