"""Runs whose files are damaged, whose directory was moved, is full, has gone, or is in use."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import rbfnet
from rbfnet.training.storage._lock import Lock

Command = Callable[..., tuple[int, str, str]]
QUICK = ["problem.num_interior=40", "problem.num_boundary=20", "network.num_centers=16", "figures=false"]
ADAM = ["solver=adam", "solver.max_epochs=6"]
GAUSS_NEWTON = ["solver=gauss_newton", "network.epsilon=3"]

RUINING = """
import os
import resource
import shutil
import lightning.pytorch as pl


class Ruin(pl.Callback):
    \"\"\"Does something to the run directory in the midst of a run.\"\"\"

    def __init__(self, way, epoch=3):
        self.way, self.epoch = way, epoch

    def on_train_epoch_end(self, trainer, module):
        if trainer.current_epoch != self.epoch:
            return
        if self.way == "full":
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        else:
            os.rename("run", "moved")
            if self.way == "file":
                open("run", "w").close()
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from rbfnet.cli.main import dispatch

    directory = tmp_path_factory.mktemp("runs") / "done"
    assert dispatch(["train", *QUICK, *ADAM, f"run_dir={directory}", "--allow-unsolved"]) == 0
    return directory


def everything(directory: Path) -> dict[Path, bytes]:
    return {file.relative_to(directory): file.read_bytes() for file in directory.glob("**/*") if file.is_file()}


def left(directory: Path) -> dict[str, Any]:
    """What a run leaves, but for what time it took."""
    summary = json.loads((directory / "summary.json").read_text())
    del summary["seconds"], summary["provenance"]
    return {"summary": summary} | {name: (directory / name).read_bytes() for name in ("model.safetensors", "metrics.csv")}


UNWRITTEN = {
    "everything": ["model.safetensors", "summary.json"],
    "the model": ["model.safetensors"],
    "the summary": ["summary.json"],
}


@pytest.mark.parametrize("missing", UNWRITTEN)
def test_what_was_not_written_after_the_last_epoch_is_written(command: Command, done: Path, missing: str) -> None:
    shutil.copytree(done, "part")
    for name in UNWRITTEN[missing]:
        Path("part", name).unlink()
    code, out, err = command("resume", "part")
    assert (code, err) == (0, "") and "relative L2" in out
    assert left(Path("part")) == left(done)
    assert "is finished: 6 of 6 epochs are done" in command("resume", "part")[2]


def test_a_model_of_fewer_epochs_is_not_taken_for_that_of_the_run(command: Command, done: Path) -> None:
    """A longer run was killed before it wrote the model of all of its epochs."""
    shutil.copytree(done, "long")
    assert command("resume", "long", "trainer.max_epochs=9")[0] == 0
    shutil.copytree("long", "part")
    for name in ("model.safetensors", "summary.json"):
        shutil.copy(done / name, Path("part", name))
    assert command("resume", "part")[0] == 0
    assert left(Path("part")) == left(Path("long"))


@pytest.mark.slow
def test_figures_are_written_too(command: Command) -> None:
    assert command("train", *QUICK, *ADAM, "figures=true", "run_dir=part")[0] == 0
    shutil.rmtree("part/figures")
    Path("part/model.safetensors").unlink()
    assert command("resume", "part")[0] == 0
    assert {file.name for file in Path("part/figures").iterdir()} == {
        "overview.png", "fit.png", "reference.png", "error.png", "convergence.png", "centers.png",
    }  # fmt: skip


def test_a_solver_that_has_converged_is_finished(command: Command) -> None:
    assert command("train", *QUICK, *GAUSS_NEWTON, "run_dir=part")[0] == 0
    before = everything(Path("part"))
    code, _, err = command("resume", "part")
    assert code == 2 and "is finished: its solver has converged after" in err
    assert everything(Path("part")) == before
    Path("part/model.safetensors").unlink()
    assert command("resume", "part")[0] == 0
    after = everything(Path("part"))
    assert after[Path("model.safetensors")] == before[Path("model.safetensors")]
    assert after[Path("metrics.csv")] == before[Path("metrics.csv")]


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(command: Command, done: Path) -> None:
    Path("part").mkdir()
    shutil.copy(done / "config.yaml", "part")
    assert command("resume", "part")[0] == 0
    assert left(Path("part")) == left(done)


def test_runs_of_the_format_without_checksums_are_read(command: Command, done: Path) -> None:
    shutil.copytree(done, "old")
    checkpoint = torch.load("old/checkpoints/last.ckpt", weights_only=True)
    for key in ("over", "converged", "loss"):
        del checkpoint[key]
    torch.save(checkpoint, "old/checkpoints/last.ckpt")
    save_file(load_file("old/model.safetensors"), "old/model.safetensors", {"format_version": "2"})
    summary = json.loads(Path("old/summary.json").read_text())
    del summary["sha256"]
    Path("old/summary.json").write_text(json.dumps(summary, indent=2))
    assert torch.equal(rbfnet.load("old").weight, rbfnet.load(done).weight)
    assert "is finished: 6 of 6 epochs are done" in command("resume", "old")[2]
    assert command("resume", "old", "trainer.max_epochs=8")[0] == 0
    shutil.copytree(done, "new")
    assert command("resume", "new", "trainer.max_epochs=8")[0] == 0
    assert left(Path("old")) == left(Path("new"))


def flipped(place: float) -> Callable[[bytes], bytes]:
    """One bit of the byte at a part of the file."""

    def change(data: bytes) -> bytes:
        at = int(place * (len(data) - 1))
        return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]

    return change


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda data: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "no text": lambda data: data[:30] + b"\xff" + data[31:],
}
FILES = ("checkpoints/last.ckpt", "config.yaml", "model.safetensors", "summary.json", "metrics.csv")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("way", DAMAGE)
def test_damage_is_told_by_the_name_of_the_file(command: Command, done: Path, name: str, way: str) -> None:
    shutil.copytree(done, "part")
    file = Path("part", name)
    file.write_bytes(DAMAGE[way](file.read_bytes()))
    before = everything(Path("part"))
    # Rows are looked at where others are to follow.
    longer = ["trainer.max_epochs=9"] if name == "metrics.csv" else []
    code, out, err = command("resume", "part", *longer)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert name in err and err.startswith("rbfnet: ")
    assert everything(Path("part")) == before
    if name in ("config.yaml", "model.safetensors"):
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            rbfnet.load("part")


@pytest.mark.parametrize("place", [0.0, 0.02, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("name", ["checkpoints/last.ckpt", "model.safetensors"])
def test_a_bit_that_has_changed_is_told(done: Path, tmp_path: Path, name: str, place: float) -> None:
    shutil.copytree(done, tmp_path / "part")
    file = tmp_path / "part" / name
    file.write_bytes(flipped(place)(file.read_bytes()))
    read = rbfnet.load if name == "model.safetensors" else rbfnet.training.resume
    with pytest.raises(ValueError, match=f"{name}' cannot be read: it is damaged or truncated"):
        read(tmp_path / "part")


@pytest.mark.parametrize("key", ["kernel", "network"])
def test_a_config_that_means_another_model_is_told(command: Command, key: str) -> None:
    """One that would be read, and would give other values."""
    assert command("train", *QUICK, *ADAM, "kernel=matern", "kernel.nu=3.5", "network.degree=0", "run_dir=run")[0] == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    config["kernel"]["nu"] = 4.5 if key == "kernel" else 3.5
    config["network"]["margin"] = 0.7 if key == "network" else config["network"]["margin"]
    Path("run/config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError, match=f"{key} in 'run/config.yaml' differs from that of the trained model; restore it"):
        rbfnet.load("run")


@pytest.mark.parametrize("name", ["a=b", "a b", "a[1]*?", "ä,{x}", "last", "registry:x"])
def test_a_directory_may_be_moved_and_have_any_name(command: Command, done: Path, name: str) -> None:
    shutil.copytree(done, name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code, out, err = command("resume", name, "trainer.max_epochs=8")
    assert (code, err) == (0, "") and out.strip().splitlines()[-1] == name
    assert rbfnet.load(name).num_centers == 16
    assert [file for file in Path.cwd().iterdir() if file.name != name] == []
    with Path(name, "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == [str(n) for n in range(8)]


def test_one_run_at_a_time(command: Command, done: Path) -> None:
    shutil.copytree(done, "part")
    before = everything(Path("part"))
    held = Lock(Path("part"))
    code, _, err = command("resume", "part", "trainer.max_epochs=9")
    assert code == 2 and err == (
        "rbfnet: Another process is running in 'part'; wait until it is done, or choose another directory.\n"
    )
    assert everything(Path("part")) == before
    Path("fresh").mkdir()
    other = Lock(Path("fresh"))
    code, _, err = command("train", *QUICK, *ADAM, "run_dir=fresh")
    assert code == 2 and "Another process is running in 'fresh'" in err
    assert Path("fresh").is_dir() and not list(Path("fresh").iterdir())
    held.release()
    other.release()
    assert command("resume", "part", "trainer.max_epochs=9")[0] == 0
    assert command("train", *QUICK, *ADAM, "run_dir=fresh")[0] == 0


def test_a_run_that_another_has_overtaken_leaves_its_files_alone(tmp_path: Path, done: Path) -> None:
    """Built while the directory was empty, and started when it no longer was."""
    from rbfnet.training import build

    config = yaml.safe_load((done / "config.yaml").read_text())
    run = build({**config, "run_dir": str(tmp_path / "run"), "logger": None})
    shutil.copytree(done, tmp_path / "run")
    with pytest.raises(ValueError, match="already exists and is not empty"):
        run.execute()
    assert everything(tmp_path / "run") == everything(done)


SENTENCES = {
    "full": "'run/metrics.csv' cannot be written: File too large; free some space",
    "gone": "'run/metrics.csv' cannot be written: No such file or directory; restore the directory or start a new run",
    "file": "'run/metrics.csv' cannot be written: Not a directory; restore the directory or start a new run",
}


@pytest.mark.parametrize("way", SENTENCES)
def test_a_disk_that_is_full_and_a_directory_that_goes(command: Command, done: Path, way: str) -> None:
    resource = pytest.importorskip("resource")
    sys.modules.pop("ruining", None)
    Path("ruining.py").write_text(RUINING)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ruin = ["callbacks=custom", "callbacks._target_=ruining.Ruin", f"+callbacks.way={way}"]
    try:
        code, out, err = command("train", *QUICK, *ADAM, *ruin, "run_dir=run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    again = ", then continue from the last checkpoint with `rbfnet resume run`." if way == "full" else "."
    assert (code, out.count("relative L2"), err.count("\n")) == (1, 0, 1)
    assert err == f"rbfnet: {SENTENCES[way]}{again}\n"
    if way == "file":
        Path("run").unlink()
    if way != "full":
        Path("moved").rename("run")
    # The first checkpoint is still there, with whole rows, and no part of any other file.
    assert sorted(map(str, everything(Path("run")))) == ["checkpoints/last.ckpt", "config.yaml", "metrics.csv"]
    rows = Path("run/metrics.csv").read_bytes()
    assert (done / "metrics.csv").read_bytes().startswith(rows) and rows.count(b"\n") == 1 + 3
    Path("ruining.py").write_text(RUINING.replace("self.epoch:", "-1:"))
    sys.modules.pop("ruining", None)
    assert command("resume", "run", "trust=[ruining]")[0] == 0
    assert left(Path("run")) == left(done)


@pytest.mark.parametrize("name", ["checkpoints/last.ckpt", "model.safetensors", "summary.json"])
def test_a_file_that_cannot_take_its_place(command: Command, done: Path, name: str) -> None:
    """Whoever runs this may write anywhere: so there is a directory in the place of a file."""
    shutil.copytree(done, "run")
    Path("run/model.safetensors").unlink()
    Path("run/summary.json").unlink()
    if name == "checkpoints/last.ckpt":
        Path("run/checkpoints/last.ckpt.part").mkdir()
        Path("run/checkpoints/last.ckpt.part/x").touch()
        code, _, err = command("resume", "run", "trainer.max_epochs=9")
    else:
        Path("run", name).mkdir()
        code, _, err = command("resume", "run")
    assert code == 1 and err.count("\n") == 1 and f"'run/{name}' cannot be written: " in err
    assert err.endswith("continue from the last checkpoint with `rbfnet resume run`.\n")
    assert (done / "checkpoints/last.ckpt").read_bytes() == Path("run/checkpoints/last.ckpt").read_bytes()
    assert os.path.isfile("run/config.yaml")
