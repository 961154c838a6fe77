"""Arguments of a solver that is not named: with ``solver=auto`` nobody knows yet which it is."""

from __future__ import annotations

import yaml

from rbfnet.errors import InputError
from rbfnet.shipped_configs import choices

AUTO = "rbfnet.solvers.Auto"


def undecided(argument: str) -> InputError:
    """The error for an argument of ``solver=auto``: which solvers have one of that name."""
    having = [
        f"solver={name}"
        for name, file in choices("solver").items()
        if argument in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]
    if not having:
        return InputError(f"solver=auto takes no arguments, and no solver has one called {argument!r}; remove it.")
    listed = " or ".join(filter(None, [", ".join(having[:-1]), having[-1]]))
    return InputError(f"solver=auto takes no arguments; choose {listed} to set solver.{argument}.")
