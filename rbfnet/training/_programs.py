"""A solution as one program that runs without rbfnet, compared with it before it is given away."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.errors import InputError
from rbfnet.extras import require
from rbfnet.operators import Operator
from rbfnet.training._asked import Asked, What, as_asked, field_of
from rbfnet.training._column_names import ColumnNames
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution

PROBES = 257
"""Points that the program is compared at."""

LOOSE = 1e3
"""Roundings that sums and the chain rule make of one."""


@dataclass(frozen=True)
class Exported:
    """A program that was written.

    Attributes:
        path: of the file. names: of what it gives.
        difference: the largest from the model at some hundred points, relative to the largest value.
        rounding: how far another order of summation may take it: large weights that cancel leave fewer digits.
    """

    path: Path
    names: tuple[str, ...]
    difference: float
    rounding: float

    @property
    def is_the_same(self) -> bool:
        """Whether the program is the same function as the model, up to rounding."""
        return self.difference <= self.rounding


def export_solution(solution: Solution, path: str | Path, what: What | None = None) -> Exported:
    """Write a program from points (B, D) to what is asked for, (B,) each by name, and compare it with the solution.

    ``.pt2`` is a program of ``torch.export``: ``torch.export.load(path).module()(x)["u_x"]``. ``.onnx`` is for ONNX runtimes
    (needs ``rbfnet[onnx]``), with the results in the order of ``names``.

    Args:
        solution: what is exported, in its dtype.
        path: of a file that is not there yet.
        what: as in :meth:`Solution.predict`, without tensors; the outputs if None.

    Raises:
        InputError: another ending, a file that is there, something that cannot be read or exported.

    Example:
        >>> import numpy as np, rbfnet
        >>> from rbfnet.training import export_solution
        >>> x = np.linspace(0, 1, 20)
        >>> solution = rbfnet.fit(x, x**2, kernel="gaussian", outputs=["u"])
        >>> made = export_solution(solution, "square.pt2", ["u", "u_x"])
        >>> made.names, made.is_the_same
        (('u', 'u_x'), True)
    """
    file = Path(path)
    if file.suffix not in (".pt2", ".onnx"):
        raise InputError(f"A program is written to a file that ends in .pt2 or .onnx, but got {str(path)!r}.")
    if file.exists():
        raise InputError(f"The file {str(path)!r} already exists; choose another, or remove it.")
    names = solution.names
    asked, _ = as_asked(list(names.outputs) if what is None else what, names, PROBES)
    if any(isinstance(one.of, Operator) and one.of.tensors for one in asked):
        raise InputError("An operator that varies from point to point cannot be exported; ask for it by text.")
    program = _Program(solution.model, asked, names).eval()
    low, high = _box(solution)
    x = low + (high - low) * torch.rand(PROBES, len(low), generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(low)
    with torch.no_grad():
        expected = program(x)
        found = _written_onnx(program, x, file) if file.suffix == ".onnx" else _written(program, x, file)
    size = max(float(values.abs().max()) for values in expected.values()) or 1.0
    difference = max(float((found[name].to(values) - values).abs().max()) for name, values in expected.items()) / size
    rounding = LOOSE * torch.finfo(x.dtype).eps * max(1.0, _terms(program, x) / size)
    return Exported(file, tuple(expected), difference, rounding)


def _terms(program: _Program, x: Tensor) -> float:
    """How large the terms are that the results are sums of: derivatives of a kernel are larger than its values."""
    sums = copy.deepcopy(program)
    with torch.no_grad():
        weights = float(sums.model.weight.abs().sum())
        # Terms of one sign do not cancel.
        sums.model.weight.abs_()
        return max(weights, *(float(values.abs().nan_to_num(0.0).max()) for values in sums(x).values()))


class _Program(nn.Module):
    def __init__(self, model: Network, asked: Sequence[Asked], names: ColumnNames) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.asked = list(asked)
        self.names, _ = names.identifiers()
        self.places = dict(zip(names.outputs, self.names.outputs, strict=True))

    def forward(self, x: Float[Tensor, "B D"]) -> dict[str, Float[Tensor, " B"]]:
        ahead = [op for one in self.asked for op in ([one.of] if isinstance(one.of, Operator) else one.of.operators)]
        field = field_of(self.model, x, self.names, ahead)
        return {
            one.name: field[self.places[one.output]].apply(one.of) if isinstance(one.of, Operator) else one.of(field).clone()
            for one in self.asked
        }


def _box(solution: Solution) -> tuple[Tensor, Tensor]:
    """Where the centres are, or the domain where they are not in its coordinates."""
    centers = solution.model.centers.detach()
    if centers.shape[1] == len(solution.names.coords):
        return centers.amin(dim=0), centers.amax(dim=0)
    low, high = solution.problem.domain.box.to(centers)
    return low, high


def _written(program: _Program, x: Tensor, file: Path) -> dict[str, Tensor]:
    exported = torch.export.export(program, (x,), dynamic_shapes={"x": {0: torch.export.Dim("points", min=1)}})
    torch.export.save(exported, file)
    # What is compared is the file.
    found: dict[str, Tensor] = torch.export.load(file).module()(x)
    return found


def _written_onnx(program: _Program, x: Tensor, file: Path) -> dict[str, Tensor]:
    require("onnxscript", "onnx", "ONNX")
    require("onnxruntime", "onnx", "ONNX")
    import onnxruntime

    log = logging.getLogger("torch.onnx")
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # It tells which packages of others it does without.
        log.setLevel(logging.ERROR)
        try:
            made = torch.onnx.export(
                program,
                (x,),
                dynamo=True,
                dynamic_shapes={"x": {0: torch.export.Dim("points", min=1)}},
                verbose=False,
                custom_translation_table={torch.ops.aten.scalar_tensor.default: _exact_scalar},
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            reason = str(error).strip().splitlines()
            raise InputError(f"This cannot be written as ONNX: {reason[0] if reason else type(error).__name__}") from None
        finally:
            log.setLevel(level)
        assert made is not None
        made.save(str(file))
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    results = session.run(None, {session.get_inputs()[0].name: x.cpu().numpy()})
    return {one.name: torch.from_numpy(values) for one, values in zip(program.asked, results, strict=True)}


def _exact_scalar(s: Any, dtype: int = 1, layout: str = "", device: str = "", pin_memory: bool = False) -> Any:
    """A scalar in its own precision: onnxscript rounds the constants of a float64 program to float32."""
    from onnxscript import ir, opset18

    if isinstance(s, int | float):
        return opset18.Constant(value=ir.tensor(s, dtype=ir.DataType(dtype)))
    return opset18.Cast(s, to=dtype)
