"""A constructor of a user's own that forgets the one it builds upon is told so at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from rbfnet.errors import InputError


class Initialised:
    """To derive from: an instance of a user's own class has what ``_needed`` names, which ``super().__init__()`` sets.

    Raises:
        InputError: when an instance is made that has not.
    """

    _needed: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls) and not cls.__module__.startswith("rbfnet."):
            cls.__init__ = _looked_at(cls, cls.__init__)  # type: ignore[method-assign]


def _looked_at(cls: type[Initialised], init: Callable[..., None]) -> Callable[..., None]:
    first = f"The constructor of {cls.__name__} must call super().__init__(...)"

    @functools.wraps(init)
    def looked_at(self: Initialised, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except AttributeError as error:
            # PyTorch's words where a module is given a part too early.
            if "before Module.__init__() call" in str(error):
                raise InputError(f"{first} before it sets any part.") from None
            raise
        for name in cls._needed if type(self) is cls else ():
            if not hasattr(self, name):
                raise InputError(f"{first}{'' if name.startswith('_') else f', or set {name!r} itself'}.")

    return looked_at
