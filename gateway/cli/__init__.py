"""The command line: one file per command group.

Rule: a command parses what it is given, calls one of the layers below or the
control plane's REST, and prints; it decides nothing about the data itself.
"""

from gateway.cli.root import main

__all__ = ["main"]
