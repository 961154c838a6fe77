"""Choose kernel, width and margin of a shipped problem with Optuna; needs ``pip install 'rbfnet[optuna]'``.

    python scripts/optuna_search.py [--problem poisson] [--centers 200] [--trials 20] [--seed 0]

The objective is the estimated error. It needs no reference, so the same works for your own problem. The true error is printed
beside it if there is a reference.
"""

from __future__ import annotations

import argparse
from typing import Any

import rbfnet
from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError
from rbfnet.extras import require

KERNELS = ("gaussian", "inverse_multiquadric", "multiquadric", "matern")


def solved(problem: type[Any], trial: Any, centers: int) -> rbfnet.Solution:
    """Solve with the choices of the trial."""
    return rbfnet.solve(
        problem,
        kernel=trial.suggest_categorical("kernel", KERNELS),
        num_centers=centers,
        epsilon=trial.suggest_float("epsilon", 0.2, 20.0, log=True),
        margin=trial.suggest_float("margin", 0.0, 0.5),
        allow_unsolved=True,
    )


def main(arguments: list[str] | None = None) -> float:
    """Print and return the smallest estimated error found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", default="poisson")
    parser.add_argument("--centers", type=int, default=200)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    require("optuna", "optuna", "This script")
    import optuna

    problem = catalogue("problems", "Problem")[given.problem]

    def objective(trial: Any) -> float:
        try:
            solution = solved(problem, trial, given.centers)
        except InputError:
            # A kernel that is not smooth enough for the equation.
            raise optuna.TrialPruned() from None
        if solution.errors is not None:
            trial.set_user_attr("rel_l2", solution.errors["rel_l2"])
        return float(solution.summary["estimated_error"])

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=given.seed))
    study.optimize(objective, n_trials=given.trials)
    best = study.best_trial
    chosen = ", ".join(f"{name} {value if isinstance(value, str) else f'{value:.3g}'}" for name, value in best.params.items())
    print(f"{chosen}: estimated error {best.value:.1e}, true error {best.user_attrs.get('rel_l2', float('nan')):.1e}")
    automatic = rbfnet.solve(problem, num_centers=given.centers, allow_unsolved=True)
    print(f"automatic choice: estimated error {automatic.summary['estimated_error']:.1e}")
    return float(best.value)


if __name__ == "__main__":
    main()
