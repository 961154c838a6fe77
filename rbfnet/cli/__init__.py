"""The command line. Nothing here imports PyTorch until it is needed."""

import sys

from rbfnet.cli.own_modules import never_first

# While `python -m rbfnet.cli.train` locates the module, sys.argv[0] is "-m".
if sys.argv[:1] == ["-m"]:
    never_first()
