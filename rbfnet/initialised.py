"""Check constructor arguments, and that user-defined constructors call ``super().__init__()``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

from rbfnet.annotations import fitted
from rbfnet.errors import InputError


class Initialised:
    """To derive from: an instance of a user's own class has what ``_needed`` names, which ``super().__init__()`` sets.

    Constructors of rbfnet's own take texts for numbers, and nothing that their annotations do not name.

    Raises:
        InputError: when an instance is made that has not, or an argument does not fit.
    """

    _needed: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls):
            ours = cls.__module__.startswith("rbfnet.")
            cls.__init__ = (_held if ours else _looked_at)(cls, cls.__init__)  # type: ignore[method-assign]


def _held(cls: type[Initialised], init: Callable[..., None]) -> Callable[..., None]:
    """A constructor of ours, whose own sentences say more than those about annotations, and so come first."""

    @functools.wraps(init)
    def held(self: Initialised, *args: Any, **kwargs: Any) -> None:
        (_, *given), named, wrong = fitted(init, cls.__name__, self, *args, **kwargs)
        try:
            init(self, *given, **named)
        except InputError:
            raise
        except Exception:
            if wrong is None:
                raise
        if wrong is not None:
            raise wrong

    return held


def _looked_at(cls: type[Initialised], init: Callable[..., None]) -> Callable[..., None]:
    first = f"The constructor of {cls.__name__} must call super().__init__(...)"

    @functools.wraps(init)
    def looked_at(self: Initialised, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except AttributeError as error:
            # PyTorch's words where a module is given a part too early.
            if "before Module.__init__() call" in str(error):
                raise InputError(f"{first} before it sets any attribute.") from None
            raise
        for name in cls._needed if type(self) is cls else ():
            if not hasattr(self, name):
                raise InputError(f"{first}{'' if name.startswith('_') else f', or set {name!r} itself'}.")

    return looked_at
