"""The verdict on the solution of a local network."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict

import torch

from rbfnet.domains import Difference, SpaceTime
from rbfnet.nn import Evolving, LocalNetwork
from rbfnet.problems import Problem
from rbfnet.solvers.validation import close_points, misses
from rbfnet.training.verdict._remedies import contradictions
from rbfnet.training.verdict._verdict import BESIDE, SEED, Verdict, accuracy_for, reason, word_for

POINTS = 900
"""Held-out points of each equation follow those of a network with this number of centres."""


def judge_local(
    model: LocalNetwork | Evolving, problem: Problem, estimated: Mapping[str, float], error: float, accuracy: float | None = None
) -> Verdict:
    """The verdict on a solution at nodes: as :func:`judge`, with an error estimate that was computed with it.

    Args:
        model: the solution.
        problem: its problem.
        estimated: the estimated error of each output, relative L2. error: that of all outputs together.
        accuracy: relative; the default is 1e-3.
    """
    a = accuracy_for(problem, accuracy)
    few = copy.copy(problem)
    few.follow(POINTS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        fresh = few.sample()
        found = misses(model, problem, fresh)
        beside = close_points(problem, fresh)
        astray = [miss for miss in misses(model, problem, beside) if miss.share > BESIDE] if beside else []
    worst = max(found, key=lambda miss: math.inf if math.isnan(miss.rms) else miss.rms)
    word = word_for(worst.rms, max(estimated.values()), a, failed=bool(astray))
    sentences = []
    if word != "solved":
        sentences = contradictions(problem, fresh, found) or [reason(worst, astray, error), _remedy(model, problem, word)]
    rows = tuple({**asdict(miss), "at": list(miss.at)} for miss in found)
    return Verdict(word, rows, tuple(sentences), error)


def _remedy(model: LocalNetwork | Evolving, problem: Problem, word: str) -> str:
    more = f"more nodes (num_centers={(2 if word == 'rough' else 4) * model.num_centers})"
    return (
        f"Try denser nodes near holes (spacing='graded'), or {more}."
        if isinstance(problem.domain.space if isinstance(problem.domain, SpaceTime) else problem.domain, Difference)
        else f"Try {more}."
    )
