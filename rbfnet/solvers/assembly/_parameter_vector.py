"""All unknowns as one vector, and the derivatives of the rows with respect to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, jvp

from rbfnet.nn import Normalized, RBFNetwork, Wrapper
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Problem, UnknownField
from rbfnet.solvers.assembly._field_columns import field_columns
from rbfnet.solvers.assembly._linear_system import stacked
from rbfnet.solvers.assembly._linearize import Equation
from rbfnet.solvers.assembly._posed_problem import Posed


@dataclass(frozen=True)
class Shape:
    """A parameter that the basis functions depend on.

    Attributes:
        name: its name in the model.
        parameter: the parameter.
        own: whether its first dimension is over the centres and each basis function depends only on its own row.
    """

    name: str
    parameter: nn.Parameter
    own: bool


class Unknowns:
    """The coefficients of all outputs side by side, then centres, shapes and parameters of the kernel, then those of the problem.

    Only shapes and parameters that require a gradient are included.

    The Jacobian is exact. A basis function depends only on its own centre and shape, so one forward-mode derivative of the
    features, with all centres moved along one axis, gives one column per centre (docs/design.md, section 7). Parameters of the
    problem may enter a residual in any way; their columns are obtained by differentiating the gradient of v . rows with respect
    to v.

    Args:
        model, problem: the model and the problem.
        shapes: whether to include centres, shapes and kernel parameters.
    """

    def __init__(self, model: LinearModel, problem: Problem, shapes: bool = True) -> None:
        self.model = model
        self.num_linear = model.coefficients.numel()
        self.shapes = list(shapes_of(model)) if shapes else []
        self.parameters = [p for p in problem.parameters() if p.requires_grad and p.numel()]

    @property
    def nonlinear(self) -> list[nn.Parameter]:
        """All parameters except the coefficients."""
        return [shape.parameter for shape in self.shapes] + self.parameters

    @property
    def names(self) -> list[str]:
        """The names of the shapes."""
        return [shape.name for shape in self.shapes]

    def __len__(self) -> int:
        return self.num_linear + sum(p.numel() for p in self.nonlinear)

    def get(self) -> Float[Tensor, " U"]:
        """Their values."""
        parts = [self.model.coefficients.T.reshape(-1), *(p.reshape(-1) for p in self.nonlinear)]
        return torch.cat([part.detach() for part in parts])

    @torch.no_grad()
    def set(self, values: Float[Tensor, " U"]) -> None:
        """Set their values in place."""
        start = self.num_linear
        for p in self.nonlinear:
            p.copy_(values[start : start + p.numel()].reshape(p.shape))
            start += p.numel()
        self.model.set_coefficients(values[: self.num_linear].reshape(self.model.coefficients.T.shape).T)

    def stride(self, before: Float[Tensor, " U"], after: Float[Tensor, " U"]) -> float:
        """The largest change of a centre, in its own widths, or of a parameter of its own metric."""
        largest, start, network = 0.0, self.num_linear, cast(RBFNetwork, innermost(self.model))
        for shape in self.shapes:
            moved = (after - before)[start : start + shape.parameter.numel()].reshape(shape.parameter.shape)
            start += shape.parameter.numel()
            if shape.parameter is network.layer.centers:
                epsilon = network.epsilon.detach()
                moved = moved * (epsilon[:, None] if network.metric.shared_ndim == 0 and epsilon.ndim else epsilon)
            if shape.own:
                largest = max(largest, float(moved.abs().max()))
        return largest

    def linearization(self, posed: Posed, linear: bool = False) -> tuple[Float[Tensor, " R"], Float[Tensor, "R U"]]:
        """The weighted residuals and their derivatives with respect to all unknowns, or to the coefficients only."""
        equations, outputs = posed.equations(), len(posed.problem.outputs)
        rests = [scale * equation.sample.contract(equation.rest) for equation, scale in equations]
        blocks = [[scale * stacked(self.model, equation, outputs) for equation, scale in equations]]
        if not linear:
            for shape in self.shapes:
                blocks.append([scale * self._shape_columns(equation, shape) for equation, scale in equations])
        if posed.prior is not None:
            rests.append(posed.prior * torch.cat([p.detach().reshape(-1) for p in self.parameters]))
            for block in blocks:
                block.append(block[0].new_zeros((len(posed.prior), block[0].shape[1])))
        columns = [torch.cat(block) for block in blocks]
        if not linear and self.parameters:
            columns.append(self._parameter_columns(posed))
        return torch.cat(rests), torch.cat(columns, dim=1)

    def _shape_columns(self, equation: Equation, shape: Shape) -> Float[Tensor, "R P"]:
        """The derivatives of an equation's rows with respect to a shape, summed over all sites and outputs."""
        p, coefficients = shape.parameter.detach(), self.model.coefficients.detach()
        columns_of = _Columns(self.model)
        directions = p[0].numel() if shape.own else p.numel()
        columns = []
        for k in range(directions):
            tangent = torch.zeros_like(p)
            if shape.own:
                tangent.reshape(len(p), -1)[:, k] = 1.0
            else:
                tangent.view(-1)[k] = 1.0
            total: Tensor | float = 0.0
            for x, ops in zip(equation.sample.sites, equation.ops, strict=True):
                if not ops:
                    continue

                def at(value: Tensor, x: Tensor = x, ops: Mapping[int, Operator] = ops) -> dict[int, Tensor]:
                    return cast(dict[int, Tensor], functional_call(columns_of, {f"model.{shape.name}": value}, (x, ops)))

                for k, moved in cast(dict[int, Tensor], jvp(at, (p,), (tangent,))[1]).items():
                    if shape.own:
                        total = total + moved[:, : len(p)] * coefficients[: len(p), k]
                    else:
                        total = total + (moved @ coefficients[:, k])[:, None]
            sites = equation.sample.sites[0]
            column = total if isinstance(total, Tensor) else sites.new_zeros((len(sites), len(p) if shape.own else 1))
            columns.append(equation.sample.contract(column))
        # (R, centres, directions) in the order of the parameter.
        return torch.stack(columns, dim=-1).flatten(1)

    def _parameter_columns(self, posed: Posed) -> Float[Tensor, "R P"]:
        """The derivatives of the rows with respect to the problem's parameters: for unknown functions through their values, for
        the others by differentiating a gradient with respect to its cotangent.
        """
        columns: dict[int, Tensor] = {}
        for field in posed.problem.unknowns().values():
            if isinstance(field, UnknownField):
                weight, tail = field_columns(posed, field)
                columns |= {id(field.network.weight): weight, id(field.network.tail): tail}
        rest = [p for p in self.parameters if id(p) not in columns]
        if rest:
            columns |= {id(p): column for p, column in zip(rest, self._by_cotangent(posed, rest), strict=True)}
        found = torch.cat([columns[id(p)] for p in self.parameters], dim=1)
        return found if posed.prior is None else torch.cat([found, posed.prior.diag()])

    @staticmethod
    def _by_cotangent(posed: Posed, parameters: list[nn.Parameter]) -> list[Float[Tensor, "R P"]]:
        with torch.enable_grad():
            rows = replace(posed, prior=None).residual()
            v = torch.zeros_like(rows, requires_grad=True)
            grads = torch.autograd.grad(rows, parameters, v, create_graph=True, allow_unused=True)
            columns = []
            for p, grad in zip(parameters, grads, strict=True):
                if grad is None or not grad.requires_grad:
                    columns.append(rows.new_zeros((len(rows), p.numel())))
                    continue
                flat = grad.reshape(-1)
                each = [torch.autograd.grad(flat[k], v, retain_graph=True)[0] for k in range(len(flat))]
                columns.append(torch.stack(each, dim=1))
        return columns


class _Columns(nn.Module):
    """The columns of a model as a forward pass, so that its parameters can be replaced."""

    def __init__(self, model: LinearModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, ops: Mapping[int, Operator]) -> dict[int, Tensor]:
        return self.model.columns(x, ops)


def shapes_of(model: LinearModel) -> Iterator[Shape]:
    """The trained centres, metric and kernel parameters."""
    network = innermost(model)
    if not isinstance(network, RBFNetwork):
        return
    linear = {id(network.weight), id(network.tail)}
    own = {id(network.layer.centers)} | ({id(network.metric.raw)} if network.metric.per_center else set())
    for name, p in model.named_parameters():
        if p.requires_grad and p.numel() and id(p) not in linear:
            yield Shape(name, p, id(p) in own)


def own_shapes(model: LinearModel) -> bool:
    """Whether each basis function depends only on its own centre."""
    while isinstance(model, Wrapper):
        if isinstance(model, Normalized):
            return False
        model = model.network
    return True
