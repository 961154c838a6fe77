"""Through time in the plane: what grows, and errors against closed forms, with all defaults."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

import pytest
import torch
from scipy.special import jn_zeros, jnp_zeros
from torch import Tensor, cos, exp, pi, sin

import rbfnet
from rbfnet.domains import Disc, Domain, Rectangle, SpaceTime
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Field, Operator
from rbfnet.problems import Boundary, Condition, Dirichlet, Initial, Interior, Neumann, Periodic, Problem, Robin
from rbfnet.solvers import Evolve
from rbfnet.solvers.time import PER_CENTER, Lines, resolved, spectrum

SQUARE = Rectangle(x=(0, 1), y=(0, 1))
DISC = Disc((0.0, 0.0), 1.0)
HOLE = SQUARE - Disc((0.5, 0.5), 0.2)
ELL = Rectangle(x=(0, 2), y=(0, 2)) - Rectangle(x=(1, 2), y=(1, 2))

HEAT = Interior(lambda u: u.d("t") - u.laplacian("x", "y"))
WAVE = Interior(lambda u: u.d("tt") - u.laplacian("x", "y"))
SPREADING = Interior(lambda u: u.d("t") + u.d("x") + 0.5 * u.d("y") - 0.01 * u.laplacian("x", "y"))
DRIFT = Interior(lambda u: u.d("t") + u.d("x") + 0.5 * u.d("y"))


def posed(space: Domain, end: float, *made: Condition, exact: Callable[..., Tensor] | None = None) -> Problem:
    class Posed(Problem):
        domain = SpaceTime(space, t=(0, end))

        def conditions(self) -> Iterable[Condition]:
            return made

    if exact is not None:
        Posed.exact = lambda self, *at: exact(*at)
    return Posed()


def lines(problem: Problem, centers: int, width: float) -> Lines:
    space = problem.domain.space  # type: ignore[attr-defined]
    network = RBFNetwork(len(space.coords), 1, points=space.box, num_centers=centers, overlap=width, dtype=torch.float64)
    problem.follow(centers, in_space=True)
    torch.manual_seed(0)
    return Lines(problem, network, problem.sample(), *resolved(space, network, PER_CENTER))


@pytest.mark.parametrize("centers", [100, 250])
@pytest.mark.parametrize(
    ("space", "side", "first"),
    [
        (SQUARE, Dirichlet(0.0), -2 * math.pi**2),
        (DISC, Dirichlet(0.0), -(jn_zeros(0, 1)[0] ** 2)),
        (DISC, Neumann(0.0), 0.0),
    ],
)
def test_the_slowest_decay_of_heat_is_known(space: Domain, side: Condition, first: float, centers: int) -> None:
    with torch.no_grad():
        values = spectrum(lines(posed(space, 1.0, HEAT, side, Initial(0.0)), centers, 4.0))
    assert float(values[0].real) == pytest.approx(first, rel=1e-6, abs=1e-6)
    assert float(values.imag.abs().max()) < 1e-6
    if first == 0.0:
        assert float(values[1].real) == pytest.approx(-(jnp_zeros(1, 1)[0] ** 2), rel=1e-5)


@pytest.mark.parametrize("width", [4.0, 8.0])
@pytest.mark.parametrize("space", [HOLE, ELL, DISC])
@pytest.mark.parametrize("side", [Dirichlet(0.0), Robin(0.0)])
def test_waves_do_not_grow(space: Domain, side: Condition, width: float) -> None:
    with torch.no_grad():
        values = spectrum(lines(posed(space, 1.0, WAVE, side, Initial(0.0, velocity=0.0)), 150, width))
    assert float(values[0].real) < 1e-4


@pytest.mark.parametrize(("centers", "width"), [(100, 1.0), (200, 2.0), (300, 2.0)])
def test_no_width_lets_waves_grow(centers: int, width: float) -> None:
    with torch.no_grad():
        values = spectrum(lines(posed(HOLE, 1.0, WAVE, Neumann(0.0), Initial(0.0, velocity=0.0)), centers, width))
    assert float(values[0].real) < 1e-9 * float(values.abs().max())


@pytest.mark.parametrize("width", [1.0, 2.0])
def test_narrow_kernels_are_integrated_around_a_hole(width: float) -> None:
    """Products of kernels, by the quadrature and by one of many more points."""
    network = RBFNetwork(2, 1, points=HOLE.box, num_centers=100, overlap=width, dtype=torch.float64)
    found = []
    with torch.no_grad():
        for x, w in (resolved(HOLE, network, PER_CENTER), HOLE.quadrature(60_000)):
            features = network.features(x, Operator.identity())
            found.append(features.T @ (w[:, None] / w.sum() * features))
    assert float((found[0] - found[1]).abs().max()) < 1e-9 * float(found[1].max())


@pytest.mark.parametrize(
    "equation", [DRIFT, Interior(lambda u: u.d("t") + u.d("x") + 0.5 * u.d("y") - 0.01 * u.laplacian("x", "y"))]
)
def test_what_is_transported_around_a_hole_does_not_grow(equation: Condition) -> None:
    enters = posed(HOLE, 1.0, equation, Dirichlet(0.0) if equation is not DRIFT else into(HOLE), Initial(0.0))
    with torch.no_grad():
        assert float(spectrum(lines(enters, 200, 2.0))[0].real) < 0


@pytest.mark.parametrize("centers", [30, 100])
def test_kernels_narrower_than_their_distances_stay_small(centers: int) -> None:
    """Between them nothing can be prescribed; it is not done by weights that are larger than all numbers."""
    made = posed(HOLE, 1.0, WAVE, Dirichlet(plane_wave), Initial(at_start(plane_wave), velocity=0.0))
    solution = rbfnet.solve(made, num_centers=centers, epsilon=40.0, solver=Evolve())
    x = HOLE.interior(300)
    with torch.no_grad():
        assert float(solution.model(torch.cat([x, torch.ones_like(x[:, :1])], dim=1)).abs().max()) < 20


@pytest.mark.parametrize(("epsilon", "where"), [(100.0, "of condition 'dirichlet_hole 1'"), (1e5, "inside")])
def test_kernels_that_reach_nothing_are_refused(epsilon: float, where: str) -> None:
    made = posed(HOLE, 1.0, HEAT, Dirichlet(0.0, on="hole 1"), Initial(1.0))
    with pytest.raises(ValueError, match=f"No kernel reaches the points {where}"):
        rbfnet.solve(made, num_centers=10, epsilon=epsilon, solver=Evolve())


def growth(equation: Condition, centers: int) -> float:
    """The largest real part, relative to the modulus, over domains and boundary conditions."""
    found = []
    velocity = 0.0 if equation is WAVE else None
    for space in (SQUARE, DISC, ELL, HOLE):
        sides: list[list[Condition]] = [[Dirichlet(0.0)], [Neumann(0.0)], [Robin(0.0)]]
        if equation is DRIFT:
            sides = [[into(space)]]
        if space is SQUARE:
            sides.append([Periodic(axis, derivatives=0 if equation is DRIFT else 1) for axis in "xy"])
        for side in sides:
            with torch.no_grad():
                values = spectrum(lines(posed(space, 1.0, equation, *side, Initial(0.0, velocity=velocity)), centers, 4.0))
            found.append(float(values.real.max() / values.abs().max()))
    return max(found)


@pytest.mark.parametrize("equation", [HEAT, WAVE, DRIFT, SPREADING])
def test_nothing_grows_on_any_domain_with_any_sides(equation: Condition) -> None:
    assert growth(equation, 100) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("equation", [HEAT, WAVE, DRIFT, SPREADING])
def test_nothing_grows_with_more_centres(equation: Condition) -> None:
    assert growth(equation, 400) < 1e-12


def test_growth_at_all_wavelengths_is_kept() -> None:
    """u_t = -Lap u / 10 - u_x: (k^2 + l^2) / 10 for the waves exp(i (k x + l y)), the fastest last."""
    unstable = Interior(lambda u: u.d("t") + u.d("x") + 0.1 * u.laplacian("x", "y"))
    system = lines(posed(SQUARE, 1.0, unstable, Periodic("x"), Periodic("y"), Initial(0.0)), 150, 4.0)
    with torch.no_grad():
        values = spectrum(system)
    assert system.damping is None
    first = values[(values.imag.abs() - 2 * math.pi).abs() < 1e-3].real
    assert float((first - 0.4 * math.pi**2).abs().min()) < 1e-3


def test_slow_growth_of_the_equation_is_kept() -> None:
    grows = Interior(lambda u: u.d("t") - u.laplacian("x", "y") - 20 * u)
    with torch.no_grad():
        values = spectrum(lines(posed(SQUARE, 1.0, grows, Dirichlet(0.0), Initial(0.0)), 150, 4.0))
    assert float(values[0].real) == pytest.approx(20 - 2 * math.pi**2, rel=1e-5)
    assert float(values[1].real) < 0


def test_growth_of_the_equation_is_kept() -> None:
    grows = Interior(lambda u: u.d("t") - u.laplacian("x", "y") - 100 * u)
    with torch.no_grad():
        values = spectrum(lines(posed(SQUARE, 1.0, grows, Dirichlet(0.0), Initial(0.0)), 150, 4.0))
    assert float(values[0].real) == pytest.approx(100 - 2 * math.pi**2, rel=1e-6)
    assert float(values[1].real) == pytest.approx(100 - 5 * math.pi**2, rel=1e-5)


@pytest.mark.parametrize("width", [4.0, 8.0])
def test_what_is_transported_does_not_grow(width: float) -> None:
    around = posed(SQUARE, 1.0, DRIFT, Periodic("x", derivatives=0), Periodic("y", derivatives=0), Initial(0.0))
    enters = posed(DISC, 1.0, DRIFT, Dirichlet(0.0, on=lambda x: x[:, 0] + 0.5 * x[:, 1] < 0), Initial(0.0))
    with torch.no_grad():
        assert float(spectrum(lines(around, 150, width))[0].real) < 1e-3
        assert float(spectrum(lines(enters, 150, width))[0].real) < 1e-4


def into(space: Domain) -> Condition:
    """Zero where (1, 1/2) points into the domain."""

    def enters(x: Tensor) -> Tensor:
        normals = space.normals(x[:, :2])
        return normals[:, 0] + 0.5 * normals[:, 1] < -1e-9

    return Dirichlet(0.0, on=[enters])


def error(problem: Problem, centers: int) -> float:
    solution = rbfnet.solve(problem, num_centers=centers, solver=Evolve())
    assert solution.errors is not None
    return solution.errors["rel_l2"]


def fading(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return exp(-2 * t) * cos(x + y)


def mode(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return exp(-2 * pi**2 * t) * sin(pi * x) * sin(pi * y)


def drum(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    first = float(jn_zeros(0, 1)[0])
    return cos(first * t) * torch.special.bessel_j0(first * torch.sqrt(x * x + y * y))


def plane_wave(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return sin(x + y - 2**0.5 * t)


def at_start(exact: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, y: exact(x, y, torch.zeros_like(x))


def radiating(sign: float) -> Callable[[Field], Tensor]:
    """u_n + u^4 = g for u = 1 + exp(-2 t) cos(x + y) / 2."""

    def residual(u: Field) -> Tensor:
        size = exp(-2 * u.t) / 2
        value = 1 + size * cos(u.x + u.y)
        return u.normal_derivative() + u.value**4 - (value**4 - sign * size * sin(u.x + u.y))

    return residual


SIDES = {"x=low": -1.0, "y=low": -1.0, "x=high": 1.0, "y=high": 1.0}
CASES = {
    "heat": (SQUARE, 0.2, [HEAT, Dirichlet(0.0), Initial(at_start(mode))], mode, 1e-6),
    "heat on an L": (ELL, 0.2, [HEAT, Dirichlet(0.0), Initial(at_start(mode))], mode, 1e-5),
    "data in time, with a hole": (HOLE, 1.0, [HEAT, Dirichlet(fading), Initial(at_start(fading))], fading, 1e-6),
    "a wave that enters": (
        SQUARE,
        2.0,
        [WAVE, Dirichlet(plane_wave), Initial(at_start(plane_wave), velocity=lambda x, y: -(2**0.5) * cos(x + y))],
        plane_wave,
        1e-6,
    ),
    "a drum": (DISC, 3.0, [WAVE, Dirichlet(0.0), Initial(at_start(drum), velocity=0.0)], drum, 1e-6),
    "radiation": (
        SQUARE,
        0.3,
        [HEAT, *(Boundary(radiating(s), on=on) for on, s in SIDES.items()), Initial(lambda x, y: 1 + cos(x + y) / 2)],
        lambda x, y, t: 1 + fading(x, y, t) / 2,
        1e-6,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_closed_forms_in_the_plane(case: str) -> None:
    space, end, made, exact, within = CASES[case]
    assert error(posed(space, end, *made, exact=exact), 150) < within


@pytest.mark.slow
def test_more_centres_are_never_worse() -> None:
    made = posed(SQUARE, 0.2, HEAT, Dirichlet(0.0), Initial(at_start(mode)), exact=mode)
    errors = [error(made, n) for n in (100, 200, 400, 800)]
    assert all(after < 2 * max(before, 1e-8) for before, after in itertools.pairwise(errors))
    assert errors[-1] < 1e-8


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 20.0])
def test_no_width_lets_heat_grow(epsilon: float) -> None:
    made = posed(SQUARE, 0.2, HEAT, Dirichlet(0.0), Initial(at_start(mode)), exact=mode)
    solution = rbfnet.solve(made, num_centers=150, epsilon=epsilon, solver=Evolve())
    x = torch.rand((500, 3), dtype=torch.float64) * torch.tensor([1.0, 1.0, 0.2])
    with torch.no_grad():
        assert float(solution.model(x).abs().max()) < 1.5


def test_a_corner_where_two_values_meet() -> None:
    """One hot side: by symmetry a quarter of its temperature is reached in the middle."""
    made = posed(SQUARE, 0.5, HEAT, Dirichlet(1.0, on="x=low"), Dirichlet(0.0, on=["x=high", "y=low", "y=high"]), Initial(0.0))
    solution = rbfnet.solve(made, num_centers=200, solver=Evolve())
    with torch.no_grad():
        assert float(solution.model(torch.tensor([[0.5, 0.5, 0.5]], dtype=torch.float64))) == pytest.approx(0.25, abs=0.01)


def test_it_starts_from_zero() -> None:
    """u_t = Lap u + 1 on the unit disc tends to (1 - r^2) / 4."""
    made = posed(DISC, 3.0, Interior(lambda u: u.d("t") - u.laplacian("x", "y") - 1), Dirichlet(0.0), Initial(0.0))
    solution = rbfnet.solve(made, num_centers=100, solver=Evolve())
    x = torch.tensor([[0.0, 0.0, 3.0], [0.5, 0.0, 3.0]], dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(solution.model(x)[:, 0], torch.tensor([0.25, 0.1875], dtype=torch.float64), atol=1e-6)
