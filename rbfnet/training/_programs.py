"""Export a solution as a program that runs without rbfnet, and compare the program with the solution."""

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
from rbfnet.nn import LocalNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import Operator
from rbfnet.training._asked import Asked, What, as_asked, field_of
from rbfnet.training._column_names import ColumnNames
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution

PROBES = 257
"""Number of points at which the program is compared with the solution."""

LOOSE = 1e3
"""Factor by which sums and the chain rule may amplify a rounding error."""


@dataclass(frozen=True)
class Exported:
    """An exported program.

    Attributes:
        path: the path of the file. names: the names of the outputs.
        difference: the maximum difference from the model at some hundred points, relative to the largest value.
        rounding: the difference that rounding can explain, which is larger if large weights cancel.
    """

    path: Path
    names: tuple[str, ...]
    difference: float
    rounding: float

    @property
    def is_the_same(self) -> bool:
        """Whether the program agrees with the model up to rounding."""
        return self.difference <= self.rounding


def export_solution(solution: Solution, path: str | Path, what: What | None = None) -> Exported:
    """Write a program that maps points (B, D) to named quantities, each (B,), and compare it with the solution.

    ``.pt2`` is a program of ``torch.export``: ``torch.export.load(path).module()(x)["u_x"]``. ``.onnx`` is for ONNX runtimes
    (needs ``rbfnet[onnx]``), with the results in the order of ``names``.

    Args:
        solution: the solution to export, in its dtype.
        path: the path of a new file.
        what: as in :meth:`Solution.predict`, without tensors; the outputs if None.

    Raises:
        InputError: an unsupported extension, a file that already exists, or a quantity that cannot be parsed or exported.

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
        raise InputError(f"The name of an exported program must end in .pt2 or .onnx, but got {str(path)!r}.")
    if file.exists():
        raise InputError(f"The file {str(path)!r} already exists; choose another name, or remove it.")
    if isinstance(innermost(solution.model), LocalNetwork):
        raise InputError(
            "A network of local interpolants looks up the nearest nodes, which an exported program cannot; save the solution and "
            "use rbfnet.load or `rbfnet predict`, or fit fewer centres with network=default."
        )
    names = solution.names
    asked, _ = as_asked(list(names.outputs) if what is None else what, names, PROBES)
    if any(isinstance(one.of, Operator) and one.of.tensors for one in asked):
        raise InputError("An operator with tensor coefficients cannot be exported; write it as text.")
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
    """The bounding box of the centres, or of the domain if the centres are in other coordinates."""
    centers = solution.model.centers.detach()
    if centers.shape[1] == len(solution.names.coords):
        return centers.amin(dim=0), centers.amax(dim=0)
    low, high = solution.problem.domain.box.to(centers)
    return low, high


def _written(program: _Program, x: Tensor, file: Path) -> dict[str, Tensor]:
    exported = torch.export.export(program, (x,), dynamic_shapes={"x": {0: torch.export.Dim("points", min=1)}})
    torch.export.save(exported, file)
    # Compare the program as read back from the file.
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
        # The exporter prints which optional packages are missing.
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
