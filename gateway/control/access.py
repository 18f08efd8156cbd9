"""Who may call what: roles against policies.

Rule: pure; what is not allowed here is refused. A role or policy without a row has no rights, and a
caller who is confined to some endpoints may call only what is marked for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.control.call import Caller, Operation, Policy
from gateway.control.scopes import is_confined
from gateway.errors import ForbiddenError
from gateway.roles import Role

_EVERYBODY: Final = frozenset({Policy.PUBLIC, Policy.SELF, Policy.READ})
ALLOWED: Final[Mapping[Role, frozenset[Policy]]] = {
    Role.VIEWER: _EVERYBODY,
    Role.AUDITOR: _EVERYBODY | {Policy.AUDIT},
    Role.EDITOR: _EVERYBODY | {Policy.EDIT},
    Role.ADMIN: _EVERYBODY | {Policy.AUDIT, Policy.EDIT, Policy.ADMIN},
}


def check_access(operation: Operation, caller: Caller) -> None:
    """Check that a known caller may call an operation.

    Raises:
        ForbiddenError: says which roles may, or that the scope is too narrow.
    """
    if operation.policy not in ALLOWED.get(caller.role, frozenset()):
        may = [role.value for role, policies in ALLOWED.items() if operation.policy in policies]
        raise ForbiddenError(f"this needs the role {_join(may)}; yours is {caller.role}")
    if operation.policy in (Policy.PUBLIC, Policy.SELF):
        return
    if not operation.scoped and is_confined(caller.scopes):
        raise ForbiddenError(
            "this reaches beyond single endpoints: it needs a token without scopes; "
            f"yours has {', '.join(caller.scopes)}"
        )


def _join(roles: Sequence[str]) -> str:
    return " or ".join(roles) or "of nobody"
