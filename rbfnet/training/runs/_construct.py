"""Construct the object described by a config node with a ``_target_``."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from rbfnet.catalogue import catalogue
from rbfnet.config import no_module
from rbfnet.domains import Domain
from rbfnet.errors import InputError, unknown, written
from rbfnet.nn import Singularity
from rbfnet.problems import Condition
from rbfnet.problems.text import parse
from rbfnet.solvers import Balance
from rbfnet.training.foreign import require_few

PARTS: dict[tuple[str, str], tuple[type[Any], str]] = {
    ("problems", "domain"): (Domain, "domains"),
    ("problems", "where"): (Domain, "domains"),
    ("problems", "conditions"): (Condition, "problems"),
    ("problems", "enrichment"): (Singularity, "nn"),
    ("solvers", "balance"): (Balance, "solvers"),
}
"""By package and argument: nested nodes with another base class and package than their parent."""


def construct(node: Mapping[str, Any], base: type[Any], room: str, trust: Iterable[str] | None = None) -> Any:
    """Construct the object that a config node describes: ``{"_target_": "rbfnet.kernels.Matern", "nu": 2.5}``.

    Nodes among its arguments, or in lists there, are constructed in the same way, with the same base class (the kernels of a sum)
    or the one in ``PARTS`` (the domain of a problem); so are nodes in a plain mapping of a problem. If an argument is annotated
    as a number, a text is evaluated as in :class:`rbfnet.problems.Equations`: ``radius: 1/3``, ``x: [0, 2*pi]``. Positional
    arguments are given as a named list: ``{_target_: rbfnet.domains.Difference, members: [...]}``.

    Args:
        node: plain data.
        base: the required base class.
        room: the subpackage of rbfnet whose exported classes are allowed, such as ``"kernels"``.
        trust: None trusts the node, which the user typed. For a config from elsewhere: the user's modules that may be
            imported in addition to what the subpackage exports.

    Raises:
        InputError: a target that is not found, not trusted, or not a subclass of ``base``; a missing or unknown argument; or an
            argument that the constructor rejects. Any other exception of the constructor is propagated.
    """
    if trust is not None:
        require_few(node)
    target = node.get("_target_")
    if not isinstance(target, str):
        raise InputError(
            f"A {base.__name__.lower()} config needs a _target_, the dotted path of a class, but got {dict(node)!r}."
        )
    if trust is not None:
        trust = set(trust)
        _require_trusted(target, base, room, trust)
    cls = _locate(target, base)
    home = f"rbfnet.{room}" if base.__module__.startswith("rbfnet.") else base.__module__
    if inspect.isabstract(cls) or not issubclass(cls, base):
        raise InputError(f"{target} is not a usable {base.__name__}: it must be a concrete subclass of {home}.{base.__name__}.")
    parameters = inspect.signature(cls).parameters
    nodes = {written(key, parameters, target): value for key, value in node.items() if key != "_target_"}
    _require_arguments(parameters, target, nodes)
    given = {key: _argument(key, value, target, base, room, trust) for key, value in nodes.items()}
    given = {key: _with_numbers(value, _annotation(parameters, key)) for key, value in given.items()}
    members = _positional(parameters, target, given)
    # Not hydra.utils.instantiate, which would also call any _target_ nested in an argument.
    return cls(*members, **given)


def _argument(key: str, value: Any, target: str, base: type[Any], room: str, trust: Iterable[str] | None) -> Any:
    """Construct the nodes in an argument."""
    if isinstance(value, Mapping) and "_target_" in value:
        return construct(value, *PARTS.get((room, key), (base, room)), trust)
    if isinstance(value, Mapping) and room == "problems":
        return {name: _argument(name, item, target, base, room, trust) for name, item in value.items()}
    if isinstance(value, list):
        return [_argument(key, item, target, base, room, trust) for item in value]
    if trust is not None and not isinstance(value, (str, int, float, bool, type(None))):
        raise InputError(f"{key} of {target} must be a plain value in a config from elsewhere, but is {value!r}.")
    return value


def _annotation(parameters: Mapping[str, inspect.Parameter], key: str) -> str:
    """The annotation of an argument, or that of ``**others`` if it has no parameter of its own."""
    others = (p for p in parameters.values() if p.kind is p.VAR_KEYWORD)
    parameter = parameters.get(key) or next(others, None)
    return "" if parameter is None else str(parameter.annotation)


def _with_numbers(value: Any, annotation: str) -> Any:
    """Evaluate texts if the annotation allows numbers but not texts."""
    words = set(re.findall(r"\w+", annotation))
    if not words & {"float", "int"} or words & {"str", "Any", "Callable"}:
        return value
    if isinstance(value, list):
        return [_with_numbers(part, annotation) for part in value]
    if not isinstance(value, str):
        return value
    if not any(letter.isdigit() for letter in value) and not {*re.findall(r"[a-z]+", value)} & {"pi", "e"}:
        # Not a number: the constructor reports what it needs.
        return value
    number = parse(value, ()).node
    return int(number) if "float" not in words and isinstance(number, float) and number.is_integer() else number


def _positional(parameters: Mapping[str, inspect.Parameter], target: str, given: dict[str, Any]) -> list[Any]:
    """Remove the value of ``*members`` from ``given`` and return it."""
    name = next((name for name, p in parameters.items() if p.kind is p.VAR_POSITIONAL), None)
    members = given.pop(name, []) if name is not None else []
    if not isinstance(members, list):
        raise InputError(f"{name} of {target} must be a list, but got {members!r}.")
    return members


def _require_trusted(target: str, base: type, room: str, trust: set[str]) -> None:
    ours = base.__module__.startswith("rbfnet.")
    shipped = {f"rbfnet.{room}.{cls.__name__}" for cls in catalogue(room, base.__name__).values()} if ours else set()
    module = target.rpartition(".")[0]
    if target not in shipped and module not in trust:
        raise InputError(
            f"The config names {target!r}, which is not part of rbfnet; if that code is yours, load with trust=[{module!r}]."
        )


def _locate(target: str, base: type) -> type:
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name) if module_name else None
    except ModuleNotFoundError as error:
        # A user's module may exist and fail in one of its own imports: keep that traceback.
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        module = None
    if module is None:
        raise no_module(module_name, target)
    if not inspect.isclass(found := getattr(module, name, None)):
        classes = [n for n, c in vars(module).items() if inspect.isclass(c) and issubclass(c, base) and c is not base]
        raise unknown(f"class in {module_name!r} called", name, classes)
    return found


def _require_arguments(parameters: Mapping[str, inspect.Parameter], target: str, given: Mapping[str, Any]) -> None:
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for key in given:
        if key not in parameters:
            raise unknown(f"argument of {target} called", key, parameters)
    needed = [n for n, p in parameters.items() if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    missing = [n for n in needed if n not in given]
    if missing:
        raise InputError(f"{target} needs the argument {missing[0]!r}, which is not given.")
