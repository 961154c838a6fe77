"""``rbfnet export``: export the model of a run as a program that runs without rbfnet."""

from __future__ import annotations

import sys

from rbfnet.cli.command import elements, loaded, new_file, one_run, read
from rbfnet.cli.printed import console

HELP = """\
rbfnet export RUN: export a program that computes values and derivatives without rbfnet, and compare it with the model

  --out, -o FILE     .pt2 for torch.export (default: RUN/model.pt2), .onnx for ONNX (needs rbfnet[onnx])
  --derivatives, --what u,u_x,...
                     the outputs of the program, written as in equations; default: the outputs of the run
  --force, -f        replace an existing file
  -q, -v             print only the path; also print how to call the program
  trust=[MODULE]     allow classes of your own, here from ./MODULE.py

Examples
  rbfnet export runs/mine
  rbfnet export runs/mine --out plate.pt2 --derivatives 'u,u_x,laplacian(u)'
"""

TAKES = {"--out": "--out plate.pt2", "--derivatives": "--derivatives 'u,u_x'", "--what": "--what 'u,u_x'"}
DIFFERS = 1
"""The exit code if the program differs from the model."""


def export(arguments: list[str]) -> int:
    """``RUN [--out FILE]``; returns 0 if the program agrees with the model.

    Raises:
        InputError: no such run, a file that already exists, or a model that cannot be exported.
    """
    given = read(arguments, TAKES, ["--force"], trust=True)
    if "--help" in given.flags:
        print(HELP, end="")
        return 0
    directory = one_run(given, "export")
    out = new_file(given.options.get("--out", str(directory / "model.pt2")), (".pt2", ".onnx"), "--force" in given.flags)
    asked = given.options.get("--derivatives", given.options.get("--what"))
    what = None if asked is None else elements(asked)
    solution = loaded(directory, given.trust)
    from rbfnet.training import export_solution

    part = out.with_name(f".part{out.suffix}")
    try:
        made = export_solution(solution, part, what)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    told = console(given.quiet)
    told.print(f"computes {', '.join(made.names)}; maximum difference from the model: {made.difference:.1e} of its largest value")
    if given.verbose and out.suffix == ".pt2":
        told.print(f'torch.export.load({str(out)!r}).module()(x)["{made.names[0]}"]   # x (B, {solution.in_features})')
    print(out)
    if not made.is_the_same:
        print("rbfnet: the exported program does not agree with the model; do not use it.", file=sys.stderr)
    return 0 if made.is_the_same else DIFFERS
