"""Training: the Lightning module and data module, ``solve`` and ``fit``, and run directories."""

from rbfnet.training._added_rows import with_rows
from rbfnet.training._data_module import ProblemData
from rbfnet.training._eigenpairs import Eigenpairs, eigenpairs
from rbfnet.training._figures import overview
from rbfnet.training._finite import Diverged
from rbfnet.training._module import TrainingModule
from rbfnet.training._predict_file import predict_file
from rbfnet.training._programs import Exported, export_solution
from rbfnet.training._solution import Solution
from rbfnet.training._solve import fit, solve
from rbfnet.training._train import train
from rbfnet.training.callbacks import R3, RAD, Adaptive, Fitness, FitProgress, Grow
from rbfnet.training.runs import AutoKernel, Run, build, load, resume
from rbfnet.training.stopping import GRACE, Interrupted, ProcessLost, Stop, Terminated
from rbfnet.training.verdict import Verdict, errors, errors_of, judge

__all__ = [
    "GRACE",
    "R3",
    "RAD",
    "Adaptive",
    "AutoKernel",
    "Diverged",
    "Eigenpairs",
    "Exported",
    "FitProgress",
    "Fitness",
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
    "eigenpairs",
    "errors",
    "errors_of",
    "export_solution",
    "fit",
    "judge",
    "load",
    "overview",
    "predict_file",
    "resume",
    "solve",
    "train",
    "with_rows",
]
