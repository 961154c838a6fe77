"""Divergence-free and curl-free fields: entries against mpmath, derivatives against autograd, definiteness, exactness."""

from __future__ import annotations

from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor

from rbfnet import InputError, Operator
from rbfnet.kernels import Gaussian, InverseMultiquadric, Matern, Multiquadric, Wendland
from rbfnet.nn import Affine, Ansatz, CoordinateMap, CurlFree, DivergenceFree, Normalized, Periodic, RBFNetwork
from rbfnet.operators import apply_operators, curl, divergence
from rbfnet.operators import jacobian as closed_jacobian

F64 = torch.float64
FIELDS = [DivergenceFree, CurlFree]
KERNELS: dict[str, tuple[Any, Any]] = {
    "gaussian": (Gaussian(), lambda s: mpmath.exp(-s)),
    "inverse_multiquadric": (InverseMultiquadric(), lambda s: 1 / mpmath.sqrt(1 + s)),
    "matern": (Matern(2.5), lambda s: (1 + mpmath.sqrt(5 * s) + 5 * s / 3) * mpmath.exp(-mpmath.sqrt(5 * s))),
}


def network(dims: int = 2, outputs: int | None = None, kernel: Any = "gaussian", **arguments: Any) -> RBFNetwork:
    made = RBFNetwork(dims, outputs or dims, 9, kernel, **{"epsilon": 1.3, "degree": -1, "dtype": F64, **arguments})
    made.set_coefficients(torch.randn(made.coefficients.shape, dtype=F64))
    return made.requires_grad_(False)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", FIELDS)
def test_the_entries_are_the_second_derivatives_of_the_kernel(kind: Any, dims: int, kernel: str) -> None:
    ours, phi = KERNELS[kernel]
    model = kind(network(dims, kernel=ours))
    x, c = torch.rand(2, dims, dtype=F64) - 0.4, model.centers
    found = [model.columns(x, {i: Operator.identity()}) for i in range(dims)]
    for b, j in ((0, 0), (1, 4)):
        with mpmath.workdps(30):
            d = [mpmath.mpf(float(a)) - mpmath.mpf(float(e)) for a, e in zip(x[b], c[j], strict=True)]

            def of(*p: Any) -> Any:
                return phi(mpmath.mpf("1.69") * sum(t * t for t in p))

            orders = {(i, k): [(i == n) + (k == n) for n in range(dims)] for i in range(dims) for k in range(dims)}
            second = {pair: mpmath.diff(of, tuple(d), tuple(order)) for pair, order in orders.items()}
        for i in range(dims):
            for k in range(dims):
                trace = sum(second[n, n] for n in range(dims)) if i == k else 0
                wanted = second[i, k] - trace if kind is DivergenceFree else -second[i, k]
                assert float(found[i][k][b, j]) == pytest.approx(float(wanted), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", FIELDS)
def test_derivatives_are_those_of_autograd_and_columns_give_the_values(kind: Any, dims: int) -> None:
    plain = network(dims + 1, dims + 1, metric="diagonal", per_center=True)
    model = kind(plain, dims)  # the last coordinate is a time, the last output a pressure
    x, v = torch.rand(5, dims + 1, dtype=F64), torch.rand(5, dims + 1, dtype=F64)
    ops = [Operator.identity(), Operator.directional(v), 2.0 * Operator.d(dims) + x[:, 0] * Operator.d(1), Operator.d(0, 1)]
    found = apply_operators(model, x, ops)
    if dims == 2:
        torch.testing.assert_close(found[..., :3], apply_operators(lambda z: model(z), x, ops[:3]), rtol=1e-10, atol=1e-10)
    for op, values in zip(ops, found.unbind(-1), strict=True):
        for o in range(dims + 1):
            columns = model.columns(x, {o: op})
            total = sum(factors @ model.coefficients[:, k] for k, factors in columns.items())
            torch.testing.assert_close(total, values[:, o], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(model(x)[:, dims], plain(x)[:, dims])


def gram(model: Any) -> Tensor:
    found = [model.columns(model.centers, {i: Operator.identity()}) for i in model.coupled]
    return torch.cat([torch.cat([part[k] for k in model.coupled], dim=1) for part in found]).detach()


@pytest.mark.parametrize(
    "kernel", [Gaussian(), Matern(2.5), Matern(3.5), Wendland(4), InverseMultiquadric(), Multiquadric()], ids=str
)
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("kind", FIELDS)
def test_the_matrix_between_the_centres_is_symmetric_and_definite(kind: Any, dims: int, kernel: Any) -> None:
    matrix = gram(kind(RBFNetwork(dims, dims, 12, kernel, epsilon=1.5, degree=-1, dtype=F64)))
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-12)
    sign = -1.0 if isinstance(kernel, Multiquadric) else 1.0
    assert torch.linalg.eigvalsh(sign * matrix).min() > 1e-6 * matrix.abs().max()


def test_what_must_vanish_vanishes_to_rounding() -> None:
    """Also in an Affine, with a metric, and around coordinates."""
    scale, shift = torch.tensor([50.0, 50.0], dtype=F64), torch.tensor([3.0, -2.0], dtype=F64)
    periodic = CoordinateMap(network(3, 2), Periodic([1.0, None]))
    inside: list[tuple[Any, float]] = [(network(), 1.0), (network(metric="full"), 1.0), (periodic, 1.0)]
    for plain, side in inside:
        for kind, vanishing in ((DivergenceFree, divergence), (CurlFree, curl)):
            for model in (kind(plain), Affine(kind(plain), shift, scale, shift, 7 * scale)):
                x = torch.rand(40, 2, dtype=F64) * side
                size = closed_jacobian(model, x).abs().max()
                assert vanishing(model, x).abs().max() <= 1e-13 * size and size > 0.1
    x = torch.rand(20, 2, dtype=F64)
    torch.testing.assert_close(DivergenceFree(periodic)(x), DivergenceFree(periodic)(x + torch.tensor([1.0, 0.0])))
    flow = DivergenceFree(network(3))
    x = torch.rand(20, 3, dtype=F64)
    assert divergence(flow, x).abs().max() <= 1e-13 * closed_jacobian(flow, x).abs().max()
    # The rows of the equation are zero: whatever is solved for, it holds.
    rows = flow.columns(x, {i: Operator.d(i) for i in range(3)})
    assert all((part == 0).all() for part in rows.values())


WRONG = {
    "needs a kernel with at least 2 continuous derivatives.*ThinPlateSpline": lambda: CurlFree(
        RBFNetwork(2, 2, 9, "thin_plate_spline", degree=-1)
    ),
    "positive definite or of order 1, but.*has order 2": lambda: CurlFree(RBFNetwork(2, 2, 9, "cubic", degree=-1)),
    "without a tail, but this one has 1 terms": lambda: DivergenceFree(RBFNetwork(2, 2, 9, "multiquadric")),
    "from two components.*1 components with 1 inputs": lambda: DivergenceFree(RBFNetwork(1, 2, 9)),
    "3 components with 2 inputs": lambda: DivergenceFree(RBFNetwork(2, 2, 9), 3),
    "Normalized needs the RBFNetwork itself|other way round": lambda: Normalized(DivergenceFree(network())),  # type: ignore[arg-type]
    r"the other way round, as in DivergenceFree\(Ansatz": lambda: Ansatz(DivergenceFree(network()), lambda x: x[:, 0]),
    "need one output_scale for all, but got .1.0, 2.0.": lambda: Affine(
        DivergenceFree(network()), torch.zeros(2), torch.ones(2), torch.zeros(2), torch.tensor([1.0, 2.0])
    ),
    "order 1, but a DivergenceFree of Matern.* has only 0": lambda: divergence(
        DivergenceFree(network(kernel=Matern(1.5))), torch.rand(3, 2, dtype=F64)
    ),
    "no features of their own": lambda: DivergenceFree(network()).features(torch.rand(3, 2, dtype=F64), Operator.identity()),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_does_not_fit_is_told_in_one_sentence(sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        WRONG[sentence]()
