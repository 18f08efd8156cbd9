"""In which wire format a model is asked for a client of each one.

Rule: told by the functions that serve requests, for whoever explains them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.entities import Dialect
from gateway.providers import PROVIDERS, list_spoken
from gateway.proxy.operations import OPERATIONS, Operation
from gateway.proxy.translation.target import find_upstream

# What a client of a dialect asks first of all: the table begins with its main route.
_MAIN: Final[dict[Dialect, Operation]] = {
    row.dialect: row for row in reversed(OPERATIONS[0][1]) if row.suffix != "v1"
}


def list_formats(
    provider: str, model: str, auth_config: Mapping[str, Any] | None
) -> dict[Dialect, Dialect | None]:
    """Return by dialect of the client in which one a model is asked; None: it cannot be.

    The same dialect: the request passes byte for byte.
    """
    row = PROVIDERS.get(provider)
    if row is None:
        return dict.fromkeys(_MAIN)
    spoken = list_spoken(row, model, auth_config)
    formats: dict[Dialect, Dialect | None] = {}
    for dialect, operation in reversed(_MAIN.items()):
        if dialect in spoken:
            formats[dialect] = dialect
        else:
            codec = find_upstream(operation, row, model, auth_config)
            formats[dialect] = None if codec is None else codec.name
    return formats
