"""``rbfnet resume``: continue an interrupted run in its own directory.

To start additional processes, Lightning's launcher reads ``sys.argv`` and runs this file again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml

from rbfnet.cli.arguments import ALLOW
from rbfnet.cli.interrupt import raise_from_now_on
from rbfnet.cli.own_modules import find
from rbfnet.cli.process import spared_by_the_collector
from rbfnet.config import require_begun
from rbfnet.errors import InputError, unknown

HELP = """\
rbfnet resume RUN_DIR: continue an interrupted run from its last checkpoint

  -q, -v   print only the verdict and the directory; also print residuals and versions

Examples
  rbfnet resume runs/mine
  rbfnet resume runs/mine trainer.max_epochs=500     a longer run; completed epochs count
  rbfnet resume runs/mine trust=[my_kernels]         allow classes of your own, here from ./my_kernels.py
"""

KEYS = ("trainer.max_epochs", "trust")


def resume(arguments: list[str]) -> int:
    """``RUN_DIR [trainer.max_epochs=N] [trust=[my_kernels]]``; the exit code is that of ``rbfnet train``.

    Raises:
        InputError: no such run, or nothing to resume.
    """
    if {"-h", "--help"} & set(arguments):
        print(HELP, end="")
        return 0
    allowed = ALLOW in arguments
    arguments = [a for a in arguments if a != ALLOW]
    if option := next((a for a in arguments if a.startswith("-") and not os.path.exists(a)), None):
        raise unknown("option", option, ["--help", ALLOW, *KEYS])
    # The name of a directory may contain "=".
    directories = [a for a in arguments if "=" not in a or os.path.isdir(a)]
    if len(directories) != 1:
        raise InputError(
            "`rbfnet resume` takes the directory of one run, as in `rbfnet resume runs/poisson/2026-01-31_12-00-00`."
        )
    given = {}
    for key, _, value in (a.partition("=") for a in arguments if a not in directories):
        if key not in KEYS:
            raise unknown("option of resume called", key, KEYS)
        try:
            given[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise InputError(f"{key} cannot be {value!r}.") from None
    trust = given.get("trust", [])
    if not isinstance(trust, list) or not all(isinstance(name, str) for name in trust):
        raise InputError(f"trust must be a list of modules, as in trust=[my_kernels], but got {trust!r}.")
    require_begun(Path(directories[0]))
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    find(trust)
    sys.argv = [__file__, *arguments]
    with spared_by_the_collector():
        from rbfnet.cli.train import NOT_SOLVED, execute
        from rbfnet.training import resume as built

    raise_from_now_on()
    run = built(directories[0], max_epochs=given.get("trainer.max_epochs"), trust=trust)
    code = execute(run, os.environ.get("LOCAL_RANK", "0") == "0")
    return 0 if allowed and code == NOT_SOLVED else code


if __name__ == "__main__":
    from rbfnet.cli.answer import answered
    from rbfnet.cli.interrupt import end, leave_at_once, left_to_the_first_process

    left_to_the_first_process()
    leave_at_once()
    end(answered(resume, sys.argv[1:]))
