"""What a run leaves behind, and how its files are written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import OmegaConf

from rbfnet.annotations import held
from rbfnet.config import NEEDED, require_run
from rbfnet.errors import InputError
from rbfnet.kernels import Kernel
from rbfnet.nn import METRICS, Affine, Evolving, RBFNetwork
from rbfnet.problems import Problem
from rbfnet.training._figures import write_figures
from rbfnet.training._isolated import isolated
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution
from rbfnet.training.foreign import read_config, require_shapes, require_weights
from rbfnet.training.runs._construct import construct
from rbfnet.training.storage import Lock, digest_of, read_model, read_summary, write_model, write_summary, write_whole

FORMAT_VERSION = 2
"""Of the files in a run directory; rises when an older ``load`` could not read them."""

DECIDING = ("kernel", "network", "problem")
"""What of a config decides what a model computes, the last where it takes an ansatz; its file has their checksums."""


def enter(directory: Path) -> Lock:
    """Make a run directory, if need be, and keep others out of it.

    Raises:
        InputError: it cannot be made, or another run is there.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Lock(directory)
    except OSError as error:
        raise InputError(f"The run directory {str(directory)!r} cannot be made: {error.strerror}.") from None


def write_config(directory: Path, config: Mapping[str, Any]) -> None:
    """``config.yaml``: the resolved config."""
    write_whole(directory / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(config))))


def write_trained(directory: Path, model: torch.nn.Module, problem: Problem, config: Mapping[str, Any] | None = None) -> None:
    """``model.safetensors``: the model, what was found with it, and checksums of what decides what it computes."""
    parts = {"model": model, "problem": problem}
    state = {f"{part}.{k}": v.detach().cpu().contiguous() for part, m in parts.items() for k, v in m.state_dict().items()}
    # As it is read back from its file.
    plain = yaml.safe_load(OmegaConf.to_yaml(OmegaConf.create(dict(config or {}))))
    deciding = {key: digest_of(plain[key]) for key in DECIDING if key in plain}
    write_model(directory / "model.safetensors", state, {"format_version": str(FORMAT_VERSION), **deciding})


def write_solution(directory: Path, solution: Solution, figures: bool = True, config: Mapping[str, Any] | None = None) -> None:
    """``model.safetensors``, ``figures/`` and ``summary.json``, which is the last: what it is of is complete."""
    write_trained(directory, solution.model, solution.problem, config)
    if figures:
        write_figures(solution.model, solution.problem, directory / "figures")
    write_summary(directory / "summary.json", {"format_version": FORMAT_VERSION, **solution.summary})


def is_complete(directory: Path, checkpoint: Mapping[str, Any]) -> bool:
    """Whether all has been written that a run leaves behind, for this checkpoint.

    Raises:
        InputError: what has been written is damaged.
    """
    if not all((directory / name).is_file() for name in ("model.safetensors", "summary.json")):
        return False
    done = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    try:
        tensors, _ = read_model(directory / "model.safetensors")
        epochs = read_summary(directory / "summary.json").get("epochs")
    except InputError as error:
        raise InputError(f"{str(error).removesuffix('.')}; remove it, and `rbfnet resume` writes it anew.") from None
    state = checkpoint["state_dict"]
    same = tensors.keys() == state.keys() and all(torch.equal(value, state[key]) for key, value in tensors.items())
    return same and epochs == done


@held
def load(run_dir: str | Path, trust: Iterable[str] = ()) -> Network:
    """The trained model of a run, rebuilt from its ``config.yaml`` and ``model.safetensors`` alone.

    A model that satisfies conditions by construction takes this form from its problem, which is made again from ``config.yaml``.

    Both are read as data: nothing is unpickled, and no class is made that rbfnet does not export or ``trust`` does not name.

    Args:
        run_dir: the directory of the run.
        trust: modules of the user's own that kernels and problems may come from, ``["my_kernels"]``.

    Raises:
        InputError: no run there, files that cannot be read or do not fit together, or a kernel or an
            ansatz from a module that is not trusted.
    """
    directory = Path(run_dir)
    require_run(directory, "run", "config.yaml")
    if not (directory / "model.safetensors").is_file() and (directory / "checkpoints" / "last.ckpt").is_file():
        raise InputError(
            f"The run in {str(directory)!r} is not finished, and model.safetensors is missing; finish it with `rbfnet resume`."
        )
    require_run(directory, "run", "model.safetensors")
    config = read_config(directory)
    require_weights(directory / "model.safetensors")
    tensors, metadata = read_model(directory / "model.safetensors")
    if (version := metadata.get("format_version")) != str(FORMAT_VERSION):
        raise InputError(f"The run in {str(directory)!r} has format version {version}; this rbfnet reads {FORMAT_VERSION}.")
    state: dict[str, State] = {"model": {}, "problem": {}}
    for key, tensor in tensors.items():
        part, _, name = key.partition(".")
        state.setdefault(part, {})[name] = tensor
    if not isinstance(config.get("kernel"), dict) or not isinstance(config.get("network"), dict):
        raise InputError(f"The config.yaml in {str(directory)!r} lacks its kernel or network; it does not belong to a run.")
    with isolated(next((t.dtype for t in state["model"].values() if t.is_floating_point()), None)):
        kernel = construct(config["kernel"], Kernel, "kernels", trust)
        ansatz = _ansatz(directory, config, state, trust)
        try:
            model = _rebuilt(kernel, config["network"], state["model"], ansatz)
        except (KeyError, IndexError, TypeError, RuntimeError, InputError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise InputError(f"The weights in {str(directory)!r} do not fit its config.yaml: {reason}") from None
    for key in DECIDING if _takes_ansatz(state["model"]) else DECIDING[:2]:
        if _differs(metadata.get(key), config.get(key)):
            raise InputError(f"{key} in {str(directory / 'config.yaml')!r} is not what the model was trained with; put it back.")
    if missing := sorted(NEEDED - config.keys()):
        raise InputError(f"{str(directory / 'config.yaml')!r} is cut off: it lacks {missing[0]!r}; put it back.")
    return model


def _differs(checksum: str | None, node: Any) -> bool:
    """Whether a part of a config is not what it was; with a class of the user's own that is theirs to say."""
    targets = re.findall(r"_target_'?: '([^']*)", str(node))
    return checksum not in (None, digest_of(node)) and all(target.startswith("rbfnet.") for target in targets)


State = dict[str, torch.Tensor]


def _ansatz(
    directory: Path, config: Mapping[str, Any], state: Mapping[str, State], trust: Iterable[str]
) -> Callable[[Network], Network]:
    """What the problem wraps its network in. The problem is made only for a run that has something of the kind."""
    if "breaks" in state["model"]:
        degree, point = state["model"]["carried"].shape[1] - 1, "point" in state["model"]
        return lambda network: Evolving(network, 0.0, 1.0, degree, point)  # type: ignore[arg-type]
    if not _takes_ansatz(state["model"]):
        return lambda network: network
    if not isinstance(config.get("problem"), dict):
        raise InputError(f"The config.yaml in {str(directory)!r} lacks the problem that its model takes its ansatz from.")
    problem = construct(config["problem"], Problem, "problems", trust).to(next(iter(state["model"].values())).dtype)
    try:
        problem.load_state_dict(state["problem"])
    except RuntimeError as error:
        raise InputError(
            f"The unknowns in {str(directory)!r} do not fit its problem: {str(error).strip().splitlines()[-1].strip()}"
        ) from None
    return problem.ansatz


def _takes_ansatz(state: State) -> bool:
    """Whether the problem has wrapped the network in something of its own."""
    return "breaks" not in state and _depth(state) != int(_affine(state) is not None)


def _depth(state: State) -> int:
    """How many wrappers there are around the layer."""
    return next((key.count("network.") for key in state if re.fullmatch(r"(network\.)*layer\.centers", key)), 0)


def _affine(state: State) -> str | None:
    """The prefix of the parts of an :class:`Affine`, if there is one: it is the innermost wrapper."""
    depth = _depth(state)
    prefix = "network." * (depth - 1)
    return prefix if depth and f"{prefix}input_shift" in state else None


def _rebuilt(kernel: Kernel, config: Mapping[str, Any], state: State, ansatz: Callable[[Network], Network]) -> Network:
    """A network of the shapes that the state has, with the state in it."""
    prefix, outer = "network." * _depth(state), _affine(state)
    centers, weight = state[f"{prefix}layer.centers"], state[f"{prefix}weight"]
    require_shapes(centers, weight)
    metric = config.get("metric", "isotropic")
    network = RBFNetwork(
        centers.shape[1],
        weight.shape[1],
        len(centers),
        kernel=kernel,
        centers=centers,
        epsilon=1.0,
        degree=config.get("degree"),
        metric=metric,
        per_center=state[f"{prefix}layer.metric.raw"].ndim > METRICS[metric].shared_ndim,
        dtype=centers.dtype,
    )
    model: Network = network
    if outer is not None:
        parts = ("input_shift", "input_scale", "output_shift", "output_scale")
        model = Affine(network, *(state[f"{outer}{name}"] for name in parts))
    model = ansatz(model)
    if not all(torch.isfinite(t).all() for t in state.values()):
        raise InputError("some of them are NaN or infinite.")
    model.load_state_dict(state)
    return model.eval()
