"""Runs: the Lightning module and data, one-call solving and fitting, and run directories."""

from rbfnet.training._adaptive import Adaptive, Fitness
from rbfnet.training._build import Run, build
from rbfnet.training._data import ProblemData
from rbfnet.training._errors import errors, errors_of
from rbfnet.training._finite import Diverged
from rbfnet.training._grow import Grow
from rbfnet.training._launcher import ProcessLost
from rbfnet.training._module import TrainingModule
from rbfnet.training._progress import FitProgress
from rbfnet.training._r3 import R3
from rbfnet.training._rad import RAD
from rbfnet.training._resume import resume
from rbfnet.training._run_directory import load
from rbfnet.training._solution import Solution
from rbfnet.training._solve import fit, solve
from rbfnet.training._stopping import GRACE, Interrupted, Stop, Terminated
from rbfnet.training._train import train
from rbfnet.training._verdict import Verdict, judge

__all__ = [
    "GRACE",
    "R3",
    "RAD",
    "Adaptive",
    "Diverged",
    "Fitness",
    "FitProgress",
    "Grow",
    "Interrupted",
    "ProblemData",
    "ProcessLost",
    "Run",
    "Solution",
    "Stop",
    "Terminated",
    "TrainingModule",
    "Verdict",
    "build",
    "errors",
    "errors_of",
    "fit",
    "judge",
    "load",
    "resume",
    "solve",
    "train",
]
