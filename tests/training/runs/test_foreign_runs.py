"""A run that somebody else hands over is data: each hostile one ends in one sentence, or goes on, and touches nothing outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import rbfnet
from rbfnet.errors import InputError
from rbfnet.training import build, resume

CONFIG: dict[str, Any] = {
    "problem": {"_target_": "rbfnet.problems.Poisson", "num_interior": 20, "num_boundary": 8},
    "kernel": {"_target_": "rbfnet.kernels.Gaussian"},
    "network": {"num_centers": 6, "centers": "halton", "degree": None},
    "solver": {"_target_": "rbfnet.solvers.Adam", "max_epochs": 4},
    "trainer": {"accelerator": "cpu", "devices": 1, "max_epochs": 2},
    "callbacks": {"_target_": "rbfnet.training.RAD", "period": 1},
    "logger": {"_target_": "lightning.pytorch.loggers.CSVLogger", "name": "", "version": ""},
    "seed": 0,
    "dtype": "float64",
    "figures": False,
}


def executed(directory: Path, **changes: Any) -> Path:
    logger = {**CONFIG["logger"], "save_dir": str(directory)}
    build({**CONFIG, **changes, "run_dir": str(directory), "logger": logger}).execute()
    return directory


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after two epochs of four."""
    return executed(tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another, with a ModelCheckpoint of Lightning's, which removes what it has written."""
    kept = {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "filename": "mine", "every_n_epochs": 1}
    return executed(tmp_path_factory.mktemp("runs") / "run", callbacks={"rad": CONFIG["callbacks"], "kept": kept})


@pytest.fixture
def run(honest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, beside something that must stay as it is, as the working directory."""
    shutil.copytree(honest, tmp_path / "run")
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file.ckpt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SECRET", "hunter2")
    return tmp_path / "run"


def outside(run: Path) -> dict[str, bytes]:
    """All files beside the run."""
    files = (p for p in run.parent.rglob("*") if p.is_file() and not p.is_relative_to(run))
    return {str(p): p.read_bytes() for p in files}


def gone_on(run: Path, **given: Any) -> str:
    """The sentence a resumed run ends in, or "" where it goes on."""
    before = outside(run)
    try:
        resume(run, max_epochs=4, **given).execute()
        return ""
    except InputError as error:
        assert "\n" not in str(error) and "hunter2" not in str(error)
        return str(error)
    finally:
        assert outside(run) == before
        assert not any(b"hunter2" in p.read_bytes() for p in run.rglob("*") if p.is_file())


def change(run: Path, path: tuple[Any, ...], value: Any) -> None:
    """Put a value into the checkpoint; ``...`` in the path is the only key there is."""
    file = run / "checkpoints" / "last.ckpt"
    checkpoint = part = torch.load(file, weights_only=True)
    for key in path[:-1]:
        part = part[next(iter(part)) if key is ... else key]
    part[path[-1]] = value
    torch.save(checkpoint, file)


def reconfigure(run: Path, path: tuple[str, ...], value: Any) -> Any:
    """Put a value into config.yaml. Returns all of it."""
    config = part = yaml.safe_load((run / "config.yaml").read_text())
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return config


def configure(run: Path, path: tuple[str, ...], value: Any) -> None:
    """Put a value into config.yaml and into what the checkpoint says of it."""
    change(run, ("hyper_parameters", "config"), reconfigure(run, path, value))


def test_an_honest_run_goes_on(run: Path) -> None:
    assert gone_on(run) == ""


@pytest.mark.parametrize("key", ["best_model_path", "last_model_path", "kth_best_model_path", "dirpath"])
@pytest.mark.parametrize("path", ["local://{victim}", "{victim}", "{run}/checkpoints/../../victim", "../victim", "file.ckpt"])
def test_no_path_of_a_checkpoint_is_believed(run: Path, keeping: Path, key: str, path: str) -> None:
    """Lightning removes the file, or the whole directory, that it thinks it wrote before."""
    shutil.rmtree(run)
    shutil.copytree(keeping, run)
    path = path.format(victim=run.parent / "victim", run=run)
    states = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    name = next(name for name in states if name.startswith("ModelCheckpoint"))
    change(run, ("callbacks", name, key), path)
    change(run, ("callbacks", name, "best_k_models"), {path: torch.tensor(1.0)})
    assert gone_on(run, trust=["lightning.pytorch.callbacks"]) == ""


FIT = ("loops", "fit_loop")
EXPANDED = torch.zeros(1, dtype=torch.float64).expand(10**12)
SHAPED = torch.zeros(7, 2, dtype=torch.float64)
STATE = ("optimizer_states", 0, "state", 0)
ILL: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "epochs below zero": ((*FIT, "epoch_progress", "current", "processed"), -1, "must be a whole number from 0"),
    "epochs beyond count": ((*FIT, "epoch_progress", "current", "processed"), 10**30, "must be a whole number from 0"),
    "epochs in words": ((*FIT, "epoch_progress", "current"), "many", "must be a mapping of"),
    "a loop less": (FIT, {}, "must be a mapping of"),
    "steps": (("global_step",), True, "must be a whole number"),
    "stage": (("stage",), 1, "must be a whole number from 0 to 0"),
    "weights of another shape": (("state_dict", "model.weight"), SHAPED, "must be a tensor of torch.float64 of shape (6, 1)"),
    "more centres": (("state_dict", "model.layer.centers"), SHAPED, "must be of 1 to 6 centres, but is 7"),
    "centres without end": (("state_dict", "model.layer.centers"), EXPANDED, "must be of 1 to 6 centres"),
    "weights that are none": (("state_dict", "model.weight"), [1.0], "must be a tensor"),
    "weights not finite": (("state_dict", "model.weight"), torch.full((6, 1), torch.nan, dtype=torch.float64), "must be finite"),
    "scales": (("scales",), {"interior": ["x"]}, "scales in the checkpoint must be a mapping"),
    "moments": ((*STATE, "exp_avg"), SHAPED, "must be a tensor of torch.float64 of shape (6, 1)"),
    "moments without end": ((*STATE, "exp_avg"), EXPANDED, "each of its elements stored"),
    "a moment less": (STATE, {}, "must be a mapping of"),
    "step size": (("optimizer_states", 0, "param_groups", 0, "lr"), "fast", "must be a number"),
    "parameters": (("optimizer_states", 0, "state", 99), {}, "must be a mapping of numbers below"),
    "scheduler": (("lr_schedulers", 0, "optimizer"), {}, "must be a mapping of"),
    "points": (("points", "interior"), [SHAPED.expand(7, 2)[:, :1]], "must be a tensor of torch.float64 of shape (7, 2)"),
    "more points": (("points", "interior"), [torch.zeros(21, 2, dtype=torch.float64)], "must be 1 to 20 points"),
    "callbacks": (("callbacks",), [], "callbacks in the checkpoint must be a mapping"),
}


@pytest.mark.parametrize("name", ILL)
def test_what_does_not_fit_the_run_is_refused(run: Path, name: str) -> None:
    path, value, sentence = ILL[name]
    change(run, path, value)
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    assert sentence in gone_on(run)
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


def test_what_only_names_itself_is_left_out(run: Path) -> None:
    """Keys of Lightning's own that a run of ours never has: old versions to migrate from, states of the data, of precision."""
    change(run, ("ProblemData",), {"samples": 1})
    change(run, ("pytorch-lightning_version",), "0.1.0")
    change(run, ("optimizer_states", 0, "param_groups", 0, "betas"), (-1.0, 0.999))
    assert gone_on(run) == ""


PATHS = ["../victim", "{victim}", "${{oc.env:SECRET}}", "a/../../victim", "local://{victim}", "~", ".."]


@pytest.mark.parametrize("key", ["name", "version"])
@pytest.mark.parametrize("path", PATHS)
def test_a_logger_stays_within_the_run(run: Path, key: str, path: str) -> None:
    configure(run, ("logger", key), path.format(victim=run.parent / "victim"))
    assert f"logger.{key} must be a plain name" in gone_on(run)


@pytest.mark.parametrize("path", PATHS)
def test_a_logger_writes_to_its_run_wherever_it_was(run: Path, path: str) -> None:
    configure(run, ("logger", "save_dir"), path.format(victim=run.parent / "victim"))
    assert gone_on(run) == ""


COLUMNS = {"inputs": "x", "outputs": "y"}
OTHERS: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "root": (("trainer", "default_root_dir"), "/tmp/elsewhere", "There is no option of the trainer called 'default_root_dir'"),
    "profiler": (("trainer", "profiler"), "torch.profiler.profile", "There is no trainer.profiler 'torch.profiler.profile'"),
    "a name that is a number": (("logger", "name"), 7, "logger.name must be a string"),
    "rows at a time": (("logger", "flush_logs_every_n_steps"), 0, "must be a whole number of at least 1"),
    "time": (("trainer", "max_time"), [1], "trainer.max_time is a time"),
    "number": (("network", "margin"), 10**30, "network.margin cannot be"),
    "sampler": (("problem", "sampler"), [], "sampler of Problem must be a string"),
    "schedule": (("solver", "schedule"), [], "There is no schedule"),
    "trainer": (("trainer",), [1], "must be a mapping of options"),
    "processes": (("trainer", "devices"), 10**6, "trainer.devices must be at most"),
    "checkpoint": (
        ("callbacks",),
        {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "victim", "filename": "../victim/file"},
        "callbacks names the path '../victim/file'",
    ),
    "logger": (("logger", "_target_"), "lightning.pytorch.loggers.WandbLogger", "The config names the logger"),
    "argument": (("logger", "root_dir"), "/tmp/elsewhere", "There is no logger argument in a config from elsewhere"),
    "environment": (("problem", "sampler"), "${oc.env:SECRET}", "${oc.env:SECRET}"),
    "device": (
        ("problem",),
        {"_target_": "rbfnet.problems.Table", "path": "/dev/zero", **COLUMNS},
        "no file",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_config_does_not_lead_outside(run: Path, name: str) -> None:
    path, value, sentence = OTHERS[name]
    configure(run, path, value)
    assert sentence in gone_on(run, trust=["lightning.pytorch.callbacks"])


LINKED = ["summary.json", "model.safetensors", "metrics.csv", "config.yaml", "checkpoints/last.ckpt", "figures", "checkpoints"]


@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("link", ["soft", "hard"])
def test_a_link_is_not_written_through(run: Path, name: str, link: str) -> None:
    path, target = run / name, run.parent / "victim" / name.replace("/", "_")
    if path.exists():
        shutil.move(path, target)
    else:
        target.mkdir()
    if target.is_dir() and link == "hard":
        pytest.skip("directories have one name")
    os.symlink(target, path) if link == "soft" else os.link(target, path)
    sentence = gone_on(run)
    assert repr(name) in sentence and ("is a link" in sentence or "is linked elsewhere" in sentence)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_not_waited_for(run: Path) -> None:
    (run / "summary.json").unlink()
    os.mkfifo(run / "summary.json")
    assert "'summary.json' is no file" in gone_on(run)


def test_modules_of_the_directory_are_not_imported(run: Path) -> None:
    """One process: everything that a command imports, or tries to, has its like in the directory."""
    for name in ("torch", "lightning", "hydra", "yaml", "numpy", "omegaconf", "tensorboardX", "torchvision", "hydra_plugins"):
        (run / f"{name}.py").write_text("open('owned', 'w')\nraise SystemExit('owned')\n")
    place = str(Path(rbfnet.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": place, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "rbfnet.cli.resume", ".", "trainer.max_epochs=3", "--allow-unsolved"]
    done = subprocess.run(command, cwd=run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (run / "owned").exists()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED = "a: &a {k: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{','.join([f'*{old}'] * 50)}]}}\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [BOMB, MERGED, "[" * 10**5, "- " * 10**5, "a" * 2**21, "a: 0000-00-00", "a: " + "9" * 5000])
def test_a_config_stands_for_no_more_than_it_has(run: Path, text: str) -> None:
    (run / "config.yaml").write_text(text)
    assert gone_on(run)
    with pytest.raises(InputError):
        rbfnet.load(run)


def loaded(run: Path) -> str:
    """The sentence that loading the run ends in."""
    with pytest.raises(InputError) as caught:
        rbfnet.load(run)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def wrapped(run: Path, points: int) -> None:
    """As a model in an ansatz, for which the problem has to be made."""
    reconfigure(run, ("problem", "num_interior"), points)
    state = load_file(run / "model.safetensors")
    state = {f"model.network.{k.removeprefix('model.')}": v for k, v in state.items() if k.startswith("model.")}
    save_file(state, run / "model.safetensors", metadata={"format_version": "2"})


def named(run: Path, header: bytes, body: bytes = b"") -> None:
    """Weights with a header of our own."""
    (run / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + body)


HUGE = 10**9
MATERN, TPS = {"_target_": "rbfnet.kernels.Matern", "nu": HUGE + 0.5}, {"_target_": "rbfnet.kernels.Polyharmonic", "degree": HUGE}
EMPTY = {
    "model.layer.centers": torch.zeros(0, 2),
    "model.weight": torch.zeros(0, 2**40),
    "model.layer.metric.raw": torch.ones(()),
}
CLAIM = b'{"__metadata__":{"format_version":"2"},"model.weight":{"dtype":"F64","shape":[1000000000000,1],"data_offsets":[0,8]}}'
CLAIMED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "degree": (lambda d: reconfigure(d, ("network", "degree"), 3000), "or a degree of at most 2"),
    "order": (lambda d: reconfigure(d, ("kernel",), TPS), "or a degree of at most 2"),
    "nu": (lambda d: reconfigure(d, ("kernel",), MATERN), "nu of at most 150.5"),
    "points": (lambda d: wrapped(d, HUGE), "num_interior must be at most"),
    "aliases": (lambda d: (d / "config.yaml").write_text(BOMB), "at most 64 nodes and lists"),
    "a header beyond the file": (lambda d: (d / "model.safetensors").write_bytes(b"\xff" * 7 + b"\0" + b"{}"), "header claims"),
    "a header of gigabytes": (lambda d: os.truncate(d / "model.safetensors", 2**36), "at most"),
    "rows that are not there": (lambda d: named(d, CLAIM, b"\0" * 8), "cannot be read"),
    "no centres, and outputs without end": (
        lambda d: save_file(EMPTY, d / "model.safetensors", metadata={"format_version": "2"}),
        "centres (N, D) and weights (N, O) are needed",
    ),
    "a value that repeats another": (
        lambda d: (d / "config.yaml").write_text(BOMB + "kernel: {_target_: x, nu: {a: *i}}\nnetwork: {}\n"),
        "at most 64 nodes and lists",
    ),
}


@pytest.mark.parametrize("name", CLAIMED)
def test_what_loading_takes_is_bounded_before_anything_is_made(run: Path, name: str) -> None:
    damage, sentence = CLAIMED[name]
    damage(run)
    assert sentence in loaded(run)


def member(run: Path, content: bytes, times: int, method: int) -> None:
    """Another member of the checkpoint, of very many bytes; without a checksum, which whoever changes a file can make anew."""
    change(run, ("extra",), 0)
    with zipfile.ZipFile(run / "checkpoints" / "last.ckpt", "a", method) as file:
        inner = zipfile.ZipInfo("last/data/99")
        inner.compress_type = method
        with file.open(inner, "w", force_zip64=True) as data:
            for _ in range(times):
                data.write(content)


def test_a_checkpoint_is_not_unpacked(run: Path) -> None:
    member(run, bytes(10**6), 40, zipfile.ZIP_DEFLATED)
    assert "is compressed, unlike files of PyTorch" in gone_on(run)


def test_members_that_lie_over_each_other_are_not_read(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of contents that names the same bytes many times."""
    member(run, b"x" * 1000, 1, zipfile.ZIP_STORED)
    file = run / "checkpoints" / "last.ckpt"
    with zipfile.ZipFile(file, "a") as archive:
        archive.filelist += [archive.filelist[-1]] * 1000
        archive._didModify = True  # type: ignore[attr-defined]
    assert "claims more data than it holds" in gone_on(run)


class Pickled:
    """What a checkpoint would call if it were unpickled; even PyTorch's careful reader takes some of it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.given = function, arguments

    def __reduce__(self) -> Any:
        return self.given


@pytest.mark.parametrize("call", [(os.system, "touch owned"), (bytearray, 10**12), (torch.Tensor, 10**12), (eval, "1")])
def test_a_checkpoint_names_nothing_but_data(run: Path, call: tuple[Any, ...]) -> None:
    change(run, ("extra",), Pickled(*call))
    assert "is not data" in gone_on(run)
    assert not Path("owned").exists()
