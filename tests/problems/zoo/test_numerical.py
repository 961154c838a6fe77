"""Problems whose reference is numerical: that it solves the equations it is said to solve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from scipy.interpolate import make_interp_spline
from torch import Tensor, cosh

from rbfnet.operators import Differentiable, Operator
from rbfnet.problems import AllenCahn, Burgers, Schroedinger

Residuals = Callable[..., dict[str, float]]


class ByOrders(Differentiable):
    """A function of x and t whose derivatives are known by their orders in x and t."""

    def __init__(self, derivative: Callable[[Tensor, int, int], Tensor]) -> None:
        super().__init__()
        self.derivative = derivative

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        values = [sum(c * self.derivative(x, d.count(0), d.count(1)) for d, c in op.terms) for op in ops]
        return torch.stack(values, dim=-1)[:, None]  # type: ignore[arg-type]


def test_burgers(residuals: Residuals) -> None:
    """By nested central differences of order 8. Steps of 2e-4 resolve the front, which is 7e-3 wide, to 1e-9."""
    h, weights = 2e-4, (4 / 5, -1 / 5, 4 / 105, -1 / 280)
    problem = Burgers(num_interior=100)

    def derivative(x: Tensor, along_x: int, along_t: int) -> Tensor:
        if not along_x and not along_t:
            return problem.exact(*x.unbind(dim=1))
        lower = (along_x - 1, 0) if along_x else (0, along_t - 1)
        step = h * torch.eye(2, dtype=x.dtype)[0 if along_x else 1]
        pairs = [w * (derivative(x + k * step, *lower) - derivative(x - k * step, *lower)) for k, w in enumerate(weights, 1)]
        return torch.stack(pairs).sum(dim=0) / h

    found = residuals(problem, ByOrders(derivative), keep=lambda x: x[:, 1] > 4 * h)
    assert found["interior"] < 1e-8 and found["dirichlet"] < 1e-13 and found["initial"] < 1e-14


def test_the_errors_of_burgers_are_measured_at_the_front_too() -> None:
    test = Burgers().test_set()
    assert test is not None and test.x.shape == (25600, 2) and test.y.shape == (25600, 1)
    assert float(test.x[:, 0].abs().min()) < 4e-3 and float(test.x[:, 1].max()) == 0.99


@pytest.mark.slow
def test_allen_cahn(residuals: Residuals) -> None:
    """Modes in x, splines of degree 7 in t: where the corner has gone and the layers are not yet as thin as the grid."""
    reference = AllenCahn().test_set()
    assert reference.x.shape == (51712, 2)
    t, values = reference.x[::512, 1], reference.y.view(101, 512)
    k = np.pi * np.fft.fftfreq(512, 1 / 512)
    spline = make_interp_spline(t.numpy(), np.fft.fft(values.numpy(), axis=1) / 512, k=7)

    def derivative(x: Tensor, along_x: int, along_t: int) -> Tensor:
        waves = np.exp(1j * k * (x[:, :1].numpy() + 1)) * (1j * k) ** along_x
        return torch.from_numpy((spline(x[:, 1].numpy(), nu=along_t) * waves).sum(axis=1).real)

    found = residuals(AllenCahn(), ByOrders(derivative), keep=lambda x: (x[:, 1] > 0.12) & (x[:, 1] < 0.5))
    assert found["interior"] < 1e-7 and found["periodic_x"] < 1e-10
    # Between its points the grid rounds the corner that u0 has at the ends.
    assert found["initial"] < 1e-3


@pytest.mark.slow
def test_schroedinger(residuals: Residuals) -> None:
    """The breather of two solitons is exact on the whole line, and what is missing on the circle is as small as its ends."""

    def breather(points: Tensor) -> Tensor:
        x, t = points.unbind(dim=1)
        # exp(it/2) (cosh 3x + 3 exp(4it) cosh x), in real and imaginary parts.
        real = cosh(3 * x) * torch.cos(t / 2) + 3 * cosh(x) * torch.cos(4.5 * t)
        imaginary = cosh(3 * x) * torch.sin(t / 2) + 3 * cosh(x) * torch.sin(4.5 * t)
        below = cosh(4 * x) + 4 * cosh(2 * x) + 3 * torch.cos(4 * t)
        return 4 * torch.stack([real, imaginary], dim=1) / below[:, None]

    found = residuals(Schroedinger(), breather)
    assert max(found["interior"], found["initial_u"], found["initial_v"]) < 1e-10
    assert found["periodic_x"] < 0.06

    reference = Schroedinger().test_set()
    assert reference.x.shape == (25856, 2) and reference.y.shape == (25856, 2)
    assert float((breather(reference.x) - reference.y).norm() / reference.y.norm()) < 0.01


@pytest.mark.slow
def test_every_tenth_line_of_a_grid_serves_for_validation() -> None:
    validation, test = AllenCahn().validation_set(), AllenCahn().test_set()
    assert len(validation.x) == 52 * 11
    assert torch.equal(validation.x[53], test.x[512 * 10 + 10]) and torch.equal(validation.y[53], test.y[512 * 10 + 10])
