"""The reference solutions of driven cavities: they converge, and to what others printed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from rbfnet.problems.zoo.references import _driven_cavity
from rbfnet.problems.zoo.references._driven_cavity import BEND, JUMP, Flow


def parabola(x):
    return 4 * x * (1 - x)


def extremes(flow: Flow) -> list[float]:
    """The least u on x = 1/2, and the largest and least v on y = 1/2."""
    half = np.full(1, 0.5)

    def least(f, low, high):
        return minimize_scalar(
            lambda s: float(f(np.full(1, s))), bounds=(low, high), method="bounded", options={"xatol": 1e-9}
        ).fun

    u = least(lambda s: flow.at(half, s, 0, 1)[0, 0], 0.05, 0.7)
    return [
        u,
        -least(lambda s: flow.at(s, half, 1, 0)[0, 0], 0.05, 0.5),
        least(lambda s: -flow.at(s, half, 1, 0)[0, 0], 0.5, 0.98),
    ]


def test_the_flow_at_re_100_is_that_of_botella_and_peyret() -> None:
    printed = [-0.2140424, 0.1795728, -0.2538030]
    assert extremes(Flow(32, 100.0, np.ones_like, JUMP, 0.0)) == pytest.approx(printed, abs=3e-6)


def test_the_lid_satisfies_the_equations_and_the_conditions() -> None:
    flow = Flow(28, 100.0, parabola, BEND, 4.0)
    s, ends = np.linspace(0.02, 0.98, 25), np.array([0.0, 1.0])
    assert np.abs(flow.at(ends, s, 0, 1)).max() < 1e-4 and np.abs(flow.at(ends, s, 1, 0)).max() < 1e-4
    assert (
        np.abs(flow.at(s, ends, 1, 0)).max() < 1e-4
        and np.abs(flow.at(s, ends, 0, 1) - [[0, 1]] * parabola(s)[:, None]).max() < 1e-4
    )
    # Momentum along x, the pressure by differences of fourth order.
    x, h = np.linspace(0.2, 0.8, 7), 1e-3
    p = [flow.pressure(x + k * h, x) for k in (-2, -1, 1, 2)]
    gradient = (p[0] - 8 * p[1] + 8 * p[2] - p[3]) / (12 * h)
    u, v = flow.at(x, x, 0, 1), -flow.at(x, x, 1, 0)
    viscous = (flow.at(x, x, 2, 1) + flow.at(x, x, 0, 3)) / 100
    assert np.abs(u * flow.at(x, x, 1, 1) + v * flow.at(x, x, 0, 2) + gradient - viscous).max() < 1e-3


@pytest.mark.slow
def test_the_lid_converges() -> None:
    coarse, fine = (_driven_cavity._on_grid(Flow(degree, 100.0, parabola, BEND, 4.0)) for degree in (36, 48))
    change = {name: np.linalg.norm(coarse[name] - fine[name]) / np.linalg.norm(fine[name]) for name in ("u", "v", "p")}
    assert max(change["u"], change["v"]) < 1e-5 and change["p"] < 4e-4


@pytest.mark.slow
def test_the_flow_at_re_1000_approaches_that_of_botella_and_peyret() -> None:
    printed = np.array([-0.3885698, 0.3769447, -0.5270771])
    coarse, fine = (np.abs(extremes(_driven_cavity.flow_at(1000.0, degree)) - printed) for degree in (40, 52))
    assert (fine < coarse / 3).all() and fine.max() < 4e-5
