"""What a run leaves behind, and how a model is had back from it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf import OmegaConf
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from rbfnet.config import require_run
from rbfnet.errors import InputError
from rbfnet.kernels import Kernel
from rbfnet.nn import METRICS, Affine, Evolving, RBFNetwork
from rbfnet.problems import Problem
from rbfnet.training.runs._construct import construct
from rbfnet.training._figures import write_figures
from rbfnet.training._isolated import isolated
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution

FORMAT_VERSION = 2
"""Of the files in a run directory; rises when an older ``load`` could not read them."""


def write_config(directory: Path, config: Mapping[str, Any]) -> None:
    """``config.yaml``: the resolved config."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The run directory {str(directory)!r} cannot be made: {error.strerror}.") from None
    (directory / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))))


def write_solution(directory: Path, solution: Solution, figures: bool = True) -> None:
    """``model.safetensors``, ``summary.json`` and ``figures/``."""
    parts = {"model": solution.model, "problem": solution.problem}
    state = {f"{part}.{k}": v.detach().cpu().contiguous() for part, m in parts.items() for k, v in m.state_dict().items()}
    save_file(state, directory / "model.safetensors", metadata={"format_version": str(FORMAT_VERSION)})
    summary = {"format_version": FORMAT_VERSION, **solution.summary}
    (directory / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    if figures:
        write_figures(solution.model, solution.problem, directory / "figures")


def load(run_dir: str | Path, trust: Iterable[str] = ()) -> Network:
    """The trained model of a run, rebuilt from its ``config.yaml`` and ``model.safetensors`` alone.

    A model that fulfils conditions by its form takes this form from its problem, which is made again from ``config.yaml``.

    Both are read as data: nothing is unpickled, and no class is made that rbfnet does not export or ``trust`` does not name.

    Args:
        run_dir: the directory of the run.
        trust: modules of the user's own that kernels and problems may come from, ``["my_kernels"]``.

    Raises:
        InputError: no run there, files that cannot be read or do not fit together, or a kernel or an
            ansatz from a module that is not trusted.
    """
    directory = Path(run_dir)
    require_run(directory, "run", "config.yaml", "model.safetensors")
    try:
        config = yaml.safe_load((directory / "config.yaml").read_text(encoding="utf-8"))
        with safe_open(directory / "model.safetensors", framework="pt") as file:
            version = int((file.metadata() or {}).get("format_version", 0))
            state: dict[str, State] = {"model": {}, "problem": {}}
            for key in file.keys():  # noqa: SIM118
                part, _, name = key.partition(".")
                state.setdefault(part, {})[name] = file.get_tensor(key)
    except (yaml.YAMLError, SafetensorError, OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"The run in {str(directory)!r} cannot be read: {str(error).splitlines()[0]}.") from None
    if version != FORMAT_VERSION:
        raise InputError(f"The run in {str(directory)!r} has format version {version}; this rbfnet reads {FORMAT_VERSION}.")
    if not isinstance(config, dict) or not isinstance(config.get("kernel"), dict) or not isinstance(config.get("network"), dict):
        raise InputError(f"The config.yaml in {str(directory)!r} lacks its kernel or network; it does not belong to a run.")
    with isolated(next((t.dtype for t in state["model"].values() if t.is_floating_point()), None)):
        kernel = construct(config["kernel"], Kernel, "kernels", trust)
        ansatz = _ansatz(directory, config, state, trust)
        try:
            return _rebuilt(kernel, config["network"], state["model"], ansatz)
        except (KeyError, IndexError, TypeError, RuntimeError, InputError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise InputError(f"The weights in {str(directory)!r} do not fit its config.yaml: {reason}") from None


State = dict[str, torch.Tensor]


def _ansatz(
    directory: Path, config: Mapping[str, Any], state: Mapping[str, State], trust: Iterable[str]
) -> Callable[[Network], Network]:
    """What the problem wraps its network in. The problem is made only for a run that has something of the kind."""
    if "breaks" in state["model"]:
        degree, point = state["model"]["carried"].shape[1] - 1, "point" in state["model"]
        return lambda network: Evolving(network, 0.0, 1.0, degree, point)  # type: ignore[arg-type]
    if _depth(state["model"]) == int(_affine(state["model"]) is not None):
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
