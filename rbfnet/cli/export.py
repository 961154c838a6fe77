"""``rbfnet export``: a run as a program that needs no rbfnet."""

from __future__ import annotations

import sys

from rbfnet.cli.command import elements, loaded, new_file, one_run, read
from rbfnet.cli.printed import console

HELP = """\
rbfnet export RUN: a program that gives values, and derivatives, without rbfnet; it is compared with the model

  --out, -o FILE     .pt2 for torch.export (RUN/model.pt2 where it is not given), .onnx for ONNX (needs rbfnet[onnx])
  --derivatives, --what u,u_x,...
                     what it gives, by the grammar of equations; the outputs where it is not given
  --force, -f        replace the file where it is there
  -q, -v             the path alone; how to call it too
  trust=[MODULE]     allow classes of your own, here from ./MODULE.py

Examples
  rbfnet export runs/mine
  rbfnet export runs/mine --out plate.pt2 --derivatives 'u,u_x,laplacian(u)'
"""

TAKES = {"--out": "--out plate.pt2", "--derivatives": "--derivatives 'u,u_x'", "--what": "--what 'u,u_x'"}
DIFFERS = 1
"""The exit code where the program is another function than the model."""


def export(arguments: list[str]) -> int:
    """``RUN [--out FILE]``; 0 where the program is the same function as the model.

    Raises:
        InputError: no such run, a file that is there, or something that cannot be exported.
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
    told.print(f"gives {', '.join(made.names)}; differs from the model by {made.difference:.1e} of its largest value at most")
    if given.verbose and out.suffix == ".pt2":
        told.print(f'torch.export.load({str(out)!r}).module()(x)["{made.names[0]}"]   # x (B, {solution.in_features})')
    print(out)
    if not made.is_the_same:
        print("rbfnet: the program is not the same function as the model; do not use it.", file=sys.stderr)
    return 0 if made.is_the_same else DIFFERS
