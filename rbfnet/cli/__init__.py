"""The command line. Nothing here imports PyTorch before there is work for it."""
