"""The conformance suite for kernels of your own::

from rbfnet.testing import check_kernel

def test_bump():
    check_kernel(Bump())
"""

from __future__ import annotations

import copy
import math
from typing import NoReturn

import torch
from torch import Tensor
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.func import functional_call, jvp

from rbfnet.errors import InputError
from rbfnet.kernels import Kernel, KernelLike, as_kernel
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator, laplacian

TOP = 5
"""The highest derivative looked at: the one that the gradient of a biharmonic operator needs."""


def check_kernel(kernel: KernelLike, device: torch.device | str = "cpu") -> None:
    """Check what layers, operators and solvers rely on in a kernel; the kernel itself is left as it is.

    With f^(k) = ``derivative(s, k)``, k <= 5, r = sqrt(s) and p = ``smoothness``:

    - f^(k) keeps the shape, dtype (float32, float64) and device of s, and f^(0) is ``phi``;
    - for k <= p + 1, f^(k) is finite at s = 0 and near it, r = 1e-1 ... 1e-12, in both dtypes; as r goes to 0, f^(k) goes to
      f^(k)(0) where 2k <= p, and r^(2k-p) f^(k) to 0 where 2k > p >= k, which together is what p continuous derivatives mean;
    - f^(k) is the derivative of f^(k-1) by finite differences, by ``torch.autograd.grad`` and by ``torch.func.jvp``;
    - gradients in parameters of the kernel agree with finite differences;
    - x -> phi(|x - c|^2) passes gradcheck (p >= 1) and gradgradcheck (p >= 2) with points on centres;
    - the Laplacian of an ``RBFNetwork`` is the trace of autograd's Hessian, on centres and off them (p >= 2);
    - (-1)^order phi is positive definite, up to rounding, on random points in one to three dimensions, projected to the weights
      that are orthogonal to polynomials of degree order - 1; nothing is checked where ``order`` is None.

    Args:
        kernel: whatever a layer takes: a Kernel, its class, a name, or a function of s.
        device: where to check it.

    Raises:
        AssertionError: one of these does not hold; the sentence says which.
    """
    try:
        given = as_kernel(kernel)
    except InputError as error:
        _fail(str(error))
    for dtype in (torch.float32, torch.float64):
        # A copy, as Module.to changes a module in place.
        typed = copy.deepcopy(given).to(device=device, dtype=dtype)
        _check_form(typed, torch.linspace(0.0, 4.0, 6, dtype=dtype, device=device))
        _check_centre(typed, torch.tensor([0.0, *(10.0**-n for n in range(1, 13))], dtype=dtype, device=device))
    s = torch.tensor([1e-3, 0.05, 0.4, 0.7, 2.5, 9.0], dtype=torch.float64, device=device)
    _check_ladder(typed, s)
    _check_parameters(typed, s)
    x = torch.tensor([[0.0, 0.0], [1.0, 0.5], [-0.3, 0.8]], dtype=torch.float64, device=device)
    _check_gradients(typed, x)
    _check_laplacian(typed, x)
    _check_order(typed, device)


def _fail(sentence: str) -> NoReturn:
    raise AssertionError(sentence)


def _close(got: Tensor, wanted: Tensor, within: Tensor | float) -> bool:
    """Whether they differ by no more than ``within``; NaN is never close."""
    return bool(((got - wanted).abs() <= within).all())


def _rungs(kernel: Kernel) -> range:
    """The derivatives that allowed operators and their gradients use."""
    return range(int(min(kernel.smoothness + 1, TOP)) + 1)


def _check_form(kernel: Kernel, s: Tensor) -> None:
    for t in (s, s.reshape(2, 3)):
        for k in _rungs(kernel):
            f = kernel.derivative(t, k)
            if (f.shape, f.dtype, f.device) != (t.shape, t.dtype, t.device):
                _fail(
                    f"{kernel}: derivative(s, {k}) must keep shape, dtype and device of s, but maps {tuple(t.shape)}, {t.dtype}, "
                    f"{t.device} to {tuple(f.shape)}, {f.dtype}, {f.device}."
                )
        phi = kernel.phi(t)
        if not _close(kernel.derivative(t, 0), phi, 100 * torch.finfo(t.dtype).eps * (1.0 + phi.abs())):
            _fail(f"{kernel}: derivative(s, 0) must be phi(s), but differs from it in {t.dtype}.")


def _check_centre(kernel: Kernel, r: Tensor) -> None:
    p = kernel.smoothness
    for k in _rungs(kernel):
        f = kernel.derivative(r.square(), k)
        if not torch.isfinite(f).all():
            where = float(r[~torch.isfinite(f)][0])
            _fail(f"{kernel}: derivative(s, {k}) must be finite, but is not at s = {where:g}^2 in {r.dtype}.")
        # r = 1e-6 and below: a rest that vanishes as slowly as sqrt(r) is small there.
        rest = f[6:] - f[0] if 2 * k <= p else f[6:] * r[6:] ** (2 * k - p)
        if k <= p and not _close(rest, torch.zeros_like(rest), 1e-2 * (1.0 + f[0].abs())):
            promise = f"f^({k}) is continuous at 0" if 2 * k <= p else f"r^{2 * k - p:g} f^({k}) goes to 0 with r"
            _fail(f"{kernel}: smoothness {p:g} means that {promise}, but in {r.dtype} it does not for r from 1e-6 to 1e-12.")


def _check_ladder(kernel: Kernel, s: Tensor) -> None:
    # Autograd asks the kernel itself, and may be told the same wrong number twice; differences cannot be.
    h = 1e-4 * s
    for k in _rungs(kernel)[1:]:

        def below(t: Tensor, k: int = k) -> Tensor:
            return kernel.derivative(t, k - 1)

        at = torch.cat([torch.zeros_like(s[:1]), s]) if 2 * k <= kernel.smoothness else s
        leaf = at.clone().requires_grad_()
        before, left, right, after = below(torch.stack([s - 2.0 * h, s - h, s + h, s + 2.0 * h]))
        steps = (8.0 * (right - left) - (after - before)) / (12.0 * h)
        found = {
            "finite differences": (s, steps, 1e-6),
            # Plus zero times the leaf: a derivative that is constant need not be connected to it.
            "torch.autograd.grad": (at, grad((below(leaf) + 0.0 * leaf).sum(), leaf)[0], 1e-9),
            "torch.func.jvp": (at, jvp(below, (at,), (torch.ones_like(at),))[1], 1e-9),
        }
        for how, (t, got, tolerance) in found.items():
            f = kernel.derivative(t, k).detach()
            if not _close(got, f, tolerance * (f.abs() + below(t).detach().abs() / t.clamp(min=1e-3))):
                _fail(f"{kernel}: derivative(s, {k}) must be the derivative of derivative(s, {k - 1}), but {how} disagrees.")


def _check_parameters(kernel: Kernel, s: Tensor) -> None:
    names = [name for name, _ in kernel.named_parameters()]
    values = [value.detach().clone().requires_grad_() for value in kernel.parameters()]
    at = torch.cat([torch.zeros_like(s[:1]), s])

    def derivatives(*given: Tensor) -> Tensor:
        own = dict(zip(names, given, strict=True))
        return torch.stack([functional_call(kernel, own, (at, k)) for k in range(2 if kernel.smoothness >= 2 else 1)])

    if names and not gradcheck(derivatives, values, raise_exception=False):
        _fail(f"{kernel}: its gradients in {', '.join(names)} must agree with finite differences, at s = 0 too, but do not.")


def _check_gradients(kernel: Kernel, x: Tensor) -> None:
    def features(points: Tensor) -> Tensor:
        return kernel((points[:, None] - x).square().sum(dim=-1))

    leaf = x.clone().requires_grad_()
    if kernel.smoothness >= 1 and not gradcheck(features, (leaf,), raise_exception=False):
        _fail(f"{kernel}: x -> phi(|x - c|^2) with x on a centre c must pass torch.autograd.gradcheck, but does not.")
    # Weights of the outputs are given, as they would be drawn from the global generator otherwise.
    outputs = torch.linspace(0.5, 1.5, len(x) ** 2, dtype=x.dtype, device=x.device).reshape(len(x), len(x)).requires_grad_()
    if kernel.smoothness >= 2 and not gradgradcheck(features, (leaf,), (outputs,), raise_exception=False):
        _fail(f"{kernel}: x -> phi(|x - c|^2) with x on a centre c must pass torch.autograd.gradgradcheck, but does not.")


def _check_laplacian(kernel: Kernel, x: Tensor) -> None:
    if kernel.smoothness < 2:
        return
    epsilon, weight = 1.3, torch.linspace(-1.0, 2.0, len(x), dtype=x.dtype, device=x.device)
    given = copy.deepcopy(kernel)
    network = RBFNetwork(x.shape[1], 1, None, given, x, epsilon, degree=-1, dtype=x.dtype, device=x.device)
    network.set_coefficients(weight[:, None])
    points = torch.cat([x, x + 0.4, x * 2.0 + 0.1]).requires_grad_()
    u = kernel(epsilon**2 * (points[:, None] - x).square().sum(dim=-1)) @ weight
    (gradient,) = grad(u.sum(), points, create_graph=True)
    trace = sum(grad(gradient[:, i].sum(), points, retain_graph=True)[0][:, i] for i in range(x.shape[1]))
    closed = laplacian(network, points.detach())[:, 0].detach()
    if not _close(closed, torch.as_tensor(trace), 1e-9 * (1.0 + closed.abs().max())):
        _fail(f"{kernel}: the Laplacian of a network must be the trace of autograd's Hessian, but is not.")


def _check_order(kernel: Kernel, device: torch.device | str) -> None:
    m = kernel.order
    if m is None:
        return
    if not isinstance(m, int) or m < 0:
        _fail(f"{kernel}: order must be 0, 1, 2, ... or None, but is {m!r}.")
    generator = torch.Generator().manual_seed(0)
    for dims in (1, 2, 3):
        terms = math.comb(dims + m - 1, dims)
        points = 3.0 * torch.rand(20 + terms, dims, generator=generator, dtype=torch.float64).to(device)
        given = copy.deepcopy(kernel)
        network = RBFNetwork(dims, 1, None, given, points, 1.0, degree=m - 1, dtype=torch.float64, device=device)
        matrix = network.features(points, Operator.identity())[:, : len(points)].detach()
        free = torch.linalg.qr(network.moments()[: len(points)].detach(), mode="complete").Q[:, terms:]
        eigenvalues = torch.linalg.eigvalsh((-1) ** m * free.T @ matrix @ free)
        if not eigenvalues[0] >= -1e-10 * eigenvalues.abs().max():
            _fail(
                f"{kernel}: order {m} means that {'-' * (m % 2)}phi is positive definite on weights orthogonal to polynomials of "
                f"degree < {m}, but {len(points)} points in {dims} dimensions have the eigenvalue {float(eigenvalues[0]):.3g}; "
                "state the right order, or None."
            )
