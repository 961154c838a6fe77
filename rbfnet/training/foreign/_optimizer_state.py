"""Validation of untrusted optimizer and scheduler states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import LBFGS, Adam, Optimizer

from rbfnet.solvers import Solving
from rbfnet.training._module import TrainingModule
from rbfnet.training.foreign._like import count, keyed, like, misfit, plain, real, scalar, tensor

MOMENTS = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}
"""State entries of Adam that have the shape of the parameter."""

SAID = 100
"""Maximum number of metrics and sentences of a step."""

LISTS = ("old_dirs", "old_stps", "ro")
"""State entries of L-BFGS that have one item per stored step."""


def believed_optimizers(checkpoint: Mapping[str, Any], module: TrainingModule, stage: int) -> dict[str, Any]:
    """Validate ``optimizer_states`` and ``lr_schedulers`` against the initial ones of the solver's stage."""
    current = module.solver.stages[stage]
    optimizer = current.optimizer(module.model, module.problem)
    given = checkpoint["optimizer_states"]
    if not isinstance(given, list) or len(given) != 1:
        raise misfit("optimizer_states", "a list of one", given)
    form = optimizer.state_dict()
    # Metrics and sentences of a solver's last step, which older checkpoints lack.
    said = {"said": _said(given[0]["said"])} if "said" in form and isinstance(given[0], Mapping) and "said" in given[0] else {}
    keyed("optimizer_states", given[0], {key: value for key, value in form.items() if key != "said"} | said)
    scheduler = current.scheduler(optimizer)
    forms = [] if scheduler is None else [scheduler.state_dict()]
    return {
        "optimizer_states": [
            {"state": _state(given[0]["state"], optimizer), "param_groups": _groups(given[0]["param_groups"], optimizer), **said}
        ],
        "lr_schedulers": like("lr_schedulers", checkpoint["lr_schedulers"], forms),
    }


def _said(given: Any) -> dict[str, Any]:
    """Validate the metrics, the flag ``done``, the sentences and the leave-one-out residuals."""
    what = "optimizer_states.said"
    keyed(what, given, dict.fromkeys(("metrics", "done", "words", "left_out")))
    metrics, words, left_out = given["metrics"], given["words"], given["left_out"]
    if not isinstance(metrics, Mapping) or not all(isinstance(name, str) for name in metrics) or len(metrics) > SAID:
        raise misfit(f"{what}.metrics", "numbers by name", metrics)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or len(words) > SAID:
        raise misfit(f"{what}.words", "a list of sentences", words)
    if left_out is not None:
        # Rows that were not left out are NaN.
        if not isinstance(left_out, torch.Tensor) or not left_out.is_floating_point():
            raise misfit(f"{what}.left_out", "a tensor", left_out)
        tensor(f"{what}.left_out", left_out.nan_to_num(), tuple(left_out.shape), None)
    return {
        "metrics": {name: scalar(f"{what}.metrics.{name}", value) for name, value in metrics.items()},
        "done": like(f"{what}.done", given["done"], False),
        "words": words,
        "left_out": left_out,
    }


def _groups(given: Any, optimizer: Optimizer) -> list[dict[str, Any]]:
    forms = optimizer.state_dict()["param_groups"]
    if not isinstance(optimizer, Solving):
        # Take everything from the config but the step sizes, which alone change.
        found = like("param_groups", given, forms)
        return [{**form, "lr": group["lr"]} for form, group in zip(forms, found, strict=True)]
    if not isinstance(given, list) or len(given) != len(forms):
        raise misfit("param_groups", f"a list of {len(forms)}", given)
    # The state of a solver that solves a system changes its form during the run.
    for group, form in zip(given, forms, strict=True):
        keyed("param_groups", group, form)
        like("params", group["params"], form["params"])
        for key, value in form.items():
            what = f"param_groups.{key}"
            if isinstance(value, (bool, int, float)):
                like(what, group[key], value)
            elif isinstance(value, (list, dict)) and not isinstance(group[key], type(value)):
                raise misfit(what, f"a {type(value).__name__}", group[key])
            plain(what, group[key])
    return given


def _state(given: Any, optimizer: Optimizer) -> dict[int, Any]:
    """Validate the state of each parameter, by its index."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    if not isinstance(given, Mapping) or not all(type(i) is int and 0 <= i < len(parameters) for i in given):
        raise misfit("optimizer_states.state", f"a mapping of numbers below {len(parameters)}", given)
    found = {}
    for i, state in given.items():
        what = f"optimizer_states.state.{i}"
        if not isinstance(state, Mapping):
            raise misfit(what, "a mapping", state)
        if isinstance(optimizer, Adam):
            found[i] = _adam(what, state, parameters[i], bool(optimizer.param_groups[0]["amsgrad"]))
        elif isinstance(optimizer, LBFGS):
            found[i] = _lbfgs(what, state, parameters, optimizer.param_groups[0]["history_size"])
        else:
            found[i] = plain(what, dict(state))
    return found


def _adam(what: str, state: Mapping[str, Any], parameter: torch.Tensor, amsgrad: bool) -> dict[str, Any]:
    moments = sorted(MOMENTS if amsgrad else MOMENTS - {"max_exp_avg_sq"})
    keyed(what, state, dict.fromkeys(["step", *moments]))
    found: dict[str, Any] = {"step": tensor(f"{what}.step", state["step"], (), None)}
    return found | {name: tensor(f"{what}.{name}", state[name], parameter.shape, parameter.dtype) for name in moments}


def _lbfgs(what: str, state: Mapping[str, Any], parameters: list[torch.nn.Parameter], history: int) -> dict[str, Any]:
    n, dtype = sum(p.numel() for p in parameters), parameters[0].dtype
    counts: dict[str, Any] = {name: count(f"{what}.{name}", state.get(name)) for name in ("func_evals", "n_iter")}
    if not counts["n_iter"]:
        return counts
    names = ("d", "t", "H_diag", "prev_flat_grad", "prev_loss", *LISTS)
    keyed(what, state, dict.fromkeys([*counts, *names, *(["al"] if "al" in state else [])]))
    found = counts | {name: tensor(f"{what}.{name}", state[name], (n,), dtype) for name in ("d", "prev_flat_grad")}
    for name in ("t", "H_diag", "prev_loss"):
        value = state[name]
        found[name] = tensor(f"{what}.{name}", value, (), dtype) if isinstance(value, torch.Tensor) else real(what, value)
    for name in LISTS:
        if not isinstance(state[name], list) or len(state[name]) > history or len(state[name]) != len(state["ro"]):
            raise misfit(f"{what}.{name}", f"a list of at most {history}, as long as the others", state[name])
        shape = () if name == "ro" else (n,)
        found[name] = [tensor(f"{what}.{name}", one, shape, dtype) for one in state[name]]
    # Buffer that is recomputed in each step.
    return found | ({"al": [None] * history} if "al" in state else {})
