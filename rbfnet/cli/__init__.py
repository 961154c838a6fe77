"""The command line. Nothing here imports PyTorch before there is work for it."""

import sys

from rbfnet.cli.own_modules import never_first

# While `python -m rbfnet.cli.train` looks for that module, the program has no other name yet.
if sys.argv[:1] == ["-m"]:
    never_first()
