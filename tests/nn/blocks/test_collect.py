"""Collected parts and what remains are the operator, and the parts are found where they are there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rbfnet import Operator
from rbfnet.nn.blocks._collect import Collected, Term, collect
from rbfnet.operators import Coefficient

SHARED = [torch.tensor([2.0, 3.0], dtype=torch.float64), torch.tensor([5.0, 7.0], dtype=torch.float64)]
"""Coefficients that vary from point to point, told apart by which tensor they are."""

VECTOR = torch.rand(2, 3)


def reassembled(parts: list[Collected], rest: list[Term]) -> list[tuple[tuple[Any, ...], Any]]:
    terms = list(rest)
    for part in parts:
        op = Operator.laplacian(*part.subset) if part.power == 1 else Operator.biharmonic(*part.subset)
        if part.along is not None:
            op = Operator.d(part.along) @ op
        terms += [(directions, part.coefficient * c) for directions, c in op.terms]
    return terms


def by_term(terms: Any) -> dict[tuple[Any, ...], Tensor]:
    """The coefficient of each derivative at two points, by sorted directions; zeros left out."""
    found: dict[tuple[Any, ...], Tensor] = {}
    for directions, c in terms:
        key = tuple(sorted(("v", id(v)) if isinstance(v, Tensor) else ("i", v) for v in directions))
        found[key] = found.get(key, torch.zeros(2, dtype=torch.float64)) + c
    return {key: c for key, c in found.items() if c.any()}


def pieces(dims: int) -> st.SearchStrategy[Operator]:
    """Laplacians, biharmonics, their derivatives, and anything else."""
    axis = st.integers(0, dims - 1)
    subset = st.lists(axis, min_size=1, max_size=dims, unique=True)
    anything = st.lists(axis | st.just(VECTOR), max_size=5)
    return st.one_of(
        subset.map(lambda s: Operator.laplacian(*s)),
        subset.map(lambda s: Operator.biharmonic(*s)),
        st.tuples(axis, subset).map(lambda t: Operator.d(t[0]) @ Operator.laplacian(*t[1])),
        anything.map(lambda ds: Operator.d(*ds)),
        st.just(Operator.identity()),
    )


def operators(dims: int) -> st.SearchStrategy[Operator]:
    factor: st.SearchStrategy[Coefficient] = st.sampled_from([1.0, -1.0, 2.0, 0.5, *SHARED])
    scaled = st.tuples(factor, pieces(dims)).map(lambda t: t[0] * t[1])
    return st.lists(scaled, max_size=5).map(lambda ops: Operator.of([term for op in ops for term in op.terms]))


@given(data=st.data(), dims=st.integers(1, 4))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_parts_and_rest_sum_to_the_operator(data: Any, dims: int) -> None:
    op = data.draw(operators(dims))
    parts, rest = collect(op, dims)
    one, other = by_term(reassembled(parts, rest)), by_term(op.terms)
    assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    # Nothing is said twice.
    keys = [str(directions) for directions, _ in rest]
    assert len(keys) == len(set(keys))


LAPLACIAN, C = Operator.laplacian(0, 1, 2), SHARED[0]
FOUND: dict[str, tuple[Operator, list[tuple[tuple[int, ...], int, int | None]], int]] = {
    "Laplacian": (LAPLACIAN, [((0, 1, 2), 1, None)], 0),
    "Laplacian over a subset": (Operator.laplacian(2, 0), [((0, 2), 1, None)], 0),
    "biharmonic": (LAPLACIAN @ LAPLACIAN, [((0, 1, 2), 2, None)], 0),
    "biharmonic over a subset": (3.0 * Operator.biharmonic(1, 2), [((1, 2), 2, None)], 0),
    "gradient of the Laplacian": (Operator.d(1) @ LAPLACIAN, [((0, 1, 2), 1, 1)], 0),
    "both gradients": ((Operator.d(1) + Operator.d(0)) @ LAPLACIAN, [((0, 1, 2), 1, 0), ((0, 1, 2), 1, 1)], 0),
    "with others": (LAPLACIAN - Operator.d(0, 1) + Operator.identity(), [((0, 1, 2), 1, None)], 2),
    "two coefficients": (LAPLACIAN + Operator.d(0, 0), [((1, 2), 1, None)], 1),
    "one tensor": (C * LAPLACIAN + C * Operator.d(0), [((0, 1, 2), 1, None)], 1),
    "two tensors": (C * Operator.d(0, 0) + SHARED[1] * Operator.d(1, 1), [], 2),
    "of equal values": (C * Operator.d(0, 0) + C.clone() * Operator.d(1, 1), [], 2),
    "biharmonic of another mix": (Operator.biharmonic(0, 1) + Operator.d(0, 0, 1, 1), [], 3),
    "one input of several": (Operator.d(0, 0), [], 1),
    "nothing": (Operator.of([]), [], 0),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_can_be_collected_is(name: str) -> None:
    op, wanted, left = FOUND[name]
    parts, rest = collect(op, 3)
    assert sorted(((tuple(sorted(p.subset)), p.power, p.along) for p in parts), key=str) == sorted(wanted, key=str)
    assert len(rest) == left


def test_the_one_input_there_is_counts_as_all() -> None:
    assert [(p.subset, p.power) for p in collect(Operator.d(0, 0) + Operator.d(0, 0, 0, 0), 1)[0]] == [((0,), 2), ((0,), 1)]


def test_vectors_are_left_alone() -> None:
    parts, rest = collect(Operator.d(VECTOR, VECTOR) + LAPLACIAN, 3)
    assert len(parts) == 1 and [directions for directions, _ in rest] == [(VECTOR, VECTOR)]
