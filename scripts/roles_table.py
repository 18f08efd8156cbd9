# ruff: noqa: INP001 - run by hand, no part of a package
"""Prints the table of docs/roles.md: every operation of the control plane and who may call it.

Rule: it is read from the table of operations and the one of roles; a test compares the two.
"""

from __future__ import annotations

import sys

from gateway.control.access import ALLOWED
from gateway.control.call import Policy
from gateway.control.routes import OPERATIONS
from gateway.roles import Role

_ORDER = (Role.VIEWER, Role.AUDITOR, Role.EDITOR, Role.ADMIN)


def main() -> None:
    """Write it to stdout."""
    lines = [
        f"| operation | what it does | {' | '.join(_ORDER)} | with scopes |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in OPERATIONS:
        confined = row.scoped or row.policy in (Policy.PUBLIC, Policy.SELF)
        marks = [row.policy in ALLOWED[role] for role in _ORDER]
        cells = " | ".join("yes" if mark else "no" for mark in (*marks, confined))
        lines.append(f"| `{row.method} {row.path}` | {row.summary} | {cells} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
