"""Solve every problem of the collection with few centres, and draw all overviews on one sheet.

python scripts/contact_sheet.py [--output contact_sheet.png] [--only poisson heat ...] [--each DIRECTORY]

To look at after a change of rbfnet.plots: no text overlaps or is cut off, no panel is empty, colours show what there is.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import rbfnet
from rbfnet.catalogue import catalogue
from rbfnet.problems import DataProblem, Problem

CENTERS = 150
COLUMNS = 3
WIDTH = 1400
"""Of one overview on the sheet, in pixels."""


def problems() -> dict[str, type[Problem]]:
    """The problems of the collection by name."""
    return {name: found for name, found in catalogue("problems", "Problem").items() if ".zoo." in found.__module__}


def drawn(name: str, problem: type[Problem]) -> np.ndarray:
    """The overview of a problem as pixels (H, W, 4)."""
    centers = None if issubclass(problem, DataProblem) else CENTERS
    solution = rbfnet.solve(
        problem(), kernel="thin_plate_spline" if centers is None else "gaussian",
        num_centers=centers or 4 * CENTERS, allow_unsolved=True,
    )  # fmt: skip
    figure = solution.plot()
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=WIDTH / figure.get_size_inches()[0])
    plt.close(figure)
    file.seek(0)
    print(f"{name:22s} {solution.verdict}", flush=True)
    return plt.imread(file)


def sheet_of(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures in columns, each below the column that is shortest so far."""
    columns: list[list[np.ndarray]] = [[] for _ in range(min(COLUMNS, len(pictures)))]
    for picture in pictures:
        min(columns, key=lambda column: sum(map(len, column))).append(picture)
    height = max(sum(map(len, column)) for column in columns)
    sheet = np.ones((height, WIDTH * len(columns), 4), dtype=np.float32)
    for n, column in enumerate(columns):
        top = 0
        for picture in column:
            across = min(WIDTH, picture.shape[1])
            sheet[top : top + len(picture), n * WIDTH : n * WIDTH + across] = picture[:, :across]
            top += len(picture)
    return sheet


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("contact_sheet.png"))
    parser.add_argument("--only", nargs="*", default=sorted(problems()), choices=sorted(problems()))
    parser.add_argument("--each", type=Path, help="also write every overview into this directory")
    given = parser.parse_args()
    started = time.perf_counter()
    pictures = {name: drawn(name, problems()[name]) for name in given.only}
    for name, picture in pictures.items() if given.each else ():
        given.each.mkdir(parents=True, exist_ok=True)
        plt.imsave(given.each / f"{name}.png", picture)
    plt.imsave(given.output, sheet_of(list(pictures.values())))
    print(f"{len(pictures)} overviews in {time.perf_counter() - started:.0f} s: {given.output}")


if __name__ == "__main__":
    main()
