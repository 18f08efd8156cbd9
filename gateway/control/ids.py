"""Ids in paths.

Rule: what has not the form of an id is not looked up: it cannot exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.errors import NotFoundError

_DIGITS = re.compile(r"[0-9a-f]{32}")


def get_id(path: Mapping[str, str], name: str, prefix: str) -> str:
    """Return an id of the path.

    Raises:
        NotFoundError: it has not the form of one.
    """
    value = path[name]
    if not value.startswith(prefix) or not _DIGITS.fullmatch(value[len(prefix) :]):
        kind = name.removesuffix("_id").replace("_", " ")
        raise NotFoundError(f"there is no such {kind}", field=name)
    return value
