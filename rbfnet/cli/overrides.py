"""Translate overrides as a user types them into overrides that Hydra can parse.

Hydra's grammar reserves ``, = [ ] { } ( ) ' "`` and rejects letters beyond ASCII. An unambiguous value is quoted here, so that
the user does not have to quote it for both the shell and Hydra.
"""

from __future__ import annotations

import os
import re
import shlex

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from rbfnet.errors import InputError
from rbfnet.shipped_configs import choices, groups

PATHS = ("run_dir", "problem.path")
"""Keys whose values are file names, which are always read as text."""

SEVERAL = {"callbacks": "callbacks=[grow,custom]", "logger": "logger=[csv,tensorboard]"}
"""Groups from which several configs may be chosen at once."""

CLOSED = "[]{}\"'"
"""Characters that need a matching closing character."""

KEY = re.compile(r"(\+\+|\+|~|)([A-Za-z_$][\w./@:-]*)")


def readable(override: str, multirun: bool = False) -> Override:
    """Parse an override with Hydra, after quoting it if necessary.

    Raises:
        InputError: not an override, or an ambiguous value; the message shows how to quote it.
    """
    key, equals, value = override.partition("=")
    match = KEY.fullmatch(key)
    if match is None or not (equals or match[1] == "~"):
        raise InputError(f"{override!r} is not an override; write key=value, as in kernel=matern.")
    key = _prefix(match[1], match[2]) + match[2]
    parsed = _parsed(f"{key}={value}" if equals else key)
    if match[2] in PATHS and not _is_text(parsed, value, multirun):
        return _quoted(key, value)
    if parsed is None:
        return _repaired(key, value, multirun)
    if parsed.is_sweep_override() and not multirun:
        if os.path.exists(value):
            return _quoted(key, value)
        at_once = f" {key}=[{value}] for all at once," if key in SEVERAL else ""
        raise InputError(
            f"{override} gives several values: add --multirun for one run each,{at_once} or quote a value that contains a comma: "
            f"{_shown(key, value)}"
        )
    return parsed


def chosen(override: Override) -> list[str]:
    """The overrides passed to Hydra for one override of a single run.

    ``callbacks=[grow,custom]`` becomes one override per choice, with keys ``callbacks.grow`` and ``callbacks.custom``.
    """
    group, names = override.key_or_group, override.value()
    if isinstance(names, dict) and "_target_" in names and str(override.input_line).startswith(group):
        # The new object replaces the old one; Hydra would merge them.
        return [f"~{group}" if group in groups() else f"{group}=null", f"++{override.input_line}"]
    if group not in groups() or override.package is not None or override.is_delete():
        return [str(override.input_line)]
    if names is None:
        return [f"{group}=[]"]
    if names in ("", {}) or (isinstance(names, list) and group not in SEVERAL) or not isinstance(names, (str, list, dict)):
        example = f"{group}={next(iter(choices(group)))}"
        raise InputError(f"{group} takes one choice, as in {example}, but got {override.input_line}.")
    if not isinstance(names, list):
        return [str(override.input_line)]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise InputError(f"{group}=[...] takes names, each once, as in {SEVERAL[group]}, but got {override.input_line}.")
    return [f"{group}=[]", *(f"+{group}@{group}.{name}={name}" for name in names)]


def _prefix(given: str, key: str) -> str:
    """The prefix for Hydra: ``++`` for ``+``, so that it may also change an existing key; none for a group, which exists."""
    if given in ("+", "++") and key in groups():
        return ""
    return "++" if given == "+" and not {"/", "@"} & set(key) else given


def _parsed(override: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(override)
    except (HydraException, ValueError, TypeError):
        return None


def _is_text(parsed: Override | None, value: str, multirun: bool) -> bool:
    """Whether Hydra parses a file name as typed: null, text, or several texts with --multirun."""
    if parsed is None or parsed.is_delete():
        return parsed is not None
    if parsed.is_sweep_override():
        return multirun
    read = parsed.value()
    # Escaped, quoted or interpolated text differs from what was typed, on purpose.
    return read is None or read == value or (isinstance(read, str) and ("\\" in value or _bare(value) != value))


def _repaired(key: str, value: str, multirun: bool) -> Override:
    """Quote a value that Hydra cannot parse, if it can only be text."""
    if multirun and len(parts := _elements(value)) > 1:
        each = ",".join(_with_quotes(_bare(part)) for part in parts)
        raise InputError(
            f"{key}={value} cannot be read; with --multirun quote each value that has special characters: "
            f"{shlex.quote(f'{key}={each}')}"
        )
    repaired = None if value.startswith(('"', "'")) else _parsed(f"{key}={_element(value)}")
    if repaired is None:
        raise InputError(
            f"{key}={value} cannot be read: unbalanced bracket or quotation mark; quote a text value like this: "
            f"{_shown(key, value)}"
        )
    return repaired


def _element(text: str) -> str:
    """A value, or a part of one, with quotes around anything that can only be text."""
    parsed = _parsed(f"key={text}")
    if parsed is not None and not parsed.is_sweep_override():
        return text
    if text.startswith("[") and text.endswith("]"):
        return "[" + ",".join(map(_element, _elements(text[1:-1]))) + "]"
    if text.startswith("{") and text.endswith("}"):
        pairs = (pair.partition(":") for pair in _elements(text[1:-1]))
        return "{" + ",".join(f"{name}:{_element(value.strip())}" for name, _, value in pairs) + "}"
    return text if text.startswith(("[", "{")) else _with_quotes(text)


def _elements(text: str) -> list[str]:
    """Split at commas outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        quote = "" if letter == quote else letter if not quote and letter in "\"'" else quote
        depth += 0 if quote else (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts] if text.strip() else []


def _quoted(key: str, value: str) -> Override:
    parsed = _parsed(f"{key}={_with_quotes(value)}")
    assert parsed is not None  # Quoted text can always be parsed.
    return parsed


def _with_quotes(text: str) -> str:
    return QuotedString(text, Quote.double).with_quotes()


def _shown(key: str, value: str) -> str:
    """The text to type: quoted for Hydra, then for the shell."""
    return shlex.quote(f"{key}={_with_quotes(value.strip(CLOSED))}")


def _bare(text: str) -> str:
    """The text without surrounding quotes."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
