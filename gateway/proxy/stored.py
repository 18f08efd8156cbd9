"""Files and batches: what a provider keeps for an account, through an endpoint that lends that.

Source: OpenAI's API reference for files and batches (2026-11).

Rule: closed unless an administrator has opened it for an endpoint of one target (`LENDING_TAG`):
whoever may call that endpoint sees and deletes what all others with the same provider key have
stored, and a batch may name any model that the key pays for.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.entities import Dialect
from gateway.errors import NotFoundError
from gateway.proxy.operations import Metering, Operation
from gateway.routing.snapshot import EndpointRoute

LENDING_TAG: Final = "lockgate.files"
LENT: Final = "shared"

_ID: Final = r"(?P<id>[A-Za-z0-9_-]{1,128})"
_FORM: Final = "form"
_STREAMED: Final = "streamed"
# Path, the provider's, method, and what is special about it.
_FILES: Final = r"(?:v1/)?files"
_BATCHES: Final = r"(?:v1/)?batches"
_ROWS: Final[tuple[tuple[str, str, str, str], ...]] = (
    (_FILES, "/files", "GET", ""),
    (_FILES, "/files", "POST", _FORM),
    (f"{_FILES}/{_ID}", "/files/{id}", "GET", ""),
    (f"{_FILES}/{_ID}", "/files/{id}", "DELETE", ""),
    (f"{_FILES}/{_ID}/content", "/files/{id}/content", "GET", _STREAMED),
    (_BATCHES, "/batches", "GET", ""),
    (_BATCHES, "/batches", "POST", ""),
    (f"{_BATCHES}/{_ID}", "/batches/{id}", "GET", ""),
    (f"{_BATCHES}/{_ID}/cancel", "/batches/{id}/cancel", "POST", ""),
)
_PATTERNS: Final = tuple(
    (re.compile(path), suffix, method, kind) for path, suffix, method, kind in _ROWS
)


def find_stored(method: str, path: str) -> Operation | str | None:
    """Return what a request wants of stored things; the methods that there are, where not that one.

    None: the path is no such thing.
    """
    methods: list[str] = []
    for pattern, suffix, allowed, kind in _PATTERNS:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        if allowed == method:
            return Operation(
                Dialect.OPENAI_RAW,
                path,
                suffix.format(**match.groupdict()),
                Metering.FREE,
                purpose=None,
                method=method,
                is_lasting=False,
                streams=kind == _STREAMED,
                form=kind == _FORM,
            )
        methods.append(allowed)
    return ", ".join(methods) or None


def check_lending(endpoint: EndpointRoute) -> None:
    """Check that an endpoint gives access to what its provider has stored.

    Raises:
        NotFoundError: it does not, or it is not clear whose it would be.
    """
    if not endpoint.lends_files:
        raise NotFoundError(
            "files and batches are not passed through by this endpoint: an administrator opens "
            f"them with the tag {LENDING_TAG}={LENT}"
        )
    if len(endpoint.targets) != 1:
        raise NotFoundError("files and batches need an endpoint of one target: whose are they?")
