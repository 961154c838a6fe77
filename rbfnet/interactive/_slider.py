"""The widget of ``slide``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rbfnet.interactive._png import new_figure, png
from rbfnet.interactive._section import Section
from rbfnet.plots import style

INTERVAL = 150
"""Milliseconds between frames."""


class Slider:
    """A slider, a play button and the figure; see :func:`rbfnet.interactive.slide`.

    Args:
        section: the grid that is shown.
        along: the coordinate of the slider. places: its values.
        what: the output or expression.

    Attributes:
        box: everything, an ``ipywidgets.VBox``.
        frames: the values, one array for each place.
    """

    def __init__(self, section: Section, along: str, places: Sequence[float], what: str) -> None:
        import ipywidgets

        self.frames = [section.values(what, moved={along: place}) for place in places]
        rest = {name: value for name, value in section.held.items() if name != along}
        self._along, self._rest = along, replace(section, held=rest).title()
        self.slider = ipywidgets.SelectionSlider(
            options=[(f"{place:.4g}", place) for place in places],
            value=places[0],
            description=along,
            layout={"width": "420px"},
        )
        self.play = ipywidgets.Play(max=len(places) - 1, interval=INTERVAL)
        ipywidgets.jslink((self.play, "value"), (self.slider, "index"))
        self.image = ipywidgets.Image(format="png")
        with style():
            self._draw(section, what)
        self._show()
        self.box = ipywidgets.VBox([ipywidgets.HBox([self.play, self.slider]), self.image])
        self.slider.observe(self._show, names="index")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook shows."""
        return self.box._repr_mimebundle_(**options)

    def _draw(self, section: Section, what: str) -> None:
        """The first frame, on axes and in colours that hold for all."""
        every = np.stack(self.frames)
        low, high = float(np.nanmin(every)), float(np.nanmax(every))
        self.figure = new_figure(6.4, 4.6)
        self.axes: Any = self.figure.subplots()
        self.artist: Any
        axes = list(section.axes.items())
        first, across = axes[0]
        label = what.replace("$", r"\$")
        self.axes.set_xlabel(first)
        if len(axes) == 1:
            room = 0.05 * (high - low) or 1.0
            (self.artist,) = self.axes.plot(across, self.frames[0])
            self.axes.set(ylabel=label, ylim=(low - room, high + room))
            return
        second, up = axes[1]
        self.artist = self.axes.pcolormesh(across, up, self.frames[0].T, vmin=low, vmax=high, shading="nearest", rasterized=True)
        self.axes.set_ylabel(second)
        # Time shares no unit with a length.
        self.axes.set_aspect("equal" if {first, second} <= set(section.solution.names.space) else "auto")
        self.figure.colorbar(self.artist, ax=self.axes, label=label)

    def _show(self, _: Any = None) -> None:
        """The frame of the slider."""
        frame = self.frames[self.slider.index]
        if frame.ndim == 1:
            self.artist.set_ydata(frame)
        else:
            self.artist.set_array(frame.T)
        at = f"{self._along} = {self.slider.value:.4g}"
        self.axes.set_title(", ".join(part for part in (at, self._rest) if part))
        self.image.value = png(self.figure)
