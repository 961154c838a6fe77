"""The HTML representation of a solution in a notebook."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from rbfnet.errors import InputError
from rbfnet.plots import style

if TYPE_CHECKING:
    from rbfnet.training._solution import Solution

COLOURS = {"solved": "#1a7f37", "rough": "#9a6700", "not solved": "#b3261e"}
"""Colours of the verdicts, legible on light and dark backgrounds."""

ROWS = 12
"""Maximum number of outputs or equations shown in a table."""


def page(solution: Solution) -> str:
    """Problem, errors, verdict and residuals, and a figure of the fit if it can be drawn."""
    s = solution.summary
    how = f"{s['kernel']}, {s['centers']} centres, {s['solver']}, {s['seconds']:.2f} s"
    verdict = f"<b style='color:{COLOURS.get(solution.verdict, 'inherit')}'>{escape(solution.verdict)}</b>"
    text = f"<p><b>{escape(str(s['problem']))}</b>: {escape(how)}<br>verdict: {verdict} {escape(' '.join(s['reasons']))}</p>"
    tables = _errors(solution) + _residuals(solution)
    picture = _picture(solution)
    image = f"<img alt='the fit' style='max-width:380px' src='data:image/png;base64,{picture}'>" if picture else ""
    side_by_side = "display:flex;flex-wrap:wrap;gap:2em;align-items:flex-start"
    return f"<div>{text}<div style='{side_by_side}'><div>{tables}</div>{image}</div></div>"


def _errors(solution: Solution) -> str:
    if solution.errors is None:
        return "<p>No errors are known: there is no reference.</p>"
    columns = ("rel_l2", "max_abs", "rmse")
    measured = solution.summary.get("errors_by_output") or {solution.names.outputs[0]: solution.errors}
    rows = [[name, *(f"{found[key]:.2e}" for key in columns)] for name, found in measured.items()]
    by = str(solution.summary.get("errors_by", "reference"))
    return _table(f"errors by {by}", ["", "relative L2", "maximum", "RMSE"], rows)


def _residuals(solution: Solution) -> str:
    rows = [[row["condition"], str(row["equation"]), f"{row['rms']:.1e}", f"{row['largest']:.1e}"] for row in solution.residuals]
    title = "residuals at held-out points, relative to the terms of the equation"
    return _table(title, ["condition", "equation", "rms", "largest"], rows) if rows else ""


def _table(title: str, head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows[:ROWS])
    more = f"<tr><td>... {len(rows) - ROWS} more</td></tr>" if len(rows) > ROWS else ""
    return f"<table><caption>{escape(title)}</caption><tr>{cells}</tr>{body}{more}</table>"


def _picture(solution: Solution) -> str:
    """The fit of the first output as base64 PNG; empty if the problem, and so its domain, is not available."""
    # Not a pyplot figure, which a notebook would show a second time.
    from matplotlib.figure import Figure

    from rbfnet.training._figures import draw_fit

    try:
        _ = solution.problem
    except InputError:
        return ""
    with style():
        figure = Figure(figsize=(3.8, 3.2), layout="constrained")
        draw_fit(solution, figure.subplots())
        written = io.BytesIO()
        figure.savefig(written, format="png", dpi=100)
    return base64.b64encode(written.getvalue()).decode()
