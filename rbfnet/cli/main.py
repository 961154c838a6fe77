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

  rbfnet train [key=value ...]   train, and write a run directory
  rbfnet resume RUN_DIR          continue an interrupted run
  rbfnet show [key=value ...]    the config as it would run
  rbfnet list                    the kernels, problems, solvers and experiments there are

  rbfnet evaluate RUN [TABLE]    the errors of a run, against its reference or a table
  rbfnet predict RUN POINTS      values and derivatives at the points of a file
  rbfnet plot RUN                pictures, slices, films
  rbfnet runs DIR                a table over runs
  rbfnet export RUN              a program that needs no rbfnet
  rbfnet completion SHELL        for the TAB key of bash, zsh or fish
  rbfnet --version

Examples
  rbfnet train                                        poisson, solved by least squares
  rbfnet train problem=terrain                        real elevation data
  rbfnet train solver=lbfgs kernel=matern kernel.nu=3.5 network.num_centers=200
  rbfnet train problem=table problem.path=points.csv problem.inputs=[x,y] problem.outputs=[z]
  rbfnet train kernel=custom kernel._target_=my_kernels.Mine    a class in ./my_kernels.py
  rbfnet predict runs/mine points.csv --out out.csv --derivatives 'u,u_x,laplacian(u)'
  rbfnet train --multirun kernel=gaussian,matern      one run each

-q says less, -v more; NO_COLOR is heeded.
`rbfnet train --help` lists every group and key; every other command has a --help with examples, too.

Exit codes: 0 solved or rough; 2 wrong input; 3 a non-finite loss; 4 not solved; 130 after Ctrl-C and 143 after SIGTERM, which
finish or undo the step, and save a checkpoint; 1 anything else.
"""

NAMES = ("train", "resume", "show", "list", "evaluate", "predict", "plot", "runs", "export", "completion")
"""The commands. But for train, resume and list each is a function of its name in a module of its name."""


def main() -> None:
    """Entry point of the console script."""
    leave_at_once()
    with dropped_if_unread():
        # A process that ends need not be left as it was.
        end(answered(_dispatched, sys.argv[1:]))


def dispatch(arguments: list[str]) -> int:
    """Run one command; returns its exit code: 0; with one sentence on stderr 1 for a file that cannot be written and 2 for wrong
    input; 3 for a loss that diverged; 4 for a problem that is not solved; 130 after Ctrl-C, 143 after SIGTERM.
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
        raise InputError(f"{name!r} is no command but an override; it follows one, as in `rbfnet train {name}`.")
    raise unknown("command", name, [*NAMES, "--help", "--version"])


def _help(rest: list[str]) -> int:
    if rest:
        return _command(rest[0])(["--help"])
    print(HELP, end="")
    return 0


def _version(rest: list[str]) -> int:
    print(__version__)
    return 0
