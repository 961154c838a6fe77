"""``rbfnet resume``: a run that was stopped goes on in its own directory.

Lightning's launcher of further processes reads ``sys.argv`` and starts this file again.
"""

from __future__ import annotations

import os
import sys

import yaml

from rbfnet.cli.train import execute
from rbfnet.errors import InputError, unknown

KEYS = ("trainer.max_epochs", "trust")


def resume(arguments: list[str]) -> int:
    """``RUN_DIR [trainer.max_epochs=N] [trust=[my_kernels]]``; the exit code is that of ``rbfnet train``.

    Raises:
        InputError: no such run, or nothing to go on with.
    """
    directories = [a for a in arguments if "=" not in a]
    if len(directories) != 1:
        raise InputError(
            "`rbfnet resume` takes the directory of one run, as in `rbfnet resume runs/poisson/2026-01-31_12-00-00`."
        )
    given = {}
    for key, _, value in (a.partition("=") for a in arguments if "=" in a):
        if key not in KEYS:
            raise unknown("key to go on with, called", key, KEYS)
        try:
            given[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise InputError(f"{key} cannot be {value!r}.") from None
    trust = given.get("trust", [])
    if not isinstance(trust, list) or not all(isinstance(name, str) for name in trust):
        raise InputError(f"trust must be a list of modules, as in trust=[my_kernels], but got {trust!r}.")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.path.insert(0, os.getcwd())
    sys.argv = [__file__, *arguments]
    from rbfnet.training import resume as built

    run = built(directories[0], max_epochs=given.get("trainer.max_epochs"), trust=trust)
    return execute(run, os.environ.get("LOCAL_RANK", "0") == "0")


if __name__ == "__main__":
    from rbfnet.cli.main import dispatch

    sys.exit(dispatch(["resume", *sys.argv[1:]]))
