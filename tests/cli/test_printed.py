"""Tables on terminals of any width, and elsewhere."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from rbfnet.cli.printed import print_table

HEAD = ["run", "network.num_centers", "error", "verdict", "seconds"]
BODY = [["a [1]", "400", "1.23e-10", "solved", "0.52"], ["b :smile:", "9", "", "not solved", "12.00"]]


def printed(width: int, terminal: bool, head: Sequence[str] = HEAD, body: Sequence[Sequence[str]] = BODY) -> str:
    file = io.StringIO()
    options = {"highlight": False, "markup": False, "emoji": False, "soft_wrap": True, "color_system": None}
    print_table(Console(file=file, width=width, force_terminal=terminal, **options), head, body, "errors")  # type: ignore[arg-type]
    return file.getvalue()


def test_elsewhere_it_is_plain_lines() -> None:
    assert printed(20, terminal=False).splitlines() == [
        "errors",
        "run        network.num_centers  error     verdict     seconds",
        "a [1]      400                  1.23e-10  solved      0.52",
        "b :smile:  9                              not solved  12.00",
    ]


@pytest.mark.parametrize("width", [120, 80, 70, 62])
def test_on_a_terminal_it_has_a_frame_that_fits(width: int) -> None:
    lines = printed(width, terminal=True).splitlines()
    assert max(map(len, lines)) <= width
    assert any("│ a [1]" in line and "1.23e-10" in line and "0.52" in line for line in lines)


@pytest.mark.parametrize("width", [50, 40])
def test_where_the_terminal_is_too_narrow_no_number_is_broken(width: int) -> None:
    out = printed(width, terminal=True)
    assert max(map(len, out.splitlines())) <= width
    assert "a [1]\n  network.num_centers  400\n  error                1.23e-10\n" in out
    assert out.count("error  ") == 1, "an empty cell has no line"


def test_wide_letters_are_counted_as_they_are_shown() -> None:
    body = [["格子点" * 4, "400", "1.23e-10", "solved", "0.52"]]
    assert "│" in printed(90, terminal=True, body=body)
    assert "│" not in printed(68, terminal=True, body=body)
