"""Config nodes that describe existing objects."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor

from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError
from rbfnet.kernels import Kernel
from rbfnet.problems import Problem
from rbfnet.solvers import Solver

PLAIN = (str, int, float, bool, type(None))
OWN = {"num_interior": "given_interior", "num_boundary": "given_boundary"}
"""Arguments that are stored as an attribute of another name."""


def kernel_node(kernel: Kernel) -> dict[str, Any]:
    """The config node of a kernel.

    Raises:
        InputError: a plain function, a class that cannot be imported by name, or a user's class with arguments.
    """
    node = _shipped(kernel, "kernels", "Kernel")
    if node is None:
        node = _own(kernel)
    if node is None:
        raise InputError(
            f"The kernel {kernel!r} cannot be saved: use a class without constructor arguments, defined at the top level of a "
            "module, as in my_kernels.py."
        )
    return node


def problem_node(problem: Problem) -> dict[str, Any] | None:
    """The config node of a shipped problem or of a user's class without arguments; None for any other problem."""
    return _shipped(problem, "problems", "Problem") or _own(problem)


def solver_node(name: str) -> dict[str, Any]:
    """The config node of a solver by its name, without its arguments, which are no longer known."""
    classes: dict[str, type] = catalogue("solvers", Solver.__name__)
    return {"_target_": f"rbfnet.solvers.{classes[name].__name__}" if name in classes else name}


def _shipped(thing: Kernel | Problem, room: str, base: str) -> dict[str, Any] | None:
    """The node of an object of a shipped class, from its attributes; None if an argument is not an attribute."""
    kind = type(thing)
    if kind not in catalogue(room, base).values():
        return None
    node: dict[str, Any] = {"_target_": f"rbfnet.{room}.{kind.__name__}"}
    members = [kernel_node(member) for member in getattr(thing, "members", ())]
    for name in inspect.signature(kind).parameters:
        if members and name in ("kernel", "kernels"):
            node[name] = members if name == "kernels" else members[0]
            continue
        value = getattr(thing, OWN.get(name, name), inspect.Parameter.empty)
        if isinstance(value, Tensor):
            value = float(value.detach())
        if not isinstance(value, PLAIN):
            return None
        node[name] = value
    return node


def _own(thing: Kernel | Problem) -> dict[str, Any] | None:
    kind = type(thing)
    if kind.__module__.startswith("rbfnet.") or "." in kind.__qualname__:
        return None
    parameters = inspect.signature(kind).parameters.values()
    inherited = kind.__init__ in (Problem.__init__, Kernel.__init__)
    if not inherited and any(p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return None
    points = {name: getattr(thing, key) for name, key in OWN.items() if inherited and hasattr(thing, key)}
    points |= {"sampler": thing.sampler} if points and isinstance(thing, Problem) else {}
    return {"_target_": f"{kind.__module__}.{kind.__qualname__}", **points}
