"""A model and chosen derivatives of it as one program that runs without rbfnet."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.errors import InputError
from rbfnet.errors import path as named
from rbfnet.nn._named import named_operators
from rbfnet.operators import Differentiable, Operator, with_closed_form


def export(
    model: Differentiable,
    path: str | Path,
    operators: Mapping[str, Operator] | None = None,
    coords: Sequence[str] | None = None,
) -> Path:
    """Write u and selected derivatives as a program of ``torch.export``, which runs without rbfnet::

        rbfnet.export(model, "plate.pt2", {"u": Operator.identity(), "slope": Operator.d("x")}, coords=("x", "y"))

        program = torch.export.load("plate.pt2").module()  # PyTorch alone
        program(x)["slope"]  # x (B, D) -> (B, O)

    ``torch.export.load`` may run code that a file holds: a program from somebody else is read by :func:`rbfnet.load_export`.

    The program holds the parameters as they are, in their dtype and on their device, and takes any number of points. It
    holds an array of points x centres: callers take many points in parts.

    Args:
        model: with derivatives in closed form (``RBFNetwork``, its wrappers, what ``rbfnet.load`` returns).
        path: of the file to write, ending in .pt2; it must not be there yet.
        operators: by the name that their result is to have; the value alone, as ``"u"``, if None.
        coords: names of the coordinates, as the operators use them; x, y, z, or x1, x2, ... above three, if None.

    Returns:
        The path.

    Raises:
        InputError: a model without closed forms, no operators, an unknown coordinate, a derivative the kernel is not smooth
            enough for, another ending, or a file that already exists.
    """
    file = named("The path of the program", path)
    if file.suffix != ".pt2":
        raise InputError(f"The file of a program must end in .pt2, but got {str(path)!r}.")
    if not os.path.isdir(file.parent):
        raise InputError(f"There is no directory {str(file.parent)!r} to write {file.name!r} to; create it first.")
    if file.exists():
        raise InputError(f"The file {str(path)!r} already exists; choose another name, or remove it.")
    model = with_closed_form(model)
    if not isinstance(model, Differentiable):
        raise InputError(
            f"{type(model).__name__} has no closed-form derivatives, which rbfnet.export needs; export its values with "
            "torch.export."
        )
    in_features: int = model.in_features  # type: ignore[assignment]
    program = _Program(model, named_operators(operators, coords, in_features))
    like = next(model.parameters())
    example = torch.zeros((2, in_features), dtype=like.dtype, device=like.device)
    with torch.no_grad():
        program(example)
        exported = torch.export.export(program, (example,), dynamic_shapes={"x": {0: torch.export.Dim("points", min=1)}})
    torch.export.save(exported, file)
    return file


class _Program(nn.Module):
    def __init__(self, model: Differentiable, operators: Mapping[str, Operator]) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.operators = operators

    def forward(self, x: Float[Tensor, "B D"]) -> dict[str, Float[Tensor, "B O"]]:
        values = self.model.apply_operators(x, list(self.operators.values()))
        return dict(zip(self.operators, values.unbind(-1), strict=True))
