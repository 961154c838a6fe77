"""Validate a config without PyTorch, so that the command line responds at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rbfnet.annotations import as_number
from rbfnet.errors import InputError, flag, number, one_of, path, positive, unknown

KEYS = {
    "problem", "kernel", "network", "solver", "trainer", "logger", "callbacks", "seed", "dtype", "accuracy", "run_dir", "figures",
}  # fmt: skip

NEEDED = KEYS - {"logger", "callbacks", "accuracy"}
"""The keys that every run has."""

DTYPE_NAMES = ("float32", "float64")

HIGHEST_NU = 150.5
"""Of a Matern kernel, nu = n + 1/2: (2n - 1)!! is at most 10^308, the largest number there is in double precision."""


def require_nu(nu: object) -> None:
    """Raise InputError where the formula of a Matern kernel has numbers that overflow."""
    if (given := number(nu)) is not None and given > HIGHEST_NU:
        raise InputError(
            f"A Matern kernel needs nu of at most {HIGHEST_NU}, beyond which its formula overflows, but got {nu!r}; use "
            "the Gaussian, its limit."
        )


CLUSTER = (
    "MASTER_ADDR", "NODE_RANK", "GROUP_RANK", "TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "LSB_JOBID", "OMPI_COMM_WORLD_SIZE",
    "PMI_SIZE",
)  # fmt: skip
"""Variables of which a cluster, or a user who starts the processes, sets one."""

OPTIONAL = {"max_epochs", "max_time", "gradient_clip_val", "gradient_clip_algorithm", "profiler"}
CHOICES = {"gradient_clip_algorithm": ("norm", "value"), "profiler": ("simple", "advanced", "pytorch")}
DURATION = re.compile(r"\d{1,6}:\d{1,2}:\d{1,2}:\d{1,2}")
"""Trainer options that may be null, those that are names, and the format of its times."""


def require_config(config: Mapping[str, Any], *, fresh: bool = True) -> None:
    """Raise InputError for a key too many or too few, a group without its choice, or a plain key with a wrong value.

    Args:
        config: plain data, nothing left to resolve.
        fresh: whether the run directory must be empty.
    """
    for key in config.keys() - KEYS:
        raise unknown("config key", key, KEYS)
    for key in sorted(NEEDED - config.keys()):
        raise InputError(f"The config lacks {key!r}; put it back.")
    for key in ("problem", "kernel", "network", "solver", "trainer"):
        if not isinstance(config[key], Mapping):
            raise InputError(f"{key} must be a choice from its group, as in {key}=..., but got {config[key]!r}.")
    flag("figures", config["figures"])
    if isinstance(config["seed"], bool) or not isinstance(config["seed"], int) or not 0 <= config["seed"] < 2**32:
        raise InputError(f"seed must be a whole number from 0 to 2^32 - 1, but got {config['seed']!r}.")
    directory = path("run_dir", config["run_dir"])
    if fresh:
        require_fresh(directory)
    one_of("dtype", config["dtype"], DTYPE_NAMES)
    if config.get("accuracy") is not None and positive("accuracy", as_number(config["accuracy"])) > 1:
        raise InputError(f"accuracy is relative and must be at most 1, as in 1e-3, but got {config['accuracy']!r}.")
    _require_options(config["trainer"])
    several("callbacks", config)
    for node in several("logger", config).values():
        for key in {"save_dir", "name", "version"} & node.keys():
            if not isinstance(node[key], str):
                raise InputError(f"logger.{key} must be a string, but got {node[key]!r}.")
    require_processes(config["trainer"])


def require_processes(trainer: Mapping[str, Any]) -> None:
    """Raise InputError for more processes than this machine has use for, or on machines that nobody starts them on."""
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    most = max(2, 2 * (os.cpu_count() or 1))
    count = int(devices) if isinstance(devices, str) and devices.isdecimal() else devices
    if trainer.get("accelerator", "cpu") == "cpu" and isinstance(count, int) and count > most:
        raise InputError(f"trainer.devices must be at most {most} on this machine, two per processor, but got {count}.")
    if isinstance(nodes, int) and nodes > 1 and not any(name in os.environ for name in CLUSTER):
        raise InputError(
            f"trainer.num_nodes={nodes} needs a cluster that starts the run on each machine (SLURM, torchrun), or MASTER_ADDR "
            "and NODE_RANK in the environment; use trainer.num_nodes=1."
        )


def _require_options(trainer: Mapping[str, Any]) -> None:
    """Raise InputError for what the Trainer would take, or fail at, without a sentence."""
    for key, value in trainer.items():
        name = f"trainer.{key}"
        if key in OPTIONAL and value is None:
            continue
        if key in ("max_epochs", "check_val_every_n_epoch", "log_every_n_steps"):
            positive(name, as_number(value), whole=True)
        elif key == "gradient_clip_val":
            positive(name, as_number(value))
        elif key == "detect_anomaly" or (key == "deterministic" and value != "warn"):
            flag(name, value)
        elif key in CHOICES:
            one_of(name, value, CHOICES[key])
        elif key in ("accelerator", "strategy") and not isinstance(value, str):
            raise InputError(f"{name} is a name, such as {'cpu' if key == 'accelerator' else 'auto'}, but got {value!r}.")
        elif key == "max_time" and not (isinstance(value, str) and DURATION.fullmatch(value.strip())):
            raise InputError(f"{name} is a time as days:hours:minutes:seconds, such as '00:01:30:00', but got {value!r}.")


def several(key: str, config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The nodes of a group of which several may be chosen, by name: none, one alone, or each below its own name."""
    node = config.get(key)
    if not node:
        return {}
    if isinstance(node, Mapping) and "_target_" in node:
        for name, inner in node.items():
            if isinstance(inner, Mapping) and "_target_" in inner:
                raise InputError(
                    f"{key}={name} would be an argument of {node['_target_']}; choose several as in {key}=[...,custom] "
                    f"{key}.custom._target_={inner['_target_']}."
                )
        return {"": node}
    if not isinstance(node, Mapping):
        raise InputError(f"{key} must be chosen by {key}=... or {key}=[...], but is {node!r}.")
    for name, inner in node.items():
        if not isinstance(inner, Mapping) or (inner and "_target_" not in inner):
            raise InputError(
                f"{key}.{name} is {inner!r} where several are chosen: put its keys below its own name, as in "
                f"{key}.custom.{name}=..."
            )
    return {name: inner for name, inner in node.items() if inner}


def require_run(directory: Path, what: str, *names: str) -> None:
    """Raise InputError where one of the files of a run is missing; ``what`` is looked for."""
    for name in names:
        if not os.path.isfile(directory / name):
            raise InputError(f"There is no {what} in {str(directory)!r}: {name} is missing.")


def require_begun(directory: Path) -> None:
    """Raise InputError where there is no run to resume: no checkpoint, unless nothing has been done yet."""
    done = ("checkpoints/last.ckpt", "metrics.csv", "model.safetensors", "summary.json")
    begun = not any(os.path.exists(directory / name) for name in done)
    require_run(directory, "run to resume", "config.yaml", *done[: 1 - begun])


def no_module(module: str, target: str) -> InputError:
    """The error for a ``_target_`` whose module cannot be found."""
    return InputError(
        f"There is no module {module!r} for {target!r}; it is looked for in the working directory {str(Path.cwd())!r} "
        "and among the installed packages."
    )


def require_fresh(directory: Path) -> None:
    """Raise InputError if ``directory`` is a file or holds anything: a run never overwrites."""
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        raise InputError(
            f"The run directory {str(directory)!r} already exists and is not empty; choose another by run_dir=... or remove it."
        )
    parent = next((p for p in directory.parents if p.exists()), None)
    if parent is not None and not parent.is_dir():
        raise InputError(f"The run directory {str(directory)!r} cannot be created: {str(parent)!r} is a file.")
