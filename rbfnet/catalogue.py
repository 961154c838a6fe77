"""What a room exports, by the name that YAML files and keyword arguments use."""

from __future__ import annotations

import importlib
import inspect
import re


def catalogue(room: str, base: str) -> dict[str, type]:
    """The concrete classes ``rbfnet.<room>`` exports below its class ``base``: ``{"thin_plate_spline": ThinPlateSpline, ...}``.

    There is no second list: exporting a class from its room is what enters it here.
    """
    module = importlib.import_module(f"rbfnet.{room}")
    exported = {name: getattr(module, name) for name in module.__all__}
    return {
        snake_case(name): cls
        for name, cls in exported.items()
        if inspect.isclass(cls) and issubclass(cls, exported[base]) and not inspect.isabstract(cls) and name != base
    }


def snake_case(name: str) -> str:
    """``ThinPlateSpline`` -> ``thin_plate_spline``, ``Poisson5D`` -> ``poisson_5d``, ``LBFGS`` -> ``lbfgs``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()
