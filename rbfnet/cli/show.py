"""``rbfnet show``: print the composed config."""

from __future__ import annotations

HELP = """\
rbfnet show [key=value ...]: print the config that `rbfnet train` would use with these overrides, without running it

  -p, --package PART   print only a part: -p solver
  -cd DIR              a directory with your own configs

Examples
  rbfnet show problem=wave solver=lbfgs
  rbfnet show kernel=matern -p kernel
"""


def show(arguments: list[str]) -> int:
    """``[key=value ...]``; returns 0 if the config composes.

    Raises:
        InputError: an unknown key, choice or option.
    """
    if {"-h", "--help"} & set(arguments):
        print(HELP, end="")
        return 0
    from rbfnet.cli.arguments import split
    from rbfnet.cli.train import train
    from rbfnet.errors import InputError

    others = ("--cfg", "-c", "--info", "-i", "--multirun", "-m")
    if (found := next((a for a in arguments if a.partition("=")[0] in others), None)) is not None:
        raise InputError(f"`rbfnet show` shows the config of one run; {found} belongs to `rbfnet train`.")
    shown = ["--cfg", "job", "--resolve", *arguments]
    split(shown)
    return train(shown)
