"""``rbfnet``: a thin dispatcher."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable

from rbfnet import __version__
from rbfnet.cli.answer import answered
from rbfnet.cli.interrupt import end, leave_at_once
from rbfnet.cli.loudness import loudness
from rbfnet.cli.pipes import dropped_if_unread
from rbfnet.cli.process import left_as_found
from rbfnet.errors import InputError, unknown

HELP = """\
rbfnet: radial basis function networks with closed-form derivatives

  rbfnet train [key=value ...]   train a model and write a run directory
  rbfnet resume RUN_DIR          continue an interrupted run
  rbfnet show [key=value ...]    print the composed config
  rbfnet list                    list the kernels, problems, solvers and experiments

  rbfnet evaluate RUN [TABLE]    compute the errors of a run against its reference or a table
  rbfnet predict RUN POINTS      compute values and derivatives at the points in a file
  rbfnet plot RUN                draw figures, slices and animations
  rbfnet runs DIR                compare runs in a table
  rbfnet export RUN              export a program that runs without rbfnet
  rbfnet completion SHELL        print a completion script for bash, zsh or fish
  rbfnet --version

Examples
  rbfnet train                                        poisson, solved by least squares
  rbfnet train problem=terrain                        real elevation data
  rbfnet train solver=lbfgs kernel=matern kernel.nu=3.5 network.num_centers=200
  rbfnet train problem=table problem.path=points.csv problem.inputs=[x,y] problem.outputs=[z]
  rbfnet train kernel=custom kernel._target_=my_kernels.Mine    a class in ./my_kernels.py
  rbfnet predict runs/mine points.csv --out out.csv --derivatives 'u,u_x,laplacian(u)'
  rbfnet train --multirun kernel=gaussian,matern      one run each

-q prints less, -v more; NO_COLOR is respected.
`rbfnet train --help` lists every group and key; the other commands have a --help with examples.

Exit codes: 0 solved or rough; 2 wrong input; 3 non-finite loss; 4 not solved; 130 after Ctrl-C and 143 after SIGTERM (the
current step is finished or undone, and a checkpoint is saved); 1 any other failure.
"""

NAMES = ("train", "resume", "show", "list", "evaluate", "predict", "plot", "runs", "export", "completion")
"""The commands. Except for train, resume and list, each is a function in a module of the same name."""


def main() -> None:
    """Entry point of the console script."""
    leave_at_once()
    with dropped_if_unread():
        # The process ends here, so its state need not be restored.
        end(answered(_dispatched, sys.argv[1:]))


def dispatch(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0 for success; 1 for a file that cannot be written and 2 for wrong input, each
    with one sentence on stderr; 3 for a non-finite loss; 4 for an unsolved problem; 130 after Ctrl-C, 143 after SIGTERM.
    """
    with left_as_found():
        return answered(_dispatched, arguments)


def _dispatched(arguments: list[str]) -> int:
    command, *rest = arguments or ["--help"]
    with loudness(command, rest) as others:
        return _command(command)(others)


def _command(name: str) -> Callable[[list[str]], int]:
    if name in ("-h", "--help", "help"):
        return _help
    if name == "--version":
        return _version
    if name == "list":
        from rbfnet.cli.listing import show

        return show
    if name == "train":
        from rbfnet.cli.train import train

        return train
    if name == "resume":
        from rbfnet.cli.resume import resume

        return resume
    if name in NAMES:
        return getattr(importlib.import_module(f"rbfnet.cli.{name}"), name)
    if "=" in name:
        raise InputError(f"{name!r} is an override, not a command; put it after a command, as in `rbfnet train {name}`.")
    raise unknown("command", name, [*NAMES, "--help", "--version"])


def _help(rest: list[str]) -> int:
    if rest:
        return _command(rest[0])(["--help"])
    print(HELP, end="")
    return 0


def _version(rest: list[str]) -> int:
    print(__version__)
    return 0
