"""Validation of untrusted configs, weights and checkpoints: bounded data of a known form, without paths."""

from rbfnet.training.foreign._believed import lightning_sees
from rbfnet.training.foreign._foreign_config import logger, read_config, require_inside, require_own_files
from rbfnet.training.foreign._foreign_weights import require_shapes, require_weights
from rbfnet.training.foreign._like import require_few

__all__ = [
    "lightning_sees",
    "logger",
    "read_config",
    "require_few",
    "require_inside",
    "require_own_files",
    "require_shapes",
    "require_weights",
]
