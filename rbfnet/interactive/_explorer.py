"""The widget of ``explore``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

from rbfnet.errors import InputError
from rbfnet.interactive._choice import Choice, Subject, condition_number, epsilon_of, has_epsilon, kernels, rounded
from rbfnet.interactive._panels import Panels
from rbfnet.interactive._png import png
from rbfnet.training import Solution

EPSILON, SMOOTHING = (-2.0, 2.0), (-14.0, 2.0)
"""Ends of the sliders, as powers of ten."""

WIDE, NARROW = {"width": "380px"}, {"width": "100px"}


class Explorer:
    """Controls, the call they stand for, the figure, and numbers; see :func:`rbfnet.interactive.explore`.

    Attributes:
        box: everything, an ``ipywidgets.VBox``.
        line, facts: the code, and the numbers below it, as HTML. image: the figure. panels: what draws it.

    Args:
        subject: what is fitted.
        start: the choice to begin with. solution: its solution.
        centers: the smallest and the largest number of centres.
    """

    def __init__(self, subject: Subject, start: Choice, centers: tuple[int, int], solution: Solution) -> None:
        import ipywidgets

        self.subject, self.solution = subject, solution
        self.every = None if subject.call.startswith("rbfnet.solve") else len(solution.problem.support())
        few, many = min(centers), max(centers)
        self.kernel = ipywidgets.Dropdown(options=sorted(kernels()), value=start.kernel, description="kernel")
        self.epsilon = _log_slider("epsilon", EPSILON, 1.0)
        self.epsilon_by = ipywidgets.Dropdown(options=["auto", "fixed"], value="auto", layout=NARROW)
        self.num_centers = ipywidgets.IntSlider(
            value=start.num_centers or self.every, min=few, max=many, description="centres", layout=WIDE
        )
        self.smoothing = _log_slider("smoothing", SMOOTHING, 1e-3)
        self.smoothing_by = ipywidgets.Dropdown(options=["auto", "none", "fixed"], value="auto", layout=NARROW)
        self.line, self.facts = ipywidgets.HTML(), ipywidgets.HTML()
        self.image = ipywidgets.Image(format="png")
        self.panels = Panels(subject)
        rows = [self.kernel, ipywidgets.HBox([self.epsilon, self.epsilon_by]), self.num_centers]
        if start.smoothing is not None:
            rows.append(ipywidgets.HBox([self.smoothing, self.smoothing_by]))
        self.box = ipywidgets.VBox([ipywidgets.HBox([ipywidgets.VBox(rows), self.facts]), self.line, self.image])
        self._smooths, self._passive = start.smoothing is not None, False
        self._show(solution, 0.0)
        for control in (self.kernel, self.epsilon, self.epsilon_by, self.num_centers, self.smoothing, self.smoothing_by):
            control.observe(self._moved, names="value")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows."""
        return self.box._repr_mimebundle_(**options)

    @property
    def choice(self) -> Choice:
        """What the controls say."""
        strengths: dict[str, float | str] = {"auto": "auto", "none": 0.0, "fixed": rounded(self.smoothing.value)}
        centers = self.num_centers.value
        return Choice(
            self.kernel.value,
            "auto" if self.epsilon_by.value == "auto" else rounded(self.epsilon.value),
            None if centers == self.every else centers,
            strengths[self.smoothing_by.value] if self._smooths else None,
        )

    @property
    def code(self) -> str:
        """The line of code that gives the solution shown."""
        return self.subject.code(self.choice)

    def _moved(self, change: Any) -> None:
        """Fit again after a control has changed; a slider that is moved is what is meant."""
        if self._passive:
            return
        with self._passively():
            for slider, by in ((self.epsilon, self.epsilon_by), (self.smoothing, self.smoothing_by)):
                if change["owner"] is slider:
                    by.value = "fixed"
        started = time.perf_counter()
        try:
            self.solution = self.subject.solution(self.choice)
        except InputError as error:
            self.line.value = _code(self.code)
            self.facts.value = f"<p style='color:#b3261e;max-width:420px'>{escape(str(error))}</p>"
            return
        self._show(self.solution, time.perf_counter() - started)

    def _show(self, solution: Solution, seconds: float) -> None:
        self.epsilon.disabled = self.epsilon_by.disabled = not has_epsilon(self.kernel.value)
        if self.epsilon_by.value == "auto" and has_epsilon(self.kernel.value):
            with self._passively():
                _move(self.epsilon, epsilon_of(solution))
        self.panels.draw(solution)
        self.image.value = png(self.panels.figure)
        self.line.value = _code(self.code)
        self.facts.value = _facts(self.panels.said, solution, seconds)

    @contextmanager
    def _passively(self) -> Iterator[None]:
        """Move controls without a new fit."""
        before, self._passive = self._passive, True
        try:
            yield
        finally:
            self._passive = before


def _log_slider(name: str, ends: tuple[float, float], value: float) -> Any:
    import ipywidgets

    return ipywidgets.FloatLogSlider(
        value=value, min=ends[0], max=ends[1], step=0.02, description=name, readout_format=".3g", layout=WIDE
    )


def _move(slider: Any, value: float) -> None:
    """Set a logarithmic slider, and widen it if the value lies beyond its ends."""
    slider.min = min(slider.min, _power(value) - 1)
    slider.max = max(slider.max, _power(value) + 1)
    slider.value = value


def _power(value: float) -> float:
    return float(f"{value:e}".partition("e")[2])


def _code(line: str) -> str:
    return f"<code>{escape(line)}</code>"


def _facts(error: str, solution: Solution, seconds: float) -> str:
    """Error, condition number, shape parameter, verdict, and what the solver says."""
    condition = condition_number(solution)
    rows = [("error", error or "unknown")]
    rows += [] if condition is None else [("condition number", f"{condition:.1e}")]
    rows += [("epsilon", f"{epsilon_of(solution):.3g}"), ("centres", f"{solution.summary['centers']:,}")]
    rows += [("verdict", solution.verdict)] + ([("time", f"{seconds:.2g} s")] if seconds else [])
    table = "".join(f"<tr><td>{name}&nbsp;</td><td><b>{escape(text)}</b></td></tr>" for name, text in rows)
    words = "".join(f"<br>{escape(sentence)}" for sentence in solution.summary.get("words", []))
    return f"<table>{table}</table><div style='max-width:420px;line-height:1.3'><small>{words}</small></div>"
