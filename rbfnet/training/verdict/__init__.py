"""The verdict on a run, and its errors relative to a reference."""

from rbfnet.training.verdict._data_verdict import judge_data
from rbfnet.training.verdict._local_verdict import judge_local
from rbfnet.training.verdict._reference_errors import compared, errors, errors_of, fitted
from rbfnet.training.verdict._verdict import Verdict, accuracy_for, judge

__all__ = [
    "Verdict",
    "accuracy_for",
    "compared",
    "errors",
    "errors_of",
    "fitted",
    "judge",
    "judge_data",
    "judge_local",
]
