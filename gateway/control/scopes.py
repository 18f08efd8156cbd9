"""Scopes: globs over the names of the endpoints that a caller may see and change.

Rule: pure; what is not surely within a scope is outside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Final

from gateway.entities import ALL_ENDPOINTS

_GLOB_CHARACTERS: Final = re.compile(r"[*?\[]")


def is_confined(scopes: Sequence[str]) -> bool:
    """Tell whether scopes leave any endpoint out."""
    return ALL_ENDPOINTS[0] not in scopes


def is_within(name: str, scopes: Sequence[str]) -> bool:
    """Tell whether an endpoint's name matches one of the scopes, case-sensitively."""
    return any(_compile(scope).match(name) for scope in scopes)


def is_glob_within(glob: str, scopes: Sequence[str]) -> bool:
    """Tell whether whatever a glob matches is surely within the scopes.

    Sure is: a name that matches; a glob that is one of the scopes; a glob that begins with all
    that stands before the `*` which ends a scope. Any other may reach further, and is not within.
    """
    if not _GLOB_CHARACTERS.search(glob):
        return is_within(glob, scopes)
    head = _GLOB_CHARACTERS.split(glob, maxsplit=1)[0]
    return any(_covers(scope, glob, head) for scope in scopes)


def _covers(scope: str, glob: str, head: str) -> bool:
    if scope == glob:
        return True
    beginning = scope[:-1]
    if not scope.endswith("*") or _GLOB_CHARACTERS.search(beginning):
        return False
    return head.startswith(beginning)


@lru_cache(maxsize=1_024)  # tokens are few, and their scopes too
def _compile(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))
