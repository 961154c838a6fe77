"""Run directories: build, execute, save, load and resume runs."""

from rbfnet.training.runs._auto_kernel import AutoKernel
from rbfnet.training.runs._build import build
from rbfnet.training.runs._growing_runs import grown, in_growing_runs
from rbfnet.training.runs._load import load
from rbfnet.training.runs._resume import resume
from rbfnet.training.runs._run import Run
from rbfnet.training.runs._save import save

__all__ = [
    "AutoKernel",
    "Run",
    "build",
    "grown",
    "in_growing_runs",
    "load",
    "resume",
    "save",
]
