"""rbfnet: a config as composed by ``rbfnet train``. The time is that of its summary: from the call to the last update."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.shipped_configs import config_directory
from rbfnet.training import build
from scripts.rivals.race import Race, compete


def run(problem: str, variant: str, race: Race) -> None:
    """Variants: overrides of the config, with spaces between them."""
    with tempfile.TemporaryDirectory() as directory:
        chosen = [*variant.split(), f"run_dir={Path(directory) / 'run'}", "figures=false"]
        with initialize_config_dir(str(config_directory()), version_base="1.3"):
            config: Any = OmegaConf.to_container(compose("train", overrides=chosen), resolve=True)
        solution = build(config).execute()
    dtype = next(solution.model.parameters()).dtype
    with torch.no_grad():
        race.measure(lambda points: solution.model(torch.from_numpy(points).to(dtype)).numpy(), solution.summary["seconds"])


if __name__ == "__main__":
    compete(run, f"rbfnet {rbfnet.__version__}, PyTorch {torch.__version__}")
