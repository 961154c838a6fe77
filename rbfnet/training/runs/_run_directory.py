"""The files in a run directory, and how they are written and read."""

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
from rbfnet.nn import METRICS, Affine, Embedded, Embedding, Evolving, RBFNetwork, Wrapper
from rbfnet.nn.wrappers import as_vector
from rbfnet.problems import Problem
from rbfnet.training._figures import write_figures
from rbfnet.training._isolated import isolated
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution
from rbfnet.training.foreign import read_config, require_shapes, require_weights
from rbfnet.training.runs._construct import construct
from rbfnet.training.runs._local_networks import rebuilt_local
from rbfnet.training.storage import Lock, digest_of, read_model, read_summary, write_model, write_summary, write_whole

FORMAT_VERSION = 2
"""Format version of run directories; increased when an older ``load`` could not read them."""

DECIDING = ("kernel", "network", "problem")
"""Config keys that determine the model, the last only with an ansatz; the model file has their checksums."""


def enter(directory: Path) -> Lock:
    """Create a run directory if necessary, and lock it.

    Raises:
        InputError: the directory cannot be created, or another run uses it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Lock(directory)
    except OSError as error:
        raise InputError(f"The run directory {str(directory)!r} cannot be created: {error.strerror}.") from None


def write_config(directory: Path, config: Mapping[str, Any]) -> None:
    """Write ``config.yaml``: the resolved config."""
    write_whole(directory / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(config))))


def write_trained(directory: Path, model: torch.nn.Module, problem: Problem, config: Mapping[str, Any] | None = None) -> None:
    """Write ``model.safetensors``: the model, the problem's tensors, and checksums of the config that determines them."""
    parts = {"model": model, "problem": problem}
    state = {f"{part}.{k}": v.detach().cpu().contiguous() for part, m in parts.items() for k, v in m.state_dict().items()}
    # In the form in which it is read back.
    plain = yaml.safe_load(OmegaConf.to_yaml(OmegaConf.create(dict(config or {}))))
    deciding = {key: digest_of(plain[key]) for key in DECIDING if key in plain}
    write_model(directory / "model.safetensors", state, {"format_version": str(FORMAT_VERSION), **deciding})


def write_solution(directory: Path, solution: Solution, figures: bool = True, config: Mapping[str, Any] | None = None) -> None:
    """Write ``model.safetensors``, ``figures/`` and then ``summary.json``, which marks the run as complete."""
    write_trained(directory, solution.model, solution.problem, config)
    if figures:
        write_figures(solution, directory / "figures")
    write_summary(directory / "summary.json", {"format_version": FORMAT_VERSION, **solution.summary})


def is_complete(directory: Path, checkpoint: Mapping[str, Any]) -> bool:
    """Whether all files of a run have been written for this checkpoint.

    Raises:
        InputError: a file is damaged.
    """
    if not all((directory / name).is_file() for name in ("model.safetensors", "summary.json")):
        return False
    done = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    try:
        tensors, _ = read_model(directory / "model.safetensors")
        epochs = read_summary(directory / "summary.json").get("epochs")
    except InputError as error:
        raise InputError(f"{str(error).removesuffix('.')}; remove it, and `rbfnet resume` will rewrite it.") from None
    state = checkpoint["state_dict"]
    same = tensors.keys() == state.keys() and all(torch.equal(value, state[key]) for key, value in tensors.items())
    return same and epochs == done


@held
def load(run_dir: str | Path, trust: Iterable[str] = ()) -> Network:
    """Load the trained model of a run from its ``config.yaml`` and ``model.safetensors``.

    If the model satisfies conditions by construction, its problem is rebuilt from ``config.yaml`` for the ansatz.

    Both are read as data: nothing is unpickled, and only classes that rbfnet exports or ``trust`` names are instantiated.

    Args:
        run_dir: the directory of the run.
        trust: the user's modules from which kernels and problems may be imported, ``["my_kernels"]``.

    Raises:
        InputError: no run in the directory, files that cannot be read or are inconsistent, or a kernel or
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
    for key in DECIDING if _takes_ansatz(state["model"], config["network"]) else DECIDING[:2]:
        if _differs(metadata.get(key), config.get(key)):
            raise InputError(f"{key} in {str(directory / 'config.yaml')!r} differs from that of the trained model; restore it.")
    if missing := sorted(NEEDED - config.keys()):
        raise InputError(f"{str(directory / 'config.yaml')!r} is incomplete: it lacks {missing[0]!r}; restore it.")
    return model


def _differs(checksum: str | None, node: Any) -> bool:
    """Whether a part of a config has changed; for a user's class the checksum is not compared."""
    targets = re.findall(r"_target_'?: '([^']*)", str(node))
    return checksum not in (None, digest_of(node)) and all(target.startswith("rbfnet.") for target in targets)


State = dict[str, torch.Tensor]


def _ansatz(
    directory: Path, config: Mapping[str, Any], state: Mapping[str, State], trust: Iterable[str]
) -> Callable[[Network], Network]:
    """The function that wraps the network in the problem's ansatz; the problem is built only if the run has one."""
    if "breaks" in state["model"]:
        degree, point = state["model"]["carried"].shape[1] - 1, "point" in state["model"]
        return lambda network: Evolving(network, 0.0, 1.0, degree, point)  # type: ignore[arg-type]
    if not _takes_ansatz(state["model"], config["network"]):
        return lambda network: network
    if not isinstance(config.get("problem"), dict):
        raise InputError(f"The config.yaml in {str(directory)!r} lacks the problem that its model takes its ansatz from.")
    problem = construct(config["problem"], Problem, "problems", trust).to(
        state["model"][f"{'network.' * _depth(state['model'])}weight"].dtype
    )
    try:
        problem.load_state_dict(state["problem"])
    except RuntimeError as error:
        raise InputError(
            f"The unknowns in {str(directory)!r} do not fit its problem: {str(error).strip().splitlines()[-1].strip()}"
        ) from None
    return problem.ansatz


def _takes_ansatz(state: State, network: Mapping[str, Any]) -> bool:
    """Whether the network is wrapped in the problem's ansatz."""
    known = sum(prefix is not None for prefix in (_affine(state), _embedded(state), network.get("vector")))
    return "breaks" not in state and _depth(state) != known


def _depth(state: State) -> int:
    """The number of wrappers around the layer, or around a network of local interpolants."""
    return next((key.count("network.") for key in state if re.fullmatch(r"(network\.)*(layer\.centers|nodes)", key)), 0)


def _affine(state: State) -> str | None:
    """The prefix of the :class:`Affine` parameters, if there is an Affine."""
    prefixes = ("network." * depth for depth in range(_depth(state)))
    return next((prefix for prefix in prefixes if f"{prefix}input_shift" in state), None)


def _field(network: RBFNetwork, vector: str, state: State, prefix: str) -> Wrapper:
    """The vector field around the network."""
    return as_vector(network, vector, len(state[f"{prefix.removesuffix('network.')}along"]))


def _embedded(state: State) -> str | None:
    """The prefix of the :class:`Embedded` parameters, if there is one."""
    prefixes = ("network." * depth for depth in range(_depth(state)))
    return next((prefix for prefix in prefixes if f"{prefix}periods" in state), None)


def _rebuilt(kernel: Kernel, config: Mapping[str, Any], state: State, ansatz: Callable[[Network], Network]) -> Network:
    """A network with the shapes of the state, loaded with the state."""
    prefix, outer = "network." * _depth(state), _affine(state)
    if config.get("network") == "local":
        return _loaded(ansatz(rebuilt_local(kernel, config, state, prefix, outer)), state)  # type: ignore[arg-type]
    centers, weight = state[f"{prefix}layer.centers"], state[f"{prefix}weight"]
    require_shapes(centers, weight)
    metric, raw = config.get("metric", "isotropic"), state[f"{prefix}layer.metric.raw"]
    shared = raw.ndim <= METRICS[metric].shared_ndim
    dims = centers.shape[1]
    if "breaks" in state and dims > 1 and not config.get("per_center", False) and raw.shape == (dims * (dims + 1) // 2,):
        # The solver has made one width for all kernels a metric for all.
        shared = True
    network = RBFNetwork(
        centers.shape[1],
        weight.shape[1],
        len(centers),
        kernel=kernel,
        centers=centers,
        epsilon=1.0,
        degree=config.get("degree"),
        metric=metric,
        per_center=not shared,
        dtype=centers.dtype,
    )
    model: RBFNetwork | Wrapper = network if config.get("vector") is None else _field(network, config["vector"], state, prefix)
    if outer is not None:
        parts = ("input_shift", "input_scale", "output_shift", "output_scale")
        model = Affine(model, *(state[f"{outer}{name}"] for name in parts))
    if (around := _embedded(state)) is not None:
        periods = [p or None for p in state[f"{around}periods"].tolist()]
        lon_lat = state.get(f"{around}sphere")
        sphere = None if lon_lat is None else (int(lon_lat[0]), int(lon_lat[1]))
        model = Embedded(model, Embedding(periods, state[f"{around}low"].tolist(), sphere))
    return _loaded(ansatz(model), state)


def _loaded(whole: Network, state: State) -> Network:
    """A model with the parameters of a state."""
    if not all(torch.isfinite(t).all() for t in state.values()):
        raise InputError("some of them are NaN or infinite.")
    whole.load_state_dict(state)
    return whole.eval()
