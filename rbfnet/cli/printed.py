"""Print tables: framed on a terminal, otherwise as plain lines that programs can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def console(quiet: bool = False, stderr: bool = False) -> Console:
    """A console that prints text as is, without colour if NO_COLOR is set or the output is not a terminal."""
    from rich.console import Console

    # Names may contain brackets or colons, so markup is off.
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, stderr=stderr, quiet=quiet)


def print_table(out: Console, head: Sequence[str], body: Sequence[Sequence[str]], title: str | None = None) -> None:
    """Print a table: framed on a terminal or, if it is too wide, one block per row, so that no number is split.

    Where nobody has a terminal, nothing is wrapped, and columns are two spaces apart.
    """
    if not out.is_terminal:
        _print_plain(out, head, body, title)
        return
    if _framed_width(head, body) <= out.width:
        _print_framed(out, head, body, title)
        return
    # The first cell is a path or a name.
    broken = [_broken(name) for name in head], [[cells[0].replace("/", "/\n"), *cells[1:]] for cells in body]
    if _framed_width(*broken) <= out.width:
        _print_framed(out, *broken, title)
    else:
        _print_one_by_one(out, head, body, title)


def _print_plain(out: Console, head: Sequence[str], body: Sequence[Sequence[str]], title: str | None) -> None:
    widths = [max(map(len, column)) for column in zip(head, *body, strict=True)]
    if title is not None:
        out.print(title)
    for line in (head, *body):
        out.print("  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _print_framed(out: Console, head: Sequence[str], body: Sequence[Sequence[str]], title: str | None) -> None:
    from rich.table import Table

    table = Table(*head, title=title)
    for cells in body:
        table.add_row(*cells)
    out.print(table)


def _print_one_by_one(out: Console, head: Sequence[str], body: Sequence[Sequence[str]], title: str | None) -> None:
    """The first cell of each row, and below it the other non-empty cells."""
    if title is not None:
        out.print(title)
    width = max(map(len, head[1:]), default=0)
    for first, *others in body:
        out.print(first, style="bold")
        for name, cell in zip(head[1:], others, strict=True):
            if cell:
                out.print(f"  {name:{width}}  {cell}")


def _framed_width(head: Sequence[str], body: Sequence[Sequence[str]]) -> int:
    from rich.cells import cell_len

    widths = ([max(map(cell_len, cell.split("\n"))) for cell in line] for line in (head, *body))
    return 1 + sum(3 + max(column) for column in zip(*widths, strict=True))


def _broken(name: str) -> str:
    """A name split over lines: ``network.num_centers`` on two."""
    return name.replace(" ", "\n").replace(".", ".\n")
