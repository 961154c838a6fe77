"""Check arguments against the annotations of their function; a number may be a text such as ``1/2``."""

from __future__ import annotations

import ast
import functools
import inspect
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from rbfnet.errors import InputError, number
from rbfnet.grammar import constant

P = ParamSpec("P")
R = TypeVar("R")

ARRAYS = {"Float", "Int", "Bool", "Tensor"}

LISTS, MAPPINGS = {"Sequence", "Iterable", "list", "tuple"}, {"Mapping", "dict"}

WORDS = {
    "None": "None", "bool": "true or false", "int": "a whole number", "float": "a finite number", "str": "a string",
    "Path": "a path", "Callable": "a function",
}  # fmt: skip

LONGEST = 100
"""The longest text that is read as a number."""


def held(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which raises InputError for an argument that is not what its annotation says."""

    @functools.wraps(function)
    def looked_at(*args: P.args, **kwargs: P.kwargs) -> R:
        given, named, wrong = fitted(function, function.__name__, *args, **kwargs)
        if wrong is not None:
            raise wrong
        return function(*given, **named)

    return looked_at


def fitted(
    function: Callable[..., Any], called: str, *args: Any, **kwargs: Any
) -> tuple[tuple[Any, ...], dict[str, Any], InputError | None]:
    """Arguments by position and by name, texts read where numbers belong; and the error for the first that does not fit.

    A wrong number of arguments and unknown names are left to Python, which reports them when the function is called.
    """
    signature = _signature(function)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return args, kwargs, None
    wrong: list[InputError] = []

    def one(name: str, value: Any, annotation: ast.expr | None) -> Any:
        try:
            return value if annotation is None else _fit(value, annotation, vars(inspect.getmodule(function)))
        except _Misfit:
            must = _described(annotation)
            wrong.append(InputError(f"{name} of {called} must be {must}, but got {reprlib.repr(value)}."))
            return value

    for name, value in bound.arguments.items():
        parameter = signature.parameters[name]
        annotation = _parsed(str(parameter.annotation))
        if parameter.kind is parameter.VAR_POSITIONAL:
            bound.arguments[name] = tuple(one(name, item, annotation) for item in value)
        elif parameter.kind is parameter.VAR_KEYWORD:
            bound.arguments[name] = {key: one(key, item, annotation) for key, item in value.items()}
        else:
            bound.arguments[name] = one(name, value, annotation)
    return bound.args, bound.kwargs, wrong[0] if wrong else None


def as_number(value: Any) -> Any:
    """What stands for a real number, Python's, NumPy's or a text of the grammar, as one; anything else as it is."""
    if isinstance(value, str):
        read = constant(value) if len(value) <= LONGEST else None
        return value if read is None else int(read) if read.is_integer() and abs(read) < 2**53 else read
    return value


class _Misfit(Exception):
    """A value is nothing that an annotation allows."""


_signature = functools.cache(inspect.signature)


@functools.cache
def _parsed(annotation: str) -> ast.expr | None:
    """That of a parameter; None where it has none, or says nothing."""
    try:
        parsed = ast.parse(annotation, mode="eval").body
    except SyntaxError:
        return None
    # A quoted annotation within one that is quoted by `from __future__ import annotations`.
    return _parsed(parsed.value) if isinstance(parsed, ast.Constant) and isinstance(parsed.value, str) else parsed


def _alternatives(annotation: ast.expr) -> list[ast.expr]:
    if isinstance(annotation, ast.BinOp):
        return [*_alternatives(annotation.left), *_alternatives(annotation.right)]
    return [annotation]


def _name(annotation: ast.expr) -> str:
    """``Sequence`` of ``Sequence[float]``, ``dtype`` of ``torch.dtype``."""
    outer = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return (
        outer.attr if isinstance(outer, ast.Attribute) else outer.id if isinstance(outer, ast.Name) else str(ast.unparse(outer))
    )


def _described(annotation: ast.expr | None) -> str:
    def word(part: ast.expr) -> str:
        if _name(part) in LISTS | MAPPINGS:
            inner = _inner(part)
            return ("a list" if _name(part) in LISTS else "values by name") + (f", each {_described(inner)}" if inner else "")
        return WORDS.get(_name(part)) or ("a tensor" if _name(part) in ARRAYS else f"a {ast.unparse(part)}")

    return " or ".join(dict.fromkeys(word(part) for part in _alternatives(annotation))) if annotation is not None else "something"


def _fit(value: Any, annotation: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value, texts in it read as numbers where there are to be numbers.

    Raises:
        _Misfit: it is none of the alternatives.
    """
    parts = _alternatives(annotation)
    if {"float", "int"} & {_name(part) for part in parts} and isinstance(as_number(value), (int, float)):
        # A text may also be a word, such as "auto"; what is a number is meant as one.
        parts.sort(key=lambda part: _name(part) == "str")
    for part in parts:
        try:
            return _one(value, part, names)
        except _Misfit:
            continue
    raise _Misfit


def _one(value: Any, annotation: ast.expr, names: Mapping[str, Any]) -> Any:
    name = _name(annotation)
    if name in ("int", "float"):
        given = as_number(value)
        if number(given) is None or not abs(given) < math.inf or (name == "int" and given != int(given)):
            raise _Misfit
        return int(given) if name == "int" else given
    if name in LISTS | MAPPINGS:
        return _several(value, annotation, names)
    if name == "ndarray":
        # Whatever NumPy makes an array of.
        fits = hasattr(value, "__array__") or isinstance(value, (list, tuple))
    elif name == "Callable":
        fits = callable(value)
    elif name in ("None", "bool", "str"):
        fits = value is None if name == "None" else isinstance(value, {"bool": bool, "str": str}[name])
    else:
        cls = names.get("Tensor" if name in ARRAYS else name)
        if isinstance(annotation, ast.Attribute) and isinstance(annotation.value, ast.Name):
            cls = getattr(names.get(annotation.value.id), annotation.attr, None)
        # The name of a union of its own, or one that only the type checker knows, allows anything.
        fits = not isinstance(cls, type) or cls is Any or isinstance(value, cls)
    if not fits:
        raise _Misfit
    return value


def _inner(annotation: ast.expr) -> ast.expr | None:
    """That of the members of a list, or of the values of a mapping."""
    inner = annotation.slice if isinstance(annotation, ast.Subscript) else None
    return inner.elts[-1 if _name(annotation) in MAPPINGS else 0] if isinstance(inner, ast.Tuple) else inner


def _several(value: Any, annotation: ast.expr, names: Mapping[str, Any]) -> Any:
    """The members of a list or mapping, each as its annotation says; tensors, generators and the like are left alone."""
    inner = _inner(annotation)
    if _name(annotation) in MAPPINGS:
        if not isinstance(value, Mapping):
            raise _Misfit
        return {key: item if inner is None else _fit(item, inner, names) for key, item in value.items()}
    if isinstance(value, (str, bytes, Mapping, type)) or not isinstance(value, Iterable):
        raise _Misfit
    if hasattr(value, "__array__") and inner is not None and "str" in {_name(part) for part in _alternatives(inner)}:
        raise _Misfit
    if isinstance(value, (list, tuple)) and inner is not None:
        return type(value)([_fit(item, inner, names) for item in value])
    return value
