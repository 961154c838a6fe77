"""Profiles of radial kernels."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.kernels import Kernel, KernelLike, as_kernel
from rbfnet.plots._style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HIGHEST = 8
"""Beyond this order the derivatives of differing kernels no longer fit into one picture."""

POINTS = 400

SPAN = 10.0
"""Lines whose maxima differ by more than this cannot be read on one scale."""

WIDTHS = 3.0
"""How far the profiles extend, in units of 1 / epsilon."""

BESIDE = 6
"""A legend with more lines stands beside the axes."""

DASHES: tuple[Any, ...] = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def kernel(
    kernels: KernelLike | Sequence[KernelLike],
    derivatives: int | Sequence[int] = 0,
    *,
    epsilon: float = 1.0,
    ax: Axes | None = None,
) -> Axes:
    """Radial kernels phi((epsilon r)^2) and their derivatives in r, one line each. Returns the axes.

    The profiles extend to r = 3 / epsilon. At r = 0 a derivative is left out if the kernel is not smooth enough to have it.
    Where the maxima of several orders differ by more than ten times, each line is divided by its own, which the legend gives.

    Args:
        kernels: a kernel, its class, name or function of s, or a list of these.
        derivatives: the order of the derivative, or a list of orders; 0 is the kernel itself.
        epsilon: the shape parameter.
        ax: where to draw; a new figure if None.

    Raises:
        InputError: something that is no kernel, an order that is not a whole number from 0 to 8, or an epsilon that is not
            positive.

    Example:
        >>> import rbfnet
        >>> ax = rbfnet.plots.kernel(["gaussian", "matern"], derivatives=[0, 1], epsilon=2.0)
        >>> len(ax.lines) >= 4
        True
    """
    several = isinstance(kernels, Sequence) and not isinstance(kernels, str)
    members = [as_kernel(one) for one in kernels] if several else [as_kernel(kernels)]  # type: ignore[union-attr, arg-type]
    orders = _orders(derivatives)
    if not members or not orders:
        raise InputError(
            f"There is nothing to draw: {'derivatives' if members else 'kernels'} is an empty list; give at least one."
        )
    r = torch.linspace(0.0, WIDTHS / positive("epsilon", epsilon), POINTS, dtype=torch.float64)
    lines = {
        (m, n): _radial_derivative(members[m], r, orders[n], epsilon) for m in range(len(members)) for n in range(len(orders))
    }
    largest = {key: float(values[values.isfinite()].abs().max()) or 1.0 for key, values in lines.items()}
    scaled = len(orders) > 1 and max(largest.values()) > SPAN * min(largest.values())
    ax = axes_or_new(ax)
    for (m, n), values in lines.items():
        label = _label(members[m], orders[n], len(members), len(orders))
        if scaled:
            values, label = values / largest[m, n], f"{label} / {largest[m, n]:.3g}"
        (line,) = ax.plot(r.numpy(), values.numpy(), label=label)
        if len(members) > 1 and len(orders) > 1:
            # Kernels differ by colour and marker, orders by dashes.
            step = POINTS // 8
            line.set(color=f"C{m}", linestyle=DASHES[n % len(DASHES)], marker=MARKERS[m % len(MARKERS)])
            line.set(markersize=4, markevery=(step // 2 + m * step // len(members), step))
        else:
            line.set_linestyle(DASHES[(m + n) % len(DASHES)])
    ax.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    ax.set_xlim(0.0, float(r[-1]))
    ax.set_xlabel("r")
    ax.set_ylabel(_symbol(orders[0]) + "(r)" if len(orders) == 1 else "relative to the maximum" if scaled else "profile")
    ax.legend(**{"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if len(lines) > BESIDE else {})
    return ax


def _orders(derivatives: object) -> list[int]:
    listed = derivatives if isinstance(derivatives, (list, tuple, range)) else [derivatives]
    orders = [order for order in listed if isinstance(order, int)]
    if len(orders) < len(listed):
        raise InputError(f"derivatives must be an order or a list of orders, but got {derivatives!r}.")
    for order in orders:
        if positive("The order of a derivative", order, whole=True, zero=True) > HIGHEST:
            raise InputError(f"The order of a derivative must be at most {HIGHEST}, but got {order}.")
    return orders


def _radial_derivative(member: Kernel, r: Float[Tensor, " N"], order: int, epsilon: float) -> Float[Tensor, " N"]:
    """The n-th derivative of f(a r^2), a = epsilon^2: sum_j n! / (j! (n - 2j)!) (2 a r)^(n - 2j) a^j f^(n - j)(a r^2).

    By the formula of Faa di Bruno.
    """
    a = epsilon**2
    # A copy: the parameters of the user's kernel keep their dtype.
    profile = copy.deepcopy(member).double()
    terms = range(order // 2 + 1)
    with torch.no_grad():
        inner = profile.derivatives(a * r**2, [order - j for j in terms])
    total = torch.zeros_like(r)
    for j in terms:
        factor = math.factorial(order) / (math.factorial(j) * math.factorial(order - 2 * j))
        total += factor * a**j * (2 * a * r) ** (order - 2 * j) * inner[j]
    if order > profile.smoothness:
        total[0] = torch.nan
    return total


def _label(member: Kernel, order: int, members: int, orders: int) -> str:
    name = repr(member).removesuffix("()")
    if orders == 1:
        return name
    return _symbol(order) if members == 1 else f"{name}, {_symbol(order)}"


def _symbol(order: int) -> str:
    mark = "'" * order if order <= 3 else f"^{{({order})}}"
    return rf"$\varphi{mark}$"
