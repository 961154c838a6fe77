"""What a run prints at its end: errors, unknowns, the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rbfnet.cli.loudness import further, is_quiet
from rbfnet.cli.printed import console, print_table

if TYPE_CHECKING:
    from rbfnet.training import Solution


def report(solution: Solution, directory: Path) -> None:
    """Print a table of errors, the verdict and the run directory."""
    out = console(is_quiet())
    summary = solution.summary
    who = f"{summary['problem']}: {summary['kernel']}, {summary['centers']} centres, {summary['solver']}"
    about = f"{who}, {summary['seconds']:.2f} s"
    if summary["errors"] is None:
        out.print(f"{about}; loss {summary['loss']:.3e}; no reference to measure errors against.")
    else:
        out.print(about)
        measured_by = summary.get("errors_by", "reference")
        title = None if measured_by == "reference" else f"errors: {measured_by}"
        by_output = summary.get("errors_by_output", {solution.problem.outputs[0]: summary["errors"]})
        keys = ("rel_l2", "max_abs", "rmse")
        rows = [[name, *(f"{measured[key]:.3e}" for key in keys)] for name, measured in by_output.items()]
        print_table(out, ["output", "relative L2", "maximum", "RMSE"], rows, title)
    if "unknowns" in summary:
        rows = []
        for name, found in summary["unknowns"].items():
            value = f"{found['value']:.6g}" if "value" in found else f"{found['min']:.4g} to {found['max']:.4g}"
            error = f"{found['standard_error']:.2g}" if "standard_error" in found else ""
            exact = f"{found['exact']:.6g}" if "exact" in found else ""
            rows.append([name, value, error, exact, f"{found['rel_error']:.3e}" if "rel_error" in found else ""])
        print_table(out, ["unknown", "value", "standard error", "exact", "relative error"], rows)
    for sentence in summary.get("words", []):
        out.print(sentence)
    for sentence in further(summary):
        out.print(sentence)
    out.quiet = False
    out.print(verdict_line(summary))
    out.print(str(directory))


def verdict_line(summary: dict[str, Any]) -> str:
    """The verdict, the numbers it is based on, and the reasons for it."""
    worst = max((row["rms"] for row in summary["residuals"]), default=None)
    if "rows" in summary.get("errors_by", "") or summary.get("errors_by") == "leave-one-out":
        missed, error = f"; maximum relative misfit {worst:.1e} ({summary['errors_by']})", ""
    else:
        missed = "" if worst is None else f"; maximum relative residual {worst:.1e} at held-out points"
        likely = summary["estimated_error"]
        error = "" if likely is None else f"; estimated error {likely:.1e}"
    return " ".join([f"Verdict: {summary['verdict']}{missed}{error}.", *summary["reasons"]])
