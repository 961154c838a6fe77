"""The arguments of a command that works on runs: positional arguments, options with values, and flags."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rbfnet.config import require_run
from rbfnet.errors import InputError, unknown
from rbfnet.errors import path as named
from rbfnet.extras import require_installed

SHORT = {"-h": "--help", "-o": "--out", "-q": "--quiet", "-v": "--verbose", "-f": "--force"}
ALWAYS = ("--help", "--quiet", "--verbose")
"""Flags of every command."""


NEEDED = {".parquet": [("pyarrow", "parquet")], ".onnx": [("onnxscript", "onnx"), ("onnxruntime", "onnx")]}
"""The packages needed to write a file, by its extension."""


@dataclass
class Given:
    """The parsed arguments: positional arguments, option values, flags, and keys as in ``trust=[my_kernels]``."""

    words: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    trust: list[str] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        """Whether to print only results and errors."""
        return "--quiet" in self.flags

    @property
    def verbose(self) -> bool:
        """Whether to print more than usual."""
        return "--verbose" in self.flags


def read(arguments: Sequence[str], takes: Mapping[str, str], flags: Iterable[str] = (), trust: bool = False) -> Given:
    """Separate positional arguments from options.

    Args:
        arguments: the arguments after the command.
        takes: options that take a value, each with an example: ``{"--out": "--out out.csv"}``.
        flags: flags in addition to those of every command.
        trust: whether ``trust=[...]`` is accepted.

    Raises:
        InputError: an unknown option, a repeated option, or an option without its value.
    """
    given, rest = Given(), list(arguments)
    known = [*ALWAYS, *flags, *takes]
    while rest:
        argument = rest.pop(0)
        name, equals, value = argument.partition("=")
        name = SHORT.get(name, name)
        if argument == "--":
            given.words += rest
            break
        if trust and argument.startswith("trust=") and not _is_there(argument):
            given.trust += modules(argument.removeprefix("trust="))
        elif not argument.startswith("-") or argument == "-" or _is_there(argument):
            given.words.append(argument)
        elif name not in known:
            raise unknown("option", argument, known)
        elif name not in takes:
            if equals:
                raise InputError(f"{name} takes no value, but got {value!r}.")
            given.flags.add(name)
        else:
            value = value if equals else rest.pop(0) if rest else ""
            if not value:
                raise InputError(f"{name} takes a value, as in {takes[name]}.")
            if name in given.options:
                raise InputError(f"{name} is given twice; give it once.")
            given.options[name] = value
    if given.quiet and given.verbose:
        raise InputError("--quiet and --verbose cannot be combined; give one of them.")
    return given


def _is_there(argument: str) -> bool:
    """Whether the argument is the path of an existing file."""
    try:
        return Path(argument).exists()
    except (OSError, ValueError):
        return False


def modules(text: str) -> list[str]:
    """The modules of ``trust=[my_kernels,mine]``."""
    names = [name.strip().strip("'\"") for name in text.strip().removeprefix("[").removesuffix("]").split(",")]
    if not all(part.isidentifier() for name in names for part in name.split(".")):
        raise InputError(f"trust must be a list of modules, as in trust=[my_kernels], but got {text!r}.")
    return names


def elements(text: str) -> list[str]:
    """Split at commas outside parentheses and brackets: ``u,d(u,x,x)`` has two parts."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    found = [part.strip() for part in parts]
    if not all(found):
        raise InputError(f"A comma-separated list must have no empty items, but got {text!r}.")
    return found


def one_run(given: Given, command: str, more: int = 0) -> Path:
    """The run directory among the positional arguments, checked to hold a model.

    Raises:
        InputError: no run directory, too many arguments, or no finished run in the directory.
    """
    if not 1 <= len(given.words) <= 1 + more:
        raise InputError(f"`rbfnet {command}` takes the directory of one run, as in `rbfnet {command} runs/mine`.")
    directory = named("The directory of a run", given.words[0])
    if directory.is_dir() and not (directory / "config.yaml").is_file():
        inside = [path.parent for path in sorted(directory.glob("**/model.safetensors"))]
        if inside:
            raise InputError(f"{str(directory)!r} is not a run but contains runs; give one of them, as in {str(inside[-1])!r}.")
    require_run(directory, "run", "config.yaml", "model.safetensors")
    return directory


def new_file(path: str, endings: Sequence[str], force: bool) -> Path:
    """The path of a file to write.

    Raises:
        InputError: an unsupported extension, a file that already exists without --force, or a missing directory.
    """
    file = named("The output", path)
    if not path.lower().endswith(tuple(endings)):
        raise InputError(f"The output file must end in {', '.join(endings)}, but got {path!r}.")
    if file.is_dir() or (file.exists() and not force):
        raise InputError(f"The file {path!r} already exists; choose another name, or give --force to replace it.")
    if not file.parent.is_dir():
        raise InputError(f"There is no directory {str(file.parent)!r} to write {file.name!r} to.")
    for module, extra in NEEDED.get(file.suffix.lower(), ()):
        require_installed(module, extra, f"A file that ends in {file.suffix}")
    return file


def columns_of(directory: Path) -> dict[str, list[str]]:
    """The names of coordinates and outputs of a run, read without PyTorch; empty if the run does not record them."""
    try:
        found = json.loads((directory / "summary.json").read_text(encoding="utf-8"))["columns"]
        return {key: [str(name) for name in found[key]] for key in ("coords", "outputs")}
    except (OSError, ValueError, KeyError, TypeError):
        return {"coords": [], "outputs": []}


def loaded(directory: Path, trust: list[str]) -> Any:
    """Load the solution of a run."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if trust:
        # User modules are also searched for in the working directory, after installed packages.
        sys.path.append(os.getcwd())
    from rbfnet.cli.interrupt import raise_from_now_on
    from rbfnet.training import load

    raise_from_now_on()
    return load(directory, trust)
