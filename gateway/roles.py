"""The roles of those who administer, and the rules that give one to people of a provider.

Rule: pure values; what each role may do is in `gateway.control.access`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# `claim:value=role`; a dot in the claim goes into an object, as in realm_access.roles.
_RULE: Final = re.compile(r"(?P<claim>[^:=\s]+):(?P<value>.+)=(?P<role>[a-z]+)")


class Role(StrEnum):
    """What whoever administers may do."""

    ADMIN = "admin"  # everything
    EDITOR = "editor"  # read and change the configuration
    VIEWER = "viewer"  # read it
    AUDITOR = "auditor"  # read it, and who changed what


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Whoever's claim is, or holds, `value` gets the role."""

    claim: str
    value: str
    role: Role


def parse_role_rules(text: str) -> tuple[RoleRule, ...]:
    """Parse `claim:value=role,...`. Raises ValueError with the reason."""
    rules = tuple(_parse_rule(part.strip()) for part in text.split(",") if part.strip())
    if not rules:
        raise ValueError("must have at least one claim:value=role")
    return rules


def _parse_rule(text: str) -> RoleRule:
    match = _RULE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} must have the form claim:value=role")
    if match["role"] not in {role.value for role in Role}:
        raise ValueError(f"{match['role']!r} is no role; roles: {', '.join(Role)}")
    return RoleRule(match["claim"], match["value"].strip(), Role(match["role"]))
