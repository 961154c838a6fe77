"""Loss balancing: adaptive weights of equations or points."""

from rbfnet.solvers.balance._balance import Balance, Terms, as_balance
from rbfnet.solvers.balance._gradient_norm import GradientNorm
from rbfnet.solvers.balance._residual_attention import ResidualAttention

__all__ = [
    "Balance",
    "GradientNorm",
    "ResidualAttention",
    "Terms",
    "as_balance",
]
