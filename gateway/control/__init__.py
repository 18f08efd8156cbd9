"""The control plane: configuration, audit and ledger over REST.

Rule: one table of operations; every write is one transaction; nothing in here can open a
sealed credential.
"""

from gateway.control.application import build_control_app
from gateway.control.auth import may_read_metrics
from gateway.control.declared import DeclaredConfiguration
from gateway.control.parts import BASE_PATH, ControlParts
from gateway.control.problem import render_problem

__all__ = [
    "BASE_PATH",
    "ControlParts",
    "DeclaredConfiguration",
    "build_control_app",
    "may_read_metrics",
    "render_problem",
]
