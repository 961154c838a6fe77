"""The summary of a run: errors, verdict, sizes, sentences."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from rbfnet.catalogue import snake_case
from rbfnet.problems import DataProblem, Problem
from rbfnet.solvers import Solving
from rbfnet.training._model import Network
from rbfnet.training._prepare import Prepared
from rbfnet.training._solution import Solution
from rbfnet.training.verdict import Verdict, accuracy_for, compared, errors_of, fitted, judge, judge_data


def as_it_is(prepared: Prepared, seed: int, seconds: float) -> Solution | None:
    """The solution of a stopped run, without errors or verdict; None if no step was finished."""
    module, trainer = prepared.module, prepared.trainer
    if module.whole.state is None:
        return None
    model, summary = cast(Network, module.model), _summary(prepared, seed, seconds)
    done, wanted = trainer.current_epoch, trainer.max_epochs
    summary |= {
        "verdict": "not judged",
        "reasons": [f"Stopped after {done} of {wanted} epochs."],
        "residuals": [],
        "estimated_error": None,
    }
    return Solution(model, module.problem, None, summary, history=module.history)


def _summary(prepared: Prepared, seed: int, seconds: float) -> dict[str, Any]:
    """The part of the summary that needs no evaluation."""
    module, trainer = prepared.module, prepared.trainer
    model = cast(Network, module.model)
    return {
        "problem": snake_case(type(module.problem).__name__),
        "kernel": snake_case(type(model.kernel).__name__),
        "solver": module.solver.name,
        "seed": seed,
        "centers": model.num_centers,
        "epsilon": float(model.epsilon.detach().mean()),
        "parameters": sum(p.numel() for p in model.parameters()),
        "epochs": trainer.current_epoch,
        "seconds": round(seconds, 3),
        "loss": float(trainer.callback_metrics.get("loss", module.last_loss)),
        "errors": None,
    }


def measured(prepared: Prepared, seed: int, seconds: float, accuracy: float | None) -> Solution:
    """The solution of a run with its errors and verdict."""
    module = prepared.module
    problem, solver = module.problem, module.solver
    model = cast(Network, module.model)
    solving = [optimizer for optimizer in prepared.trainer.optimizers if isinstance(optimizer, Solving)]
    found = compared(model, problem, solving)
    errors = left_out = None
    summary = _summary(prepared, seed, seconds)
    if found is not None:
        summary |= errors_by(problem, *found)
        errors, left_out = summary["errors"], found[1] if found[0] == "leave-one-out" else None
    why = [solver.why] if solver.why else []
    if words := [*why, *problem.remarks(), *(sentence for optimizer in solving for sentence in optimizer.words)]:
        summary["words"] = words
    if isinstance(problem, DataProblem):
        verdict = judge_data(problem, *(found or fitted(model, problem)), accuracy_for(problem, accuracy))
    else:
        verdict = judge(module.judged, problem, solver, prepared.data.samples, accuracy)
    summary |= by_verdict(verdict)
    posterior = next((optimizer.posterior for optimizer in solving if optimizer.posterior is not None), None)
    if unknowns := problem.unknowns():
        summary["unknowns"] = {name: unknown.report(problem.domain) for name, unknown in unknowns.items()}
    return Solution(model, problem, errors, summary, left_out=left_out, history=module.history, posterior=posterior)


def errors_by(problem: Problem, by: str, difference: Tensor, y: Tensor) -> dict[str, Any]:
    """The entries on errors, from the differences (N, O) from values y."""
    found: dict[str, Any] = {"errors_by": by, "errors": errors_of(difference, y)}
    if len(problem.outputs) > 1:
        found["errors_by_output"] = {
            name: errors_of(difference[:, o : o + 1], y[:, o : o + 1])
            for o, name in enumerate(problem.outputs)
            if not torch.isnan(difference[:, o] + y[:, o]).all()
        }
    return found


def by_verdict(verdict: Verdict) -> dict[str, Any]:
    """The entries on the verdict."""
    return {
        "verdict": verdict.word,
        "reasons": list(verdict.sentences),
        "residuals": list(verdict.residuals),
        "estimated_error": verdict.estimated_error,
    }
