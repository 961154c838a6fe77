"""How a run is stopped: signals, further processes, and the model after the last whole step."""

from rbfnet.training.stopping._launcher import LEAVE, Launcher, ProcessLost, launched_here
from rbfnet.training.stopping._signals import (
    GRACE,
    Interrupted,
    Stop,
    Stopped,
    Terminated,
    end_after_this_epoch,
    keep_quiet,
    watched,
)
from rbfnet.training.stopping._whole_step import WholeStep, make_room

__all__ = [
    "GRACE",
    "LEAVE",
    "Interrupted",
    "Launcher",
    "ProcessLost",
    "Stop",
    "Stopped",
    "Terminated",
    "WholeStep",
    "end_after_this_epoch",
    "keep_quiet",
    "launched_here",
    "make_room",
    "watched",
]
