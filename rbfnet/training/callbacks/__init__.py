"""Lightning callbacks: adaptive points and centres, checkpoints, and progress."""

from rbfnet.training.callbacks._adaptive import Adaptive, Fitness
from rbfnet.training.callbacks._checkpoints import CheckpointFiles, Checkpoints
from rbfnet.training.callbacks._fit_progress import FitProgress
from rbfnet.training.callbacks._grow import Grow
from rbfnet.training.callbacks._r3 import R3
from rbfnet.training.callbacks._rad import RAD

__all__ = [
    "R3",
    "RAD",
    "Adaptive",
    "CheckpointFiles",
    "Checkpoints",
    "FitProgress",
    "Fitness",
    "Grow",
]
