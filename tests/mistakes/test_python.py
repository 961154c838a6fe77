# mypy: disable-error-code="arg-type, call-arg, dict-item, list-item, misc"
"""Mistakes in Python: what is given to a function or class of ours is no number, no tensor, no name, out of range."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rbfnet
from rbfnet import InputError
from rbfnet.domains import (
    Ball,
    Box,
    Disc,
    Ellipse,
    Interval,
    PointCloud,
    Polygon,
    Rectangle,
    SpaceTime,
    Union,
    find_sites,
    graded,
)
from rbfnet.kernels import Matern, Polyharmonic, Scaled, Sum, as_kernel
from rbfnet.nn import Affine, Evolving, RBFLayer, RBFNetwork
from rbfnet.operators import Operator, jacobian, laplacian, partial, quadratic_form, second_order
from rbfnet.problems import (
    Data,
    DataProblem,
    Dirichlet,
    Equations,
    Initial,
    Integral,
    Interface,
    Interior,
    Periodic,
    Poisson,
    Robin,
    Table,
    Unknown,
    VanDerPol,
)
from rbfnet.solvers import LBFGS, Adam, Evolve, GaussNewton, LeastSquares, ResidualAttention, Sequence
from rbfnet.training import RAD, Grow

X = torch.rand(12, 2, dtype=torch.float64)
Y = torch.rand(12, 1, dtype=torch.float64)
SQUARE = Rectangle(x=(0, 1), y=(0, 1))
POISSON = Poisson(num_interior=60, num_boundary=20)
ANY: Any = None


def network() -> RBFNetwork:
    return RBFNetwork(2, 1, 20, dtype=torch.float64)


class NoConditions(rbfnet.Problem):
    domain = SQUARE

    def conditions(self) -> Iterable[Any]:
        return []


class NoDomain(rbfnet.Problem):
    def conditions(self) -> Iterable[Any]:
        yield Dirichlet(0.0)


class WrongDomain(NoDomain):
    domain: Any = ((0, 1), (0, 1))


class Forgetful(NoConditions):
    def __init__(self) -> None:
        self.mu = 3.0


class Numbers(NoConditions):
    def conditions(self) -> Iterable[Any]:
        return [1, 2]


class Abstract(rbfnet.Problem):
    domain = SQUARE


# By what is called: the call, and what the sentence has in it.
CALLS: dict[str, list[tuple[Callable[[], Any], str]]] = {
    "solve": [
        (lambda: rbfnet.solve(ANY), "takes a Problem, but got None"),
        (lambda: rbfnet.solve(3), "takes a Problem, but got 3"),
        (lambda: rbfnet.solve("poisson"), "takes a Problem, but got 'poisson'"),
        (lambda: rbfnet.solve(NoConditions), "NoConditions has no conditions; yield at least one"),
        (lambda: rbfnet.solve(NoDomain), "NoDomain has no domain; set `domain`"),
        (lambda: rbfnet.solve(WrongDomain), "as its domain; set `domain` to one of"),
        (lambda: rbfnet.solve(Forgetful), r"must call super\(\).__init__"),
        (lambda: rbfnet.solve(Numbers), "must yield conditions, but gave 1"),
        (lambda: rbfnet.solve(Abstract), "Abstract lacks conditions; write it as a method"),
        (lambda: rbfnet.solve(POISSON, kernel=3), "a Kernel, a name or a function of s, but got 3"),
        (lambda: rbfnet.solve(POISSON, kernel="gausian"), "no kernel 'gausian'; did you mean 'gaussian'"),
        (lambda: rbfnet.solve(POISSON, solver=3), "solver of solve must be a Solver or a string, but got 3"),
        (lambda: rbfnet.solve(POISSON, solver="newton"), "no solver 'newton'"),
        (lambda: rbfnet.solve(POISSON, solver=Adam), "solver of solve must be a Solver or a string"),
        (
            lambda: rbfnet.solve(POISSON, num_centers="many"),
            "num_centers must be a whole number of at least 1, but got 'many'",
        ),
        (lambda: rbfnet.solve(POISSON, num_centers=[20]), r"must be a whole number or a string or None, but got \[20\]"),
        (lambda: rbfnet.solve(POISSON, num_centers=0), "num_centers must be a whole number of at least 1, but got 0"),
        (lambda: rbfnet.solve(POISSON, seed="a"), "seed of solve must be a whole number, but got 'a'"),
        (lambda: rbfnet.solve(POISSON, dtype="float64"), "torch.dtype|torch.float64"),
        (lambda: rbfnet.solve(POISSON, accuracy=-1), "accuracy must be positive and finite, but got -1"),
        (lambda: rbfnet.solve(POISSON, accuracy=3), "accuracy is relative and must be at most 1, as in 1e-3, but got 3"),
        (lambda: rbfnet.solve(POISSON, callbacks=RAD()), "callbacks of solve must be a list"),
        (lambda: rbfnet.solve(POISSON, epsilon=[1]), r"epsilon .*\[1\]"),
        (lambda: rbfnet.solve(POISSON, num_centres=3), "called 'num_centres'; did you mean 'num_centers'"),
    ],
    "fit": [
        (lambda: rbfnet.fit(None, Y), "x must hold numbers, but"),
        (lambda: rbfnet.fit("x", Y), "x must hold numbers, but"),
        (lambda: rbfnet.fit(X, Y[:5]), "x has 12 and y 5"),
        (lambda: rbfnet.fit([[1, 2], [3]], [1, 2]), "rows of the same length"),
        (lambda: rbfnet.fit(X, Y * math.nan), "must be finite, but row 0 of y"),
        (lambda: rbfnet.fit(X[:0], Y[:0]), "one row per point, .* but got"),
        (lambda: rbfnet.fit(X[None], Y), r"\(N, columns\) or \(N,\), but got \(1, 12, 2\)"),
        (lambda: rbfnet.fit(X, Y, test="some"), "test of fit must be a finite number, but got 'some'"),
        (lambda: rbfnet.fit(X, Y, test=-1), "a fraction below 1 or a whole number of rows, but got -1"),
        (lambda: rbfnet.fit(X, Y, coords="xy"), "coords of fit must be a list, each a string or None, but got 'xy'"),
        (lambda: rbfnet.fit(X, Y, coords=["a"]), "'a'"),
        (lambda: rbfnet.fit(X, Y, outputs=[1]), r"outputs of fit must be a list, each a string or None, but got \[1\]"),
        (lambda: rbfnet.fit(X, Y, smoothing="little"), "non-negative number, .* or 'auto', but got 'little'"),
        (lambda: rbfnet.fit(X, Y, smoothing=True), "smoothing of fit must be .*, but got True"),
        (lambda: rbfnet.fit(X, Y, smoothing=[1, 2]), "one value for each of the 12 rows"),
        (lambda: rbfnet.fit(X, Y, epsilon=np.array(["a"])), "epsilon must hold numbers"),
        (lambda: rbfnet.fit(X, Y, kernel=[1]), r"a Kernel, a name or a function of s, but got \[1\]"),
    ],
    "load": [
        (lambda: rbfnet.load(3), "run_dir of load must be a string or a path, but got 3"),
        (lambda: rbfnet.load("nowhere"), "no run in 'nowhere': config.yaml is missing"),
        (lambda: rbfnet.load("a" * 300), "no run in 'aaa"),
        (lambda: rbfnet.load("nowhere", trust="mine"), "trust of load must be a list, each a string, but got 'mine'"),
    ],
    "evaluate and export": [
        (lambda: rbfnet.evaluate(network(), X.numpy()), "The points must be a tensor, but got ndarray"),
        (lambda: rbfnet.evaluate(network(), X, {"a": "u_x"}), "At least one operator is needed, as in"),
        (lambda: rbfnet.export(network(), "a.pt"), "must end in .pt2, but got 'a.pt'"),
        (lambda: rbfnet.export(network(), "nowhere/a.pt2"), "no directory 'nowhere' to write 'a.pt2' to"),
        (lambda: rbfnet.export(torch.nn.Linear(2, 1), "a.pt2"), "Linear has no closed-form derivatives"),
    ],
    "domains": [
        (lambda: Disc((0, 0), "half"), "radius of a ball must be a number, but got 'half'"),
        (lambda: Disc((0, 0), 0), "must be positive, but got 0"),
        (lambda: Disc(0, 1), r"must be of shape \(2,\), but got 0"),
        (lambda: Ball((0, 0), True), "radius of a ball must be a number, but got True"),
        (lambda: Ball((0, 0), 1, coords="xy"), "2 coordinates need 2 different names, .* but got 'xy'"),
        (lambda: Ball((0, 0), 1, coords=["x", "x"]), "2 different names, .* but got"),
        (lambda: Ball((0, 1e200), 1), "at most 1e.100 in absolute value, but got 1e.200"),
        (lambda: Ellipse((0, 0), (1, None)), r"of shape \(2,\), but got \(1, None\)"),
        (lambda: Box(), "needs at least one side"),
        (lambda: Box(x=3), r"of shape \(2,\), but got 3"),
        (lambda: Box(x=(1, 0)), r"from a lower to a higher number, but got \(1, 0\)"),
        (lambda: Interval(x=(0, 1), y=(0, 1)), "Interval|interval"),
        (lambda: Polygon([(0, 0), (1, 1)]), "three"),
        (lambda: Polygon("abc"), "vertices of a polygon must be of shape .* but got 'abc'"),
        (lambda: PointCloud([[1, 2]], ["x", "y"]), r"points of PointCloud must be a tensor, but got \[\[1, 2\]\]"),
        (lambda: SpaceTime(3, t=(0, 1)), "3"),
        (lambda: Union(SQUARE, 3), "domains with an interior and a boundary, but got 3"),
        (lambda: SQUARE.interior("many"), "whole number of at least 1, but got 'many'"),
        (lambda: SQUARE.interior(5, ["halton"]), r"no sampler .*halton"),
        (lambda: SQUARE.interior(10**12), "at most 10,000,000, but got 1000000000000"),
        (lambda: SQUARE.grid(-1), "whole number of at least 1, but got -1"),
        (lambda: SQUARE.contains([[0, 0]]), r"must be \(N, 2\), but got a list"),
        (lambda: SQUARE.boundary(5, part="top"), "'top'"),
        (lambda: graded(SQUARE, 0, 0.1), "whole number of at least 1, but got 0"),
        (lambda: graded(3, 5, 0.1), "domain of graded must be a Domain, but got 3"),
        (lambda: find_sites(3), "points of find_sites must be a tensor, but got 3"),
    ],
    "kernels": [
        (lambda: Matern("half"), "nu.*'half'"),
        (lambda: Matern(None), "nu.*None"),
        (lambda: Polyharmonic(2.5), "degree must be a whole number of at least 1, but got 2.5"),
        (lambda: Scaled("gaussian", trainable="yes"), "trainable must be true or false, but got 'yes'"),
        (lambda: Scaled(3), "a Kernel, a name or a function of s, but got 3"),
        (lambda: Sum("gaussian"), "a list of kernels, as .*, but got 'gaussian'"),
        (lambda: as_kernel(lambda: 1), r"takes s = \(epsilon r\)\^2 alone"),
    ],
    "solvers": [
        (lambda: Adam(lr=None), "lr must be positive and finite, but got None"),
        (lambda: Adam(schedule=3), "no schedule '3'; known: constant, cosine, exponential"),
        (lambda: Adam(resample=1), "resample must be true or false, but got 1"),
        (lambda: LBFGS(max_iter=[1]), r"max_iter must be a whole number of at least 1, but got \[1\]"),
        (lambda: GaussNewton(continuation=[1]), r"continuation of GaussNewton must be values by name, .* but got \[1\]"),
        (lambda: GaussNewton(continuation={"mu": "a"}), "a list of numbers for 'mu', .* but got 'a'"),
        (lambda: LeastSquares(level="a", regularization="ridge"), "level must be positive and finite, but got 'a'"),
        (lambda: LeastSquares(regularization=None), "no regularization 'None'"),
        (lambda: Evolve(tolerance={}), "tolerance must be positive and finite, but got {}"),
        (lambda: Sequence([3]), "name of one, as in 'adam', but got 3"),
        (lambda: Sequence(3), "a list of solvers, as in .*, but got 3"),
        (lambda: ResidualAttention(rate="fast"), "rate must be positive and finite, but got 'fast'"),
        (lambda: RAD(pool=0), "pool must be a whole number of at least 1, but got 0"),
        (lambda: Grow(follow="no"), "follow must be true or false|follow of Grow must be true or false, but got 'no'"),
    ],
    "networks": [
        (lambda: RBFNetwork("two", 1, 20), "in_features must be a whole number of at least 1, but got 'two'"),
        (lambda: RBFNetwork(2, 0, 20), "out_features must be a whole number of at least 1, but got 0"),
        (lambda: RBFNetwork(2, 1, 20, centers=[[0, 0]]), r"a tensor \(M, 2\) or the name of an initialiser, but got"),
        (lambda: RBFNetwork(2, 1, 20, points=[[0, 0]]), r"points of RBFLayer must be a tensor or None, but got"),
        (lambda: RBFNetwork(2, 1, 20, epsilon="auto "), "or 'auto', but got 'auto '"),
        (lambda: RBFNetwork(2, 1, 20, epsilon=torch.tensor(1e-300)), "between 1e-19 and 2e.19 in torch.float32, but got tensor"),
        (lambda: RBFNetwork(2, 1, 20, metric=None), "no metric 'None'; known: diagonal, full, isotropic"),
        (lambda: RBFNetwork(2, 1, 20, dtype="float64"), "dtype of RBFLayer must be a torch.dtype or None, but got 'float64'"),
        (lambda: RBFLayer(2, 20, overlap=0), "overlap must be positive and finite, but got 0"),
        (lambda: network()([[0.0, 0.0]]), "takes a tensor of points .*, but got list"),
        (lambda: Evolving(network(), 1.0, 0.0, 3), "end of time must be after its start, but got start=1.0 and end=0.0"),
        (lambda: Affine(network(), 0, 1, 0, 1), "input_shift of Affine must be a tensor, but got 0"),
        (lambda: Affine(torch.nn.Linear(2, 1), X, X, X, X), "network|Wrapper|wrap"),
    ],
    "operators": [
        (lambda: jacobian(network(), [[0.0, 0.0]]), r"have shape \(B, D\), one row per point, but got a list"),
        (lambda: jacobian(3, X), "a module or a function of points, but got 3"),
        (lambda: laplacian(network(), X, "x"), r"a list of coordinate indices, as in \[0, 1\], but got 'x'"),
        (lambda: laplacian(network(), X, [2]), "index 2 is out of range for 2 inputs"),
        (lambda: partial(network(), X, 1), "one non-negative number for each of the 2 inputs, but got 1"),
        (lambda: second_order(network(), X, 1), "a tensor or rows of numbers, but got 1"),
        (lambda: quadratic_form(X, [[1, 0], [0, 1]]), r"must be a tensor \(2, 2\), but got a list"),
        (lambda: Operator.d(["x"]), r"name or index of a coordinate, as in d\('x'\), but got \['x'\]"),
        (lambda: Operator.d(None), "name or index of a coordinate, .* but got None"),
        (lambda: rbfnet.Field(network(), X.numpy()), r"have shape \(B, D\), one row per point, but got a ndarray"),
        (lambda: rbfnet.Field(network(), X, coords="xy"), "coords of a field must be a list of names, .* but got 'xy'"),
    ],
    "conditions": [
        (lambda: Dirichlet("nowhere"), r"a file \(.csv, .npz\), but got 'nowhere'"),
        (lambda: Dirichlet(math.nan), "a finite number, .* but got nan"),
        (lambda: Dirichlet(0, hard="maybe"), "hard of Dirichlet must be true or false, but got 'maybe'"),
        (lambda: Dirichlet(0, output=3), "output of Dirichlet must be a string or None, but got 3"),
        (lambda: Dirichlet(0, weight=0), "weight .* must be positive and finite, but got 0"),
        (lambda: Robin(0, alpha="x"), "a finite number or a function of the coordinates, but got 'x'"),
        (lambda: Initial(0, velocity=[1]), r"a finite number or a function of the coordinates, but got \[1\]"),
        (lambda: Interior(3), "takes a function of the field, as in .* but got 3"),
        (lambda: Interior(lambda u: u.d("x"), points="all"), "points of Interior must be a whole number or None, but got 'all'"),
        (lambda: Integral(0, where=3), "must be a Domain, but got 3"),
        (lambda: Interface(("u", "v"), SQUARE, coefficients=(1,)), r"two coefficients, one per side, but got \(1,\)"),
        (lambda: Periodic(3), "coordinate of Periodic must be a string, but got 3|3"),
        (lambda: Data(X.tolist(), Y), "x of Data must be a tensor"),
        (lambda: Data(X, Y, noise=-1), "noise .* must be positive and finite, but got -1"),
        (lambda: DataProblem(X, Y.numpy(), ("x", "y")), "y of DataProblem must be a tensor"),
        (lambda: VanDerPol(end=1e9), "end must be at most 1000 for mu=1.0, but got 1000000000.0"),
        (lambda: Unknown("a"), "a finite number, but got 'a'"),
        (lambda: Poisson(sampler=None), "sampler of Problem must be a string, but got None"),
        (lambda: Poisson(num_interior=10**9), "num_interior must be at most 10,000,000, but got 1000000000"),
        (lambda: Equations(SQUARE, 3, 4), "conditions|condition"),
        (lambda: Table(3, ["x"], ["y"]), "must be a string or a path, but got 3"),
    ],
}


@pytest.mark.parametrize(
    ("call", "sentence"), [pytest.param(*row, id=f"{of} {n}") for of in CALLS for n, row in enumerate(CALLS[of])]
)
def test_a_wrong_argument_is_told(
    call: Callable[[], Any], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        call()
    assert re.search(sentence, str(error.value)), str(error.value)
    assert len(str(error.value)) < 1000 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", [lambda: Adam(rate=1), lambda: Disc((0, 0)), lambda: rbfnet.load(), lambda: rbfnet.solve()])
def test_another_number_of_arguments_is_left_to_python(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="argument"):
        call()
