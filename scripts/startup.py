"""Start-up time of rbfnet relative to ``import torch``.

    python scripts/startup.py [--repeats 5]

Each line is a process of its own in an empty directory. The processes run in turn, and the smallest time over the repeats is
printed: CPU time (user and system), and wall time, which also depends on other load. The first round may compile modules and is
not counted.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = "from rbfnet.cli.main import main; main()"
LINES = {
    "import torch": ["import torch"],
    "import lightning.pytorch": ["import lightning.pytorch"],
    "import rbfnet": ["import rbfnet"],
    "rbfnet --help": [COMMAND, "--help"],
    "rbfnet list": [COMMAND, "list"],
    "rbfnet train --help": [COMMAND, "train", "--help"],
    "rbfnet train kernel.epsilon=2": [COMMAND, "train", "kernel.epsilon=2"],
    "rbfnet train figures=false": [COMMAND, "train", "figures=false"],
}
"""The commands to time."""

WRONG = "rbfnet train kernel.epsilon=2"
"""The command with a wrong key: epsilon belongs to the network."""


def seconds(name: str) -> tuple[float, float]:
    """CPU and wall seconds of one process."""
    program = LINES[name]
    # As it is installed: with modules that are compiled once.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent.parent), environment.get("PYTHONPATH", "")])
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run([sys.executable, "-c", *program], cwd=directory, env=environment, capture_output=True, text=True)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    if done.returncode != (2 if name == WRONG else 0):
        sys.exit(f"{name!r} ended with {done.returncode}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5, help="number of runs of each (5)")
    repeats = max(1, parser.parse_args().repeats)
    rounds = [{name: seconds(name) for name in LINES} for _ in range(1 + repeats)][1:]
    least = {name: [min(once[name][which] for once in rounds) for which in (0, 1)] for name in LINES}
    torch_cpu, torch_wall = least["import torch"]
    print(f"{'':30}  CPU s  / import torch  wall s  / import torch")
    for name, (cpu, wall) in least.items():
        print(f"{name:30} {cpu:6.2f} {cpu / torch_cpu:15.2f} {wall:7.2f} {wall / torch_wall:15.2f}")


if __name__ == "__main__":
    main()
