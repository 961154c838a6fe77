from __future__ import annotations

import numpy as np
import pytest

from scripts import through_time, twins


def test_the_cavity_of_the_twin_is_of_second_order() -> None:
    coarse, middle, fine = (twins.cavity(cells, 100.0, 0.2)[:, :: cells // 16, :: cells // 16] for cells in (16, 32, 64))
    assert 3 < np.linalg.norm(middle - coarse) / np.linalg.norm(fine - middle) < 6


@pytest.mark.slow
def test_a_cavity_from_rest_runs_to_its_end() -> None:
    error, _, _ = through_time.cavity(250)
    assert error < 1e-2


@pytest.mark.slow
def test_spots_that_react_and_diffuse_run_to_their_end() -> None:
    error, _, _ = through_time.gray_scott(200)
    assert error < 0.4
