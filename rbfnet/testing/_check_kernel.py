"""``check_kernel``: what layers, operators and solvers rely on in a kernel."""

from __future__ import annotations

import copy
import math
from typing import NoReturn

import torch
from torch import Tensor
from torch.autograd import grad, gradcheck
from torch.func import functional_call, jvp

from rbfnet.errors import InputError
from rbfnet.kernels import Kernel, KernelLike, as_kernel
from rbfnet.testing._check_network import check_gradients, check_order, check_parameters_of_operators, check_radial_operators
from rbfnet.testing._exact import Exact, derivative, follow

TOP = 5
"""The highest derivative looked at: the one that the gradient of a biharmonic operator needs."""

WITHIN = {torch.float32: 1e-4, torch.float64: 1e-10}
"""How far f^(k), k <= 5, may be from 50 digits, relative to what rounding of s makes of it."""

SHAPES = [(6,), (3, 1, 2), (), (0,)]

ADVICE = (
    "a square root or logarithm of s needs its own `derivative(s, k)`, see rbfnet.kernels.ladder and safe_radius; a phi with "
    "constants that are rounded, such as sqrt(5), needs exact="
)


def check_kernel(kernel: KernelLike, exact: Exact | None = None, device: torch.device | str = "cpu") -> None:
    """Check what layers, operators and solvers rely on in a kernel; the kernel itself is left as it is.

    With f^(k) = ``derivative(s, k)``, k <= 5, r = sqrt(s), p = ``smoothness``, in float32 and float64:

    - f^(k) keeps the shape (of a batch, a number, nothing), dtype and device of s; f^(0) is ``phi``;
      ``derivatives`` gives the same;
    - for k <= p + 1, f^(k) is finite at s = 0 and near it, r = 1e-1 ... 1e-12; as r goes to 0, f^(k) goes to f^(k)(0) where
      2k <= p, and r^(2k-p) f^(k) to 0 where 2k > p >= k, which together is what p continuous derivatives mean;
    - f^(k), or next to the centre the product r^(2k-p) f^(k) where it has a pole, agrees with the derivatives of phi in 50-digit
      arithmetic;
    - f^(k) is the derivative of f^(k-1) by ``torch.autograd.grad`` and by ``torch.func.jvp``;
    - gradients in parameters of the kernel agree with finite differences, for each f^(k);
    - the values, and the Laplacian, of a layer pass gradcheck and gradgradcheck with points on centres, as far as p allows;
    - Laplacian and biharmonic of an ``RBFNetwork`` agree with 50 digits, on centres and off them (p >= 2, p >= 4), and their
      gradients in all parameters with finite differences;
    - (-1)^order phi is positive definite, up to rounding, on random points in each dimension up to three (or ``max_dims``),
      projected to the weights that are orthogonal to polynomials of degree order - 1; nothing is checked where ``order`` is None.

    Args:
        kernel: whatever a layer takes: a Kernel, its class, a name, or a function of s.
        exact: phi as a function of an mpmath number s, ``lambda s: mpmath.exp(-s)``; None follows the kernel's own phi, which
            has to be made of arithmetic and elementary functions then.
        device: where to check it.

    Raises:
        AssertionError: one of these does not hold, or phi cannot be followed; the sentence says which.

    Example:
        >>> from rbfnet.kernels import Matern
        >>> from rbfnet.testing import check_kernel
        >>> check_kernel(Matern(2.5))  # says nothing where all is well
    """
    try:
        given = as_kernel(kernel)
    except InputError as error:
        _fail(str(error))
    for dtype in WITHIN:
        # A copy, as Module.to changes a module in place.
        typed = copy.deepcopy(given).to(device=device, dtype=dtype)
        for shape in SHAPES:
            _check_form(typed, torch.linspace(0.0, 4.0, math.prod(shape), dtype=dtype, device=device).reshape(shape))
        _check_centre(typed, torch.tensor([0.0, *(10.0**-n for n in range(1, 13))], dtype=dtype, device=device))
    s = torch.tensor([1e-3, 0.05, 0.4, 0.7, 2.5, 9.0], dtype=torch.float64, device=device)
    _check_ladder(typed, s)
    _check_parameters(typed, s)
    phi = exact or follow(typed)
    _check_exact(given, phi, s)
    check_radial_operators(given, phi, device)
    check_gradients(typed, device)
    check_parameters_of_operators(typed, device)
    check_order(typed, device)


def _fail(sentence: str) -> NoReturn:
    raise AssertionError(sentence)


def _close(got: Tensor, wanted: Tensor, within: Tensor | float) -> bool:
    """Whether they differ by no more than ``within``; NaN is never close."""
    return bool((((got - wanted).abs() <= within) | (got == wanted)).all())


def _rungs(kernel: Kernel) -> list[int]:
    """The derivatives that allowed operators and their gradients use."""
    return list(range(int(min(kernel.smoothness + 1, TOP)) + 1))


def _check_form(kernel: Kernel, s: Tensor) -> None:
    orders = _rungs(kernel)
    shared = kernel.derivatives(s, orders)
    calls = {"phi(s)": kernel.phi(s), **{f"derivative(s, {k})": kernel.derivative(s, k) for k in orders}}
    for call, f in [*calls.items(), *((f"derivatives(s, {orders})[{k}]", f) for k, f in enumerate(shared))]:
        if (f.shape, f.dtype, f.device) != (s.shape, s.dtype, s.device):
            _fail(
                f"{kernel}: {call} must keep shape, dtype and device of s, but maps {tuple(s.shape)}, {s.dtype}, "
                f"{s.device} to {tuple(f.shape)}, {f.dtype}, {f.device}."
            )
    phi, *found = calls.values()
    if not _close(found[0], phi, 100 * torch.finfo(s.dtype).eps * (1.0 + phi.abs())):
        _fail(f"{kernel}: derivative(s, 0) must be phi(s), but differs from it in {s.dtype}.")
    for k, f, g in zip(orders, found, shared, strict=True):
        if not _close(f, g, 100 * torch.finfo(s.dtype).eps * (1.0 + f.abs())):
            _fail(f"{kernel}: derivatives(s, {orders})[{k}] must be derivative(s, {k}), but differs from it in {s.dtype}.")


def _check_centre(kernel: Kernel, r: Tensor) -> None:
    p = kernel.smoothness
    for k in _rungs(kernel):
        f = kernel.derivative(r.square(), k)
        if not torch.isfinite(f).all():
            where = float(r[~torch.isfinite(f)][0])
            _fail(f"{kernel}: derivative(s, {k}) must be finite, but is not at s = {where:g}^2 in {r.dtype}; {ADVICE}.")
        # r = 1e-6 and below: a rest that vanishes as slowly as sqrt(r) is small there.
        rest = f[6:] - f[0] if 2 * k <= p else f[6:] * r[6:] ** (2 * k - p)
        if k <= p and not _close(rest, torch.zeros_like(rest), 1e-2 * (1.0 + f[0].abs())):
            promise = f"f^({k}) is continuous at 0" if 2 * k <= p else f"r^{2 * k - p:g} f^({k}) goes to 0 with r"
            _fail(f"{kernel}: smoothness {p:g} means that {promise}, but in {r.dtype} it does not for r from 1e-6 to 1e-12.")


def _check_ladder(kernel: Kernel, s: Tensor) -> None:
    for k in _rungs(kernel)[1:]:

        def below(t: Tensor, k: int = k) -> Tensor:
            return kernel.derivatives(t, [k - 1])[0]

        at = torch.cat([torch.zeros_like(s[:1]), s]) if 2 * k <= kernel.smoothness else s
        leaf = at.clone().requires_grad_()
        f, scale = kernel.derivative(at, k).detach(), below(at).detach().abs() / at.clamp(min=1e-3)
        found = {
            # Plus zero times the leaf: a derivative that is constant need not be connected to it.
            "torch.autograd.grad": grad((below(leaf) + 0.0 * leaf).sum(), leaf)[0],
            "torch.func.jvp": jvp(below, (at,), (torch.ones_like(at),))[1],
        }
        for how, got in found.items():
            if not _close(got, f, 1e-9 * (f.abs() + scale)):
                _fail(f"{kernel}: derivative(s, {k}) must be the derivative of derivative(s, {k - 1}), but {how} disagrees.")


def _check_parameters(kernel: Kernel, s: Tensor) -> None:
    names = [name for name, _ in kernel.named_parameters()]
    values = [value.detach().clone().requires_grad_() for value in kernel.parameters()]
    for k in _rungs(kernel):
        at = torch.cat([torch.zeros_like(s[:1]), s]) if 2 * k <= kernel.smoothness else s

        def rung(*given: Tensor, k: int = k, at: Tensor = at) -> Tensor:
            return functional_call(kernel, dict(zip(names, given, strict=True)), (at, [k]))[0]

        if names and not gradcheck(rung, values, raise_exception=False):
            _fail(
                f"{kernel}: the gradients of derivative(s, {k}) in {', '.join(names)} must agree with finite differences, at "
                "s = 0 too, but do not."
            )


def _check_exact(kernel: Kernel, phi: Exact, s: Tensor) -> None:
    # The same values of s in both dtypes.
    near = torch.tensor([10.0**-n for n in range(1, 13)], dtype=torch.float32).square().double()
    s = torch.cat([torch.zeros(1, dtype=torch.float64), near, s.cpu().float().double()])
    for k in _rungs(kernel):
        wanted, slope = (torch.tensor([derivative(phi, v, j) for v in s.tolist()], dtype=torch.float64) for j in (k, k + 1))
        pole = max(0.0, 2 * k - kernel.smoothness) if kernel.smoothness < math.inf else 0.0
        weight = s.sqrt() ** pole
        for dtype, tolerance in WITHIN.items():
            device = next((t.device for t in kernel.parameters()), torch.device("cpu"))
            typed = copy.deepcopy(kernel).to(dtype)
            f = typed.derivative(s.to(device, dtype), k).detach().double().cpu()
            within = tolerance * (wanted.abs() + s * slope.abs())
            # Next to the centre what operators use is compared, as a pole is cut off before it overflows.
            centre = slice(0, 13)
            within[centre] = tolerance * (weight * wanted)[centre].abs().max() + torch.finfo(dtype).tiny
            weighted = torch.where(torch.arange(len(s)) < 13, weight, 1.0)
            if not _close(weighted * f, weighted * wanted, within):
                worst = int(((weighted * (f - wanted)).abs() - within).argmax())
                _fail(
                    f"{kernel}: derivative(s, {k}) must be that of phi in exact arithmetic, but is {float(f[worst]):.10g} "
                    f"instead of {float(wanted[worst]):.10g} at s = {float(s[worst]):g} in {dtype}; {ADVICE}."
                )
