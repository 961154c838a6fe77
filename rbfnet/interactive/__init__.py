"""Widgets for notebooks: choose a fit by hand, slide through time, look at three dimensions (needs ``rbfnet[interactive]``)."""

from rbfnet.interactive._explore import explore
from rbfnet.interactive._slide import slide
from rbfnet.interactive._view import view

__all__ = ["explore", "slide", "view"]
