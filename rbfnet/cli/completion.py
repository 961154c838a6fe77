"""``rbfnet completion``: commands, groups, choices and options for the TAB key of a shell."""

from __future__ import annotations

import importlib
import re

from rbfnet.cli.command import ALWAYS
from rbfnet.errors import InputError, unknown
from rbfnet.shipped_configs import choices, groups

HELP = """\
rbfnet completion bash|zsh|fish: print a script that completes commands, group=choice and options

Examples
  source <(rbfnet completion bash)                                            in ~/.bashrc
  source <(rbfnet completion zsh)                                             in ~/.zshrc, after compinit
  rbfnet completion fish > ~/.config/fish/completions/rbfnet.fish
"""

COMPOSING = ("train", "show")
"""Commands that take overrides."""

HELPS = {"list": "listing"}
"""Modules whose name differs from that of their command."""

BASH = """\
# Completion of rbfnet for bash; made by `rbfnet completion bash`.
_rbfnet() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} line=${{COMP_LINE:0:COMP_POINT}} words
    local word=${{line##*[[:space:]]}}
    if [ "$COMP_CWORD" -le 1 ]; then
        COMPREPLY=($(compgen -W "{commands}" -- "$cur"))
        return
    fi
    case ${{COMP_WORDS[1]}} in
{cases}
    esac
    local found=($(compgen -W "$words" -- "$word"))
    # Bash treats the text after = as a separate word.
    if [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then found=("${{found[@]#${{word%"$cur"}}}}"); found=("${{found[@]#=}}"); fi
    COMPREPLY=("${{found[@]}}")
    [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace
    [ ${{#COMPREPLY[@]}} -eq 0 ] && COMPREPLY=($(compgen -f -- "$cur"))
}}
complete -F _rbfnet rbfnet
"""

ZSH = """\
#compdef rbfnet
# Completion of rbfnet for zsh; made by `rbfnet completion zsh`.
_rbfnet() {{
    local -a found
    if (( CURRENT == 2 )); then
        found=({commands})
        compadd -a found
        return
    fi
    case $words[2] in
{cases}
    esac
    compadd -S '' -- ${{(M)found:#*=}}
    compadd -- ${{found:#*=}}
    # What follows an = may be a file.
    compset -P '*='
    _files
}}
compdef _rbfnet rbfnet
"""


def completion(arguments: list[str]) -> int:
    """``bash|zsh|fish``.

    Raises:
        InputError: another shell.
    """
    if {"-h", "--help"} & set(arguments):
        print(HELP, end="")
        return 0
    if len(arguments) != 1:
        raise InputError("`rbfnet completion` takes the name of a shell, as in `rbfnet completion bash`.")
    made = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    if arguments[0] not in made:
        raise unknown("shell", arguments[0], made)
    print(made[arguments[0]](words()), end="")
    return 0


def words() -> dict[str, list[str]]:
    """The possible arguments of each command, apart from files."""
    from rbfnet.cli.main import NAMES

    chosen = [f"{group}={name}" for group in sorted(groups()) for name in choices(group)]
    keys = ["seed=", "dtype=float64", "dtype=float32", "accuracy=", "run_dir=", "figures=false"]
    return {
        name: [*_options(name), *([*(f"{group}=" for group in sorted(groups())), *chosen, *keys] if name in COMPOSING else [])]
        for name in NAMES
    }


def _options(name: str) -> list[str]:
    """The options named in the help of a command."""
    if name == "train":
        from rbfnet.cli.arguments import FLAGS

        return [*FLAGS, "--quiet", "--verbose"]
    if name == "completion":
        return ["bash", "zsh", "fish", "--help"]
    text = importlib.import_module(f"rbfnet.cli.{HELPS.get(name, name)}").HELP
    return sorted({*ALWAYS, *re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)})


def _bash(found: dict[str, list[str]]) -> str:
    cases = "\n".join(f'        {name}) words="{" ".join(parts)}" ;;' for name, parts in found.items())
    return BASH.format(commands=" ".join([*found, "--help", "--version"]), cases=cases)


def _zsh(found: dict[str, list[str]]) -> str:
    cases = "\n".join(f"        {name}) found=({' '.join(parts)}) ;;" for name, parts in found.items())
    return ZSH.format(commands=" ".join([*found, "--help", "--version"]), cases=cases)


def _fish(found: dict[str, list[str]]) -> str:
    lines = ["# Completion of rbfnet for fish; made by `rbfnet completion fish`."]
    first = "__fish_is_first_token"
    lines += [f"complete -c rbfnet -n {first} -f -a '{' '.join(found)}'"]
    for name, parts in found.items():
        within = f"'__fish_seen_subcommand_from {name}'"
        lines.append(f"complete -c rbfnet -n {within} -a '{' '.join(p for p in parts if not p.startswith('--'))}'")
        lines += [f"complete -c rbfnet -n {within} -l {p.removeprefix('--')}" for p in parts if p.startswith("--")]
    return "\n".join(lines) + "\n"
