"""Functions and classes of a user's own: they work, or there is one sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn, sin

import rbfnet
from rbfnet import Field, Kernel
from rbfnet.domains import Box, Interval, Rectangle
from rbfnet.nn import Ansatz, CoordinateMap, RBFNetwork, Wrapper
from rbfnet.operators import Operator
from rbfnet.problems import Boundary, Condition, Data, Dirichlet, Initial, Interior, Problem, Robin, Sample, Unknown, UnknownField
from rbfnet.solvers import LBFGS, Adam, Solver
from rbfnet.training import Grow, Solution

DOUBLE = torch.float64
SQUARE = Rectangle(x=(0, 1), y=(0, 1))


def problem(*conditions: Any, domain: Any = SQUARE, **parts: Any) -> Problem:
    """A problem with these conditions, and whatever else it is given."""
    parts = {"domain": domain, "conditions": lambda self: iter(conditions), **parts}
    return type("Mine", (Problem,), parts)(num_interior=60, num_boundary=40)


def solved(posed: Problem, **options: Any) -> Solution:
    return rbfnet.solve(posed, **{"num_centers": 25, "epsilon": 2.0, **options})


def source(x: Tensor, y: Tensor) -> Tensor:
    return 2 * pi**2 * sin(pi * x) * sin(pi * y)


POISSON = (Interior(lambda u: u.laplacian() + source(u.x, u.y)), Dirichlet(0.0))


def refused(run: Callable[[], object]) -> str:
    """The sentence of what is refused."""
    with pytest.raises(rbfnet.InputError) as caught:
        run()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- changes in place --------------------------------------------------------------------------------------------------------

IN_PLACE: dict[str, tuple[tuple[Condition, ...], tuple[Condition, ...]]] = {
    "a coordinate": (
        (Interior(lambda u: u.laplacian() + u.x.mul_(2) + u.x), Dirichlet(0.0)),
        (Interior(lambda u: u.laplacian() + 2 * u.x + u.x), Dirichlet(0.0)),
    ),
    "a value": (
        (Interior(lambda u: u.laplacian() + u.value.mul_(3) + u.value - 1), Dirichlet(0.0)),
        (Interior(lambda u: u.laplacian() + 4 * u.value - 1), Dirichlet(0.0)),
    ),
    "a derivative": (
        (Interior(lambda u: u.d("xx").mul_(3) + u.d("xx") + u.d("yy") - 1), Dirichlet(0.0)),
        (Interior(lambda u: 4 * u.d("xx") + u.d("yy") - 1), Dirichlet(0.0)),
    ),
    "a value of the boundary": (
        (POISSON[0], Dirichlet(lambda x, y: x.sub_(0.5).square_() + y.neg_())),
        (POISSON[0], Dirichlet(lambda x, y: (x - 0.5) ** 2 - y)),
    ),
    "a coefficient": (
        (POISSON[0], Robin(1.0, alpha=lambda x, y: x.add_(1), beta=lambda x, y: x.exp_())),
        (POISSON[0], Robin(1.0, alpha=lambda x, y: x + 1, beta=lambda x, y: x.exp())),
    ),
    "where": (
        (*POISSON, Interior(lambda u: u - 1, where=lambda x, y: x.mul_(2) < 0.5, name="left")),
        (*POISSON, Interior(lambda u: u - 1, where=lambda x, y: 2 * x < 0.5, name="left")),
    ),
    "a part of the boundary": (
        (POISSON[0], Dirichlet(0.0), Dirichlet(1.0, on=lambda x: x[:, 0].mul_(2) < 0.5, name="left")),
        (POISSON[0], Dirichlet(0.0), Dirichlet(1.0, on=lambda x: 2 * x[:, 0] < 0.5, name="left")),
    ),
}


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("solver", ["least_squares", "gauss_newton"])
def test_what_a_function_changes_in_place_changes_nothing_else(name: str, solver: str) -> None:
    x = torch.rand(20, 2, dtype=DOUBLE)
    changing, plain = (solved(problem(*conditions), solver=solver).model(x) for conditions in IN_PLACE[name])
    assert torch.allclose(changing, plain, rtol=1e-6, atol=1e-8)


def test_an_exact_solution_may_change_its_argument_in_place() -> None:
    plain = problem(*POISSON, exact=staticmethod(lambda x, y: sin(pi * x) * sin(pi * y)))
    changing = problem(*POISSON, exact=staticmethod(lambda x, y: x.mul_(pi).sin_().mul_(y.mul_(pi).sin_())))
    for first, second in ((plain.test_set(), changing.test_set()), (plain.validation_set(), changing.validation_set())):
        assert first is not None and second is not None
        assert torch.equal(first.x, second.x) and torch.allclose(first.y, second.y, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize(
    "conditions",
    [
        (Interior(lambda u: u.laplacian() + u.points.mul_(2)[:, 0]), Dirichlet(0.0)),
        (Interior(lambda u: u.laplacian() + torch.from_numpy(np.multiply(u.points.numpy(), 2, out=u.points.numpy()))[:, 0]),),
        (POISSON[0], Boundary(lambda u: u.normal.mul_(2)[:, 0] + u.value)),
    ],
    ids=["points", "NumPy", "normals"],
)
def test_points_and_normals_changed_in_place_are_refused(conditions: tuple[Condition, ...]) -> None:
    assert "modifies points, normals or data in place" in refused(lambda: solved(problem(*conditions)))


class InPlace(Kernel):
    smoothness = math.inf

    def phi(self, s: Tensor) -> Tensor:
        return s.mul_(-1).exp_()


class Clamping(Kernel):
    """Nothing changes where it is looked at, only beyond."""

    smoothness = math.inf

    def phi(self, s: Tensor) -> Tensor:
        return torch.exp(-s.clamp_(max=700))


@pytest.mark.parametrize(
    "kernel", [InPlace, InPlace(), Clamping(), lambda s: s.mul_(-1).exp_()], ids=["class", "kernel", "clamp", "function"]
)
def test_a_kernel_that_changes_s_in_place_is_refused(kernel: Any) -> None:
    assert "changes its argument s in place" in refused(lambda: RBFNetwork(2, 1, 9, kernel))


@pytest.mark.parametrize(
    ("phi", "sentence"),
    [
        (lambda s: 1.0, "must give a tensor of real numbers, but phi returns float"),
        (lambda s: None, "must give a tensor of real numbers, but phi returns NoneType"),
        (lambda s: s < 1, "must give a tensor of real numbers, but phi returns torch.bool"),
        (lambda s: torch.exp(1j * s), "must give a tensor of real numbers, but phi returns torch.complex128"),
    ],
)
def test_a_kernel_that_gives_no_real_numbers_is_refused(phi: Any, sentence: str) -> None:
    assert sentence in refused(lambda: RBFNetwork(2, 1, 9, phi))


def test_maps_and_factors_of_wrappers_may_change_their_argument_in_place() -> None:
    net = RBFNetwork(2, 1, 9, epsilon=1.0, dtype=DOUBLE)
    net.weight.data.normal_()
    x = torch.rand(5, 2, dtype=DOUBLE)
    for op in (Operator.identity(), Operator.laplacian(0, 1)):
        changing = Ansatz(CoordinateMap(net, lambda z: z.mul_(2).sin_()), lambda z: z[:, 0].exp_(), lambda z: z.square_()[:, :1])
        plain = Ansatz(CoordinateMap(net, lambda z: (2 * z).sin()), lambda z: z[:, 0].exp(), lambda z: z[:, :1] ** 2)
        assert torch.allclose(changing.apply_operator(x, op), plain.apply_operator(x, op), rtol=1e-12)


# -- what depends on more than its field -------------------------------------------------------------------------------------


class Own(Problem):
    """u'' + k u(x/2) = 1: the network is called by itself."""

    domain = Interval(x=(0, 1))
    network: nn.Module

    def __init__(self, equation: Callable[[Own, Field], Tensor]) -> None:
        super().__init__(num_interior=40)
        self.equation = equation

    def ansatz(self, network: Any) -> Any:
        # Not a part of the problem: its parameters are the model's.
        self.__dict__["network"] = network
        return network

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: self.equation(self, u))
        yield Dirichlet(0.0)


def halved(u: Field) -> Tensor:
    return Field(u._u, u.points / 2, u.coords).value


def without_gradient(posed: Own, u: Field) -> Tensor:
    with torch.no_grad():
        again = posed.network(u.points)[:, 0]
    return u.d("xx") + again - 1


NONLOCAL: dict[str, Callable[[Own, Field], Tensor]] = {
    "the network": lambda posed, u: u.d("xx") + posed.network(u.points / 2)[:, 0] - 1,
    "the network, multiplied": lambda posed, u: u.d("xx") + u * posed.network(u.points / 2)[:, 0] - 1,
    "a small part": lambda posed, u: u.d("xx") + 0.1 * posed.network(u.points / 2)[:, 0] - 1,
    "without gradient": without_gradient,
    "detached": lambda posed, u: u.d("xx") + u.value.detach() - 1,
    "by NumPy": lambda posed, u: u.d("xx") + torch.as_tensor(np.sin(u.value.detach().numpy())) - 1,
    "shifted": lambda posed, u: u.d("xx") + halved(u) - 1,
    "a difference": lambda posed, u: (halved(u) - u.value) / 0.5 - u.x,
}


@pytest.mark.parametrize("solver", ["least_squares", "gauss_newton"])
@pytest.mark.parametrize("name", NONLOCAL)
def test_what_depends_on_more_than_the_field_shows_is_not_solved_for(name: str, solver: str) -> None:
    sentence = refused(lambda: solved(Own(NONLOCAL[name]), solver=solver, num_centers=10))
    assert "condition 'interior'" in sentence.lower() and ("solver=lbfgs" in sentence or "solver=gauss_newton" in sentence)


POINTWISE: dict[str, Callable[[Own, Field], Tensor]] = {
    "a field anew": lambda posed, u: u.d("xx") + Field(u._u, u.points.clone(), u.coords).value - 1,
    "the model of the field": lambda posed, u: u.d("xx") + u._u(u.points)[:, 0] - 1,
    "a field twice": lambda posed, u: u.d("xx") + (u.value + Field(u._u, u.points, u.coords).value) / 2 - 1,
}


@pytest.mark.parametrize("name", POINTWISE)
def test_fields_made_anew_at_the_same_points_are_the_field(name: str) -> None:
    """u'' + u = 1 with u(0) = u(1) = 0."""
    model = solved(Own(POINTWISE[name]), num_centers=20).model
    x = torch.linspace(0, 1, 9, dtype=DOUBLE)[:, None]
    exact = 1 - torch.cos(x) - (1 - math.cos(1)) / math.sin(1) * torch.sin(x)
    assert (model(x) - exact).abs().max() < 1e-6


def test_what_a_descent_can_follow_is_not_refused() -> None:
    """u(x) = x / 2 solves u(x/2) = u(x) - x/4 with u(0) = 0, which no solver that solves may take."""

    class Delay(Own):
        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: self.equation(self, u))
            yield Dirichlet(lambda x: x / 2)

    for equation in (
        lambda posed, u: u.value - halved(u) - u.x / 4,
        lambda posed, u: u.value - posed.network(u.points / 2)[:, 0] - u.x / 4,
    ):
        model = rbfnet.solve(Delay(equation), num_centers=5, solver=LBFGS(max_epochs=5)).model
        x = torch.linspace(0, 1, 9, dtype=DOUBLE)[:, None]
        assert (model(x) - x / 2).abs().max() < 0.03


KINKS: dict[str, Callable[[Own, Field], Tensor]] = {
    "a kink": lambda posed, u: u.d("xx") + torch.relu(u.value) - 1,
    "a jump": lambda posed, u: u.d("xx") + torch.where(u.value > 0, 2.0, 1.0) * u - 1,
    "a root": lambda posed, u: u.d("xx") + (1 + u).sqrt() - 1,
    "a logarithm": lambda posed, u: u.d("xx") + torch.log(1 + u.value) - 1,
    "a power": lambda posed, u: u.d("xx") + u**4 + torch.exp(5 * u.value) - 1,
    "large and small": lambda posed, u: 1e8 * u.d("xx") + 1e-8 * u - 1e8,
}


@pytest.mark.parametrize("name", KINKS)
def test_what_is_pointwise_is_not_refused(name: str) -> None:
    solution = solved(Own(KINKS[name]), solver="gauss_newton", num_centers=12)
    assert solution.summary["loss"] < 1e-4


# -- what functions give -----------------------------------------------------------------------------------------------------

RESIDUALS: dict[str, tuple[Any, str]] = {
    "an int": (lambda u: 0, "but is int"),
    "a float": (lambda u: 0.0, "but is float"),
    "nothing": (lambda u: None, "but is NoneType"),
    "an array": (lambda u: np.zeros(60), "but is ndarray"),
    "a text": (lambda u: "u", "but is str"),
    "a truth": (lambda u: u.x < 1, "but is torch.bool"),
    "whole numbers": (lambda u: (0 * u.x).long(), "but is torch.int64"),
    "complex numbers": (lambda u: u.value + 1j, "but is torch.complex128"),
    "a column": (lambda u: u.value[:, None], r"but is \(60, 1\)"),
    "one number": (lambda u: u.value.mean(), r"but is \(\)"),
    "no equation": (lambda u: (), "is empty; return one or more tensors"),
    "half a system": (lambda u: (u.value, None), "but is NoneType"),
    "two fields": (lambda u, v: u.value, r"is called with 1 argument, but takes \(u, v\)"),
    "no function": ("u_xx", "takes a function of the field, as in .* but got 'u_xx'"),
    "no coordinate": (lambda u: u.z, "no coordinate 'z'; known: x, y"),
    "a typing error": (lambda u: u.lapacian(), "no coordinate 'lapacian'"),
}


@pytest.mark.parametrize("name", RESIDUALS)
def test_a_residual_that_is_no_residual_is_refused(name: str) -> None:
    residual, sentence = RESIDUALS[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        solved(problem(Interior(residual), Dirichlet(0.0)))
    with pytest.raises(rbfnet.InputError, match=sentence.replace("60", "40")):
        solved(problem(POISSON[0], Boundary(residual)))


VALUES: dict[str, tuple[Any, Any]] = {
    "an array": (lambda x, y: np.sin(x.numpy()), lambda x, y: sin(x)),
    "whole numbers": (lambda x, y: torch.ones(len(x), dtype=torch.long), 1.0),
    "a truth": (lambda x, y: x < 0.5, lambda x, y: (x < 0.5).double()),
    "an int": (lambda x, y: 1, 1.0),
    "a number of NumPy": (lambda x, y: np.float32(0.5), 0.5),
    "nothing": (lambda x, y: None, "but gave None"),
    "True": (lambda x, y: True, "but gave True"),
    "a text": (lambda x, y: "x", "but gave 'x'"),
    "complex numbers": (lambda x, y: 1j * x, "of complex numbers"),
    "a column": (lambda x, y: x[:, None], r"but gave \(.*, 1\)"),
    "a list": (lambda x, y: [0.0] * len(x), r"but gave \[0.0"),
    "one coordinate": (lambda x: x, r"is called with 2 arguments, but takes \(x\)"),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_a_function_of_the_coordinates_gives_works_or_is_refused(name: str) -> None:
    function, meant = VALUES[name]
    posed = {
        "exact": lambda f: problem(*POISSON, exact=staticmethod(f)),
        "value": lambda f: problem(POISSON[0], Dirichlet(f)),
        "coefficient": lambda f: problem(POISSON[0], Robin(0.0, alpha=f)),
    }
    for kind, make in posed.items():
        if isinstance(meant, str):
            with pytest.raises(rbfnet.InputError, match=meant):
                solved(make(function))
            continue
        plain = (lambda x, y, m=meant: torch.full_like(x, m)) if isinstance(meant, float) else meant
        first, second = solved(make(function)), solved(make(plain))
        assert torch.equal(first.model.weight, second.model.weight), kind
        assert first.errors == second.errors


@pytest.mark.parametrize("kind", ["where", "on"])
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "but gave None"),
        (True, "but gave True"),
        (torch.zeros(3), r"but gave \(3,\)"),
        (np.zeros((2, 2)), r"but gave \(2, 2\)"),
        (np.array(["x"]), "but gave a NumPy array"),
    ],
    ids=str,
)
def test_what_says_where_gives_true_or_false_at_each_point(kind: str, given: Any, sentence: str) -> None:
    condition = (
        Interior(lambda u: u.value, where=lambda x, y: given, name="part")
        if kind == "where"
        else Dirichlet(on=lambda x: given, name="part")
    )
    with pytest.raises(rbfnet.InputError, match="must give true or false at each point.*" + sentence):
        solved(problem(*POISSON, condition))


def test_where_may_be_an_array() -> None:
    posed = problem(*POISSON, Interior(lambda u: u.value, where=lambda x, y: x.numpy() < 0.5, name="left"))
    assert (posed.sample()["left"].sites[0][:, 0] < 0.5).all()
    posed = problem(POISSON[0], Dirichlet(0.0, on=lambda x: x.numpy()[:, 0] == 0, name="left"))
    assert not posed.sample()["left"].sites[0][:, 0].any()


def test_an_error_inside_of_a_users_function_keeps_its_traceback() -> None:
    def wrong(u: Field) -> Tensor:
        return u.value + math.sin(u.x)

    with pytest.raises((TypeError, ValueError)) as caught:
        solved(problem(Interior(wrong)))
    assert not isinstance(caught.value, rbfnet.InputError)
    assert caught.traceback[-1].name == "wrong"


# -- problems ----------------------------------------------------------------------------------------------------------------

PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "no domain": ({"domain": None}, "Mine has no domain; set `domain` to one of rbfnet.domains"),
    "the class of a domain": ({"domain": Rectangle}, "Rectangle'> as its domain"),
    "numbers for a domain": ({"domain": (0, 1)}, r"has \(0, 1\) as its domain"),
    "conditions that return nothing": ({"conditions": lambda self: None}, "must yield conditions, but gave None"),
    "no conditions": ({"conditions": lambda self: []}, "Mine has no conditions"),
    "a class for a condition": ({"conditions": lambda self: [Dirichlet]}, "must yield conditions, but gave <class"),
    "a text for a condition": ({"conditions": lambda self: "u = 0"}, "must yield conditions, but gave 'u'"),
    "a number for the exact solution": ({"exact": 3.0}, "`exact` must be a function of the coordinates x, y, but got 3.0"),
    "no outputs": ({"outputs": None}, r"`outputs` of Mine must be names, as in \('u', 'v'\), but got None"),
    "outputs in one text": ({"outputs": "uv"}, "`outputs` of Mine must be names, .* but got 'uv'"),
    "numbers for outputs": ({"outputs": (1,)}, r"`outputs` of Mine must be names, .* but got \(1,\)"),
    "an ansatz of nothing": ({"ansatz": lambda self, net: None}, "`ansatz` of Mine must return the network .* a NoneType"),
    "an ansatz of a function": ({"ansatz": lambda self, net: lambda x: net(x)}, "`ansatz` of Mine must .* returned a function"),
    "an ansatz of another module": ({"ansatz": lambda self, net: nn.Sequential(net)}, "`ansatz` of Mine must .* a Sequential"),
    "an ansatz without a network": ({"ansatz": lambda self: None}, r"`ansatz` of Mine is called with 1 argument, but takes \(\)"),
    "a distance that is none": ({"ansatz": lambda self, net: Ansatz(net, lambda x: None)}, "but this one gave NoneType"),  # type: ignore
    "two exact values for one": ({"exact": lambda self, x, y: (x, y)}, "for each of the outputs u, but it returned 2"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_that_is_none_is_refused(name: str) -> None:
    parts, sentence = PROBLEMS[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        solved(problem(*POISSON, **parts))


def test_conditions_may_be_a_list() -> None:
    x = torch.rand(9, 2, dtype=DOUBLE)
    assert torch.equal(solved(problem(conditions=[*POISSON])).model(x), solved(problem(*POISSON)).model(x))


def test_a_class_that_cannot_be_made_is_refused() -> None:
    class Unfinished(Problem):
        domain = SQUARE

    class Needy(Problem):
        domain = SQUARE

        def __init__(self, nu: float) -> None:
            super().__init__()

        def conditions(self) -> Iterable[Condition]:
            yield from POISSON

    assert "Unfinished lacks conditions" in refused(lambda: rbfnet.solve(Unfinished))
    assert "Needy is called with 0 arguments, but takes (nu: 'float')" in refused(lambda: rbfnet.solve(Needy))


SAMPLES: dict[str, tuple[Any, str]] = {
    "nothing": (None, "must return a Sample, but returned None"),
    "points alone": (torch.rand(9, 2), "must return a Sample, but returned tensor"),
    "no sites": (Sample(torch.rand(9, 2)), "must return a Sample"),  # type: ignore[arg-type]
    "a line": (Sample((torch.rand(9),)), r"must give points \(B, 2\) with B > 0 at each site, but gave \(9,\)"),
    "three coordinates": (Sample((torch.rand(9, 3),)), r"but gave \(9, 3\)"),
    "an array": (Sample((np.zeros((9, 2)),)), "but gave ndarray"),  # type: ignore[arg-type]
    "no points": (Sample((torch.rand(0, 2),)), r"but gave \(0, 2\)"),
    "two lengths": (Sample((torch.rand(9, 2), torch.rand(8, 2))), r"but gave \(9, 2\), \(8, 2\)"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_points_that_are_none_are_refused(name: str) -> None:
    sample, sentence = SAMPLES[name]

    class Given(ForgetfulCondition):
        def __init__(self) -> None:
            self.name, self.weight, self.value = "given", 1.0, 0.0

        def sample(self, problem: Problem) -> Sample:
            return sample

    with pytest.raises(
        rbfnet.InputError, match=f"`sample` of condition 'given' {'must' if sentence[0] == 'b' else ''}.*{sentence}"
    ):
        solved(problem(*POISSON, Given()))


def test_other_arguments_that_are_none_are_refused() -> None:
    class Idle(Solver):
        max_epochs = 1

        def optimizer(self, model: nn.Module, problem: Problem) -> Any:
            return None

    class Empty(Kernel):
        smoothness = math.inf

    posed = problem(*POISSON)
    grow: Any = Grow
    assert "callbacks of solve must be a list" in refused(lambda: solved(posed, callbacks=grow(num_centers=30)))
    assert "callbacks of solve must be a list" in refused(lambda: solved(posed, callbacks=[grow]))
    assert "dtype must be torch.float64 or torch.float32, but got 'float64'" in refused(lambda: solved(posed, dtype="float64"))
    assert "`optimizer` of Idle must return a torch.optim.Optimizer" in refused(lambda: solved(posed, solver=Idle()))
    assert "Empty lacks phi" in refused(lambda: solved(posed, kernel=Empty))
    assert "takes s = (epsilon r)^2 alone, but this one takes (r, e)" in refused(lambda: solved(posed, kernel=lambda r, e: r))
    u = Field(lambda x: x, torch.rand(3, 1), ("x",))
    assert "Give coordinates by name, as in u.d('x'), but got 0" in refused(lambda: u.d(0))  # type: ignore[arg-type]


# -- constructors that forget the one they build upon ------------------------------------------------------------------------


class ForgetfulKernel(Kernel):
    smoothness = math.inf

    def __init__(self) -> None:
        self.a = 2.0

    def phi(self, s: Tensor) -> Tensor:
        return torch.exp(-self.a * s)


class ForgetfulTrainedKernel(ForgetfulKernel):
    def __init__(self) -> None:
        self.b = nn.Parameter(torch.ones(()))


class ForgetfulProblem(Problem):
    domain = SQUARE

    def __init__(self) -> None:
        self.k = 2.0

    def conditions(self) -> Iterable[Condition]:
        yield from POISSON


class ForgetfulInverse(ForgetfulProblem):
    def __init__(self) -> None:
        self.k = Unknown(1.0)  # type: ignore[assignment]


class ForgetfulSolver(Solver):
    def __init__(self) -> None:
        self.step = 0.1

    def optimizer(self, model: nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return torch.optim.SGD(model.parameters(), self.step)


class ForgetfulCondition(Condition):
    def __init__(self) -> None:
        self.value = 0.0

    def sample(self, problem: Problem) -> Sample:
        return Sample((problem.domain.interior(9),))

    def residual(self, u: Field) -> Tensor:
        return u - self.value


class ForgetfulWrapper(Wrapper):
    def __init__(self, network: RBFNetwork) -> None:
        self.inside = 1

    def inner(self, x: Tensor, ops: Any) -> Any:
        return x, ops


class ForgetfulNamingWrapper(ForgetfulWrapper):
    def __init__(self, network: RBFNetwork) -> None:
        self.network = network


def forgetful(base: type) -> type:
    """A class below one of this package whose constructor sets something of its own, and nothing else."""

    def constructor(self: Any) -> None:
        self.much = 3

    return type(f"Forgetful{base.__name__}", (base,), {"__init__": constructor, "__module__": __name__})


FORGETFUL: list[tuple[Callable[..., object], str]] = [
    (ForgetfulKernel, "super().__init__(...)."),
    (ForgetfulTrainedKernel, "super().__init__(...) before it sets any attribute."),
    (ForgetfulProblem, "super().__init__(...)."),
    (ForgetfulInverse, "super().__init__(...) before it sets any attribute."),
    (ForgetfulSolver, "super().__init__(...), or set 'max_epochs' itself."),
    (forgetful(Adam), "super().__init__(...), or set 'max_epochs' itself."),
    (ForgetfulCondition, "super().__init__(...), or set 'name' itself."),
    (forgetful(Dirichlet), "super().__init__(...), or set 'name' itself."),
    (forgetful(Unknown), "super().__init__(...)."),
    (forgetful(UnknownField), "super().__init__(...)."),
    (forgetful(Box), "super().__init__(...), or set 'coords' itself."),
    (ForgetfulWrapper, "super().__init__(...)."),
    (ForgetfulNamingWrapper, "super().__init__(...) before it sets any attribute."),
    (forgetful(Grow), "super().__init__(...), or set 'period' itself."),
]


@pytest.mark.parametrize(("made", "advice"), FORGETFUL, ids=lambda given: getattr(given, "__name__", ""))
def test_a_forgotten_constructor_is_named(made: Any, advice: str) -> None:
    arguments = (RBFNetwork(2, 1, 5),) if issubclass(made, Wrapper) else ()
    assert refused(lambda: made(*arguments)) == f"The constructor of {made.__name__} must call {advice}"


def test_constructors_that_forget_nothing_are_left_alone() -> None:
    class Middle(Dirichlet):
        def __init__(self, value: float, *, extra: int = 1) -> None:
            super().__init__(value)
            self.extra = extra

    class Last(Middle):
        def __init__(self) -> None:
            super().__init__(2.0, extra=3)

    class Named(Condition):
        def __init__(self) -> None:
            self.name, self.weight = "mine", 1.0

        sample = ForgetfulCondition.sample
        residual = ForgetfulCondition.residual

    assert Last().extra == 3 and Last().value == 2.0 and Named().name == "mine"
    with pytest.raises(TypeError):
        Last(3)  # type: ignore[call-arg]


MODULE = """
import math
import torch
from rbfnet import Kernel, Problem
from rbfnet.domains import Box
from rbfnet.problems import Condition, Dirichlet, Interior

class ForgetfulKernel(Kernel):
    smoothness = math.inf
    def __init__(self):
        self.a = torch.nn.Parameter(torch.ones(()))
    def phi(self, s):
        return torch.exp(-s)

class ForgetfulProblem(Problem):
    domain = Box(x=(0, 1))
    def __init__(self):
        self.k = 1
    def conditions(self):
        yield Dirichlet(0.0)

class ForgetfulBox(Box):
    def __init__(self):
        self.k = 1

class ForgetfulCondition(Dirichlet):
    def __init__(self):
        self.k = 1
"""

PLACES = {
    "ForgetfulKernel": "kernel=custom kernel._target_=forgetful.ForgetfulKernel",
    "ForgetfulProblem": "problem=custom problem._target_=forgetful.ForgetfulProblem",
    "ForgetfulBox": "problem=equations ~problem.domain.x ~problem.domain.y problem.domain._target_=forgetful.ForgetfulBox",
    "ForgetfulCondition": "problem=equations problem.conditions=[{_target_:forgetful.ForgetfulCondition}]",
}


@pytest.mark.parametrize("name", PLACES)
def test_a_forgotten_constructor_is_named_by_the_command_line(
    name: str, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "forgetful.py").write_text(MODULE)
    code, _, err = command("train", *PLACES[name].split())
    assert code == 2
    assert err.startswith(f"rbfnet: The constructor of {name} must call super().__init__(...)") and err.count("\n") == 1


# -- unknowns ----------------------------------------------------------------------------------------------------------------


class Diffusivity(Problem):
    """k u'' = -2 pi^2 sin(pi x) with u = sin(pi x) measured: k is 2."""

    domain = Interval(x=(0, 1))

    def __init__(self, equation: Callable[[Any, Field], Tensor], positive: bool = False) -> None:
        super().__init__(num_interior=40)
        self.k, self.equation = Unknown(1.0, positive=positive), equation

    def conditions(self) -> Iterable[Condition]:
        x = torch.linspace(0, 1, 21)[:, None]
        yield Interior(lambda u: self.equation(self.k, u))
        yield Data(x, sin(pi * x))


def load(u: Field) -> Tensor:
    return 2 * pi**2 * sin(pi * u.x)


UNCALLED: dict[str, Callable[[Any, Field], Tensor]] = {
    "called": lambda k, u: k() * u.d("xx") + load(u),
    "times a channel": lambda k, u: k * u.d("xx") + load(u),
    "a channel times it": lambda k, u: u.d("xx") * k + load(u),
    "a channel over it": lambda k, u: u.d("xx") + load(u) / k,
    "a power": lambda k, u: k**2 * u.d("xx") + 2 * load(u),
    "negative": lambda k, u: -k * u.d("xx") - load(u),
    "in a function": lambda k, u: torch.exp(k) * u.d("xx") + math.exp(2) / 2 * load(u),
    "a sum": lambda k, u: (1 + k) * u.d("xx") + 1.5 * load(u),
    "in place": lambda k, u: k().mul_(3) * u.d("xx") + 3 * load(u),
}


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("name", UNCALLED)
def test_an_unknown_stands_for_its_value(name: str, positive: bool) -> None:
    solution = solved(Diffusivity(UNCALLED[name], positive), solver="gauss_newton", num_centers=15, epsilon=4.0)
    assert solution.summary["unknowns"]["k"]["value"] == pytest.approx(2.0, rel=1e-4)


def test_an_unknown_is_itself_as_a_key() -> None:
    first, second = Unknown(1.0), Unknown(1.0)
    assert first == first and first != second and len({first, second}) == 2 and first in [second, first]


def test_initial_values_may_be_an_unknown() -> None:
    start = Initial(Unknown(2.0))
    u = Field(lambda x: x[:, 0], torch.rand(4, 2), ("x", "t"))
    assert torch.equal(start.residual(u), u.x - 2.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "use",
    [
        lambda a, u: a * u.d("xx"),
        lambda a, u: u.d("xx") / a,
        lambda a, u: a.d("x") * u.value,
        lambda a, u: a.value + u,
        lambda a, u: torch.exp(a) * u,
        lambda a, u: a.laplacian(),
    ],
)
def test_an_unknown_function_needs_its_points(use: Callable[[Any, Field], Tensor]) -> None:
    a = UnknownField(Interval(x=(0, 1)), 1.0, num_centers=5)
    u = Field(lambda x: x[:, 0], torch.rand(4, 1), ("x",))
    assert "call it with the field, as in self.a(u)" in refused(lambda: use(a, u))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = a.nonsense
    assert a == a and len({a, UnknownField(Interval(x=(0, 1)), num_centers=2)}) == 2


# -- maps --------------------------------------------------------------------------------------------------------------------


class Mapped(Problem):
    """-u'' = pi^2 sin(pi x), in the coordinate tanh(x)."""

    domain = Interval(x=(0, 1))

    def ansatz(self, network: Any) -> Any:
        return CoordinateMap(network, torch.tanh)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("xx") + pi**2 * sin(pi * u.x))
        yield Dirichlet(0.0)

    def exact(self, x: Tensor) -> Tensor:
        return sin(pi * x)


@pytest.mark.parametrize("solver", ["least_squares", "gauss_newton"])
def test_a_map_without_an_inverse_solves_and_is_drawn(solver: str, tmp_path: Path) -> None:
    from rbfnet.training._figures import write_figures

    solution = rbfnet.solve(Mapped, num_centers=25, epsilon=4.0, solver=solver)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-6
    axes = {ax.get_title(): ax.get_xlabel() for ax in solution.plot().axes}
    assert axes["25 centres, in the coordinates of the map"] == "z1"
    assert (tmp_path / "overview.png") in write_figures(solution, tmp_path)


def test_a_map_without_an_inverse_grows_too() -> None:
    solution = rbfnet.solve(
        Mapped(num_interior=60), num_centers=6, per_center=True, solver="gauss_newton", callbacks=[Grow(num_centers=12)]
    )
    assert solution.model.num_centers > 6
    assert solution.errors is not None and solution.errors["rel_l2"] < 0.1
