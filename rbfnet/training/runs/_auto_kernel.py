"""The kernel of a config that leaves the choice to the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from rbfnet.errors import InputError
from rbfnet.kernels import as_kernel
from rbfnet.problems import DataProblem, Problem
from rbfnet.solvers import Solver
from rbfnet.training._choose_kernel import choose_kernel
from rbfnet.training._solve import solve


class AutoKernel:
    """The kernel that leave-one-out errors choose for the data: ``kernel=auto`` on the command line.

    The choice is that of ``rbfnet.fit(x, y, kernel="auto")``. It is made before the network is built, and the run directory
    holds the kernel that was chosen.

    Example:
        >>> import torch
        >>> from rbfnet.problems import DataProblem
        >>> from rbfnet.solvers import LeastSquares
        >>> from rbfnet.training import AutoKernel
        >>> x = torch.linspace(0, 1, 30, dtype=torch.float64)[:, None]
        >>> problem = DataProblem(x, torch.sin(5 * x), coords=("x",))
        >>> AutoKernel().chosen_for(problem, {"centers": "points", "num_centers": None}, LeastSquares(), torch.float64)
        {'_target_': 'rbfnet.kernels.Gaussian'}
    """

    def chosen_for(self, problem: Problem, network: Mapping[str, Any], solver: Solver, dtype: torch.dtype) -> dict[str, Any]:
        """The config node of the kernel; the problem's notes then say why.

        Args:
            problem, network, solver, dtype: those of the run.

        Raises:
            InputError: a problem that is not a fit to values alone, local interpolants, or a solver other than least_squares.
        """
        if not isinstance(problem, DataProblem):
            raise InputError("kernel=auto compares fits to data; name a kernel, as in kernel=gaussian.")
        if network.get("network") == "local":
            raise InputError("network=local needs one kernel, but kernel=auto was given; name a kernel, as in kernel=cubic.")
        rest = {key: value for key, value in network.items() if key != "num_centers"}
        chosen, why = choose_kernel(problem, solve, network.get("num_centers"), {**rest, "solver": solver, "dtype": dtype})
        problem.notes.append(why)
        return {"_target_": f"rbfnet.kernels.{type(as_kernel(chosen)).__name__}"}


TARGET = f"rbfnet.training.{AutoKernel.__name__}"
"""How a config names it."""
