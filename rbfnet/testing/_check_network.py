"""What a kernel does in a layer and a network: operators, their gradients, positive definiteness."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from rbfnet.kernels import Kernel
from rbfnet.nn import RBFLayer, RBFNetwork
from rbfnet.operators import Operator
from rbfnet.testing._exact import Exact, derivative

CENTERS = [[0.0, 0.0], [1.0, 0.5], [-0.3, 0.8]]
LAPLACIAN = Operator.laplacian(0, 1)
BIHARMONIC = LAPLACIAN @ LAPLACIAN
EPSILON = 1.3


def _made(kernel: Kernel, dtype: torch.dtype, device: torch.device | str) -> tuple[RBFNetwork, Tensor]:
    """A network, and points off its centres."""
    centers = torch.tensor(CENTERS, dtype=dtype, device=device)
    network = RBFNetwork(2, 1, None, copy.deepcopy(kernel), centers, EPSILON, degree=-1, dtype=dtype, device=device)
    network.set_coefficients(torch.linspace(-1.0, 2.0, len(centers), dtype=dtype, device=device)[:, None])
    return network, torch.cat([centers + 0.4, 2.0 * centers + 0.1])


def check_radial_operators(kernel: Kernel, phi: Exact, device: torch.device | str) -> None:
    """Laplacian and biharmonic of a network against their sums over 50-digit derivatives (docs/design.md, section 4)."""
    for dtype, tolerance in {torch.float32: 1e-4, torch.float64: 1e-10}.items():
        network, off = _made(kernel, dtype, device)
        x = torch.cat([network.centers.detach(), off])
        r2 = (x.double()[:, None] - network.centers.detach().double()).square().sum(dim=-1).cpu()
        a, dims = float(network.epsilon.detach().double()) ** 2, len(CENTERS[0])
        s = a * r2
        weight = network.weight.detach().double().cpu()[:, 0]

        def rung(k: int, s: Tensor = s) -> Tensor:
            return torch.tensor([[derivative(phi, v, k) for v in row] for row in s.tolist()], dtype=torch.float64)

        terms = {}
        if kernel.smoothness >= 2:
            terms[LAPLACIAN] = [2 * dims * a * rung(1), 4 * a * s * rung(2)]
        if kernel.smoothness >= 4:
            terms[BIHARMONIC] = [
                (4 * dims**2 + 8 * dims) * a**2 * rung(2),
                (16 * dims + 32) * a**2 * s * rung(3),
                16 * a**2 * s**2 * rung(4),
            ]
        for op, parts in terms.items():
            wanted = sum(parts[1:], parts[0]) @ weight
            size = sum((part.abs() for part in parts[1:]), parts[0].abs()).max()
            got = network.apply_operator(x, op)[:, 0].detach().double().cpu()
            if not bool(((got - wanted).abs() <= tolerance * size).all()):
                name = "Laplacian" if op is LAPLACIAN else "biharmonic"
                raise AssertionError(f"{kernel}: the {name} of a network must be the exact one, but is not in {dtype}.")


def check_gradients(kernel: Kernel, device: torch.device | str) -> None:
    """gradcheck and gradgradcheck of values and Laplacian in the points, some of which are centres."""
    centers = torch.tensor(CENTERS, dtype=torch.float64, device=device)
    layer = RBFLayer(2, None, copy.deepcopy(kernel), centers, 1.0, dtype=torch.float64, device=device)
    # Weights of the outputs are given, as they would be drawn from the global generator otherwise.
    outputs = torch.linspace(0.5, 1.5, 9, dtype=torch.float64, device=device).reshape(3, 3).requires_grad_()
    leaf = centers.clone().requires_grad_()
    for name, op in {"the values": Operator.identity(), "the Laplacian": LAPLACIAN}.items():

        def features(x: Tensor, op: Operator = op) -> Tensor:
            return layer.apply_operator(x, op)

        if kernel.smoothness >= op.order + 1 and not gradcheck(features, (leaf,), raise_exception=False):
            raise AssertionError(f"{kernel}: {name} of a layer must pass gradcheck with points on centres, but do not.")
        if kernel.smoothness >= op.order + 2 and not gradgradcheck(features, (leaf,), (outputs,), raise_exception=False):
            raise AssertionError(f"{kernel}: {name} of a layer must pass gradgradcheck with points on centres, but do not.")


class _Applied(nn.Module):
    """A network under an operator, as a module."""

    def __init__(self, network: RBFNetwork, op: Operator) -> None:
        super().__init__()
        self.network, self.op = network, op

    def forward(self, x: Tensor) -> Tensor:
        return self.network.apply_operator(x, self.op)


def check_parameters_of_operators(kernel: Kernel, device: torch.device | str) -> None:
    """Gradients of values, Laplacian and biharmonic in centres, epsilon, weights and the kernel's own parameters."""
    network, off = _made(kernel, torch.float64, device)
    for name, op in {"the values": Operator.identity(), "the Laplacian": LAPLACIAN, "the biharmonic": BIHARMONIC}.items():
        if op.order > kernel.smoothness:
            continue
        # At the centres the gradients exist where one more derivative does.
        x = torch.cat([network.centers.detach(), off]) if kernel.smoothness >= op.order + 1 else off
        applied = _Applied(network, op)
        names = [n for n, _ in applied.named_parameters()]
        values = [v.detach().clone().requires_grad_() for v in applied.parameters()]
        size = applied(x).detach().abs().max()

        def scaled(
            *given: Tensor, applied: nn.Module = applied, names: list[str] = names, x: Tensor = x, size: Tensor = size
        ) -> Tensor:
            return functional_call(applied, dict(zip(names, given, strict=True)), (x,)) / size

        if not gradcheck(scaled, values, raise_exception=False, fast_mode=True):
            raise AssertionError(
                f"{kernel}: the gradients of {name} of a network in its parameters must agree with finite differences, but do "
                "not."
            )


def check_order(kernel: Kernel, device: torch.device | str) -> None:
    """Eigenvalues of the interpolation matrix on random points."""
    m = kernel.order
    if m is None:
        return
    if not isinstance(m, int) or m < 0:
        raise AssertionError(f"{kernel}: order must be 0, 1, 2, ... or None, but is {m!r}.")
    generator = torch.Generator().manual_seed(0)
    for dims in range(1, int(min(3, kernel.max_dims)) + 1):
        terms = math.comb(dims + m - 1, dims)
        points = 3.0 * torch.rand(20 + terms, dims, generator=generator, dtype=torch.float64).to(device)
        given = copy.deepcopy(kernel)
        network = RBFNetwork(dims, 1, None, given, points, 1.0, degree=m - 1, dtype=torch.float64, device=device)
        matrix = network.features(points, Operator.identity())[:, : len(points)].detach()
        free = torch.linalg.qr(network.moments()[: len(points)].detach(), mode="complete").Q[:, terms:]
        eigenvalues = torch.linalg.eigvalsh((-1) ** m * free.T @ matrix @ free)
        if not eigenvalues[0] >= -1e-10 * eigenvalues.abs().max():
            raise AssertionError(
                f"{kernel}: order {m} means that {'-' * (m % 2)}phi is positive definite on weights orthogonal to polynomials of "
                f"degree < {m}, but {len(points)} points in {dims} dimensions have the eigenvalue {float(eigenvalues[0]):.3g}; "
                "state the right order, or None."
            )
