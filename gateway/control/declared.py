"""A gateway whose configuration comes from a file: what the file's document is applied to.

Rule: the same checks and the same transaction as a document that comes over REST; only what the
file has no section for can be changed by others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from gateway.control.body import parse_body
from gateway.control.call import Caller
from gateway.control.parts import ControlParts
from gateway.control.schema.configuration import ConfigurationRequest
from gateway.control.service.change import Change, run_change
from gateway.control.service.configuration.apply import apply_document
from gateway.control.service.configuration.read import read_document
from gateway.secret import Secret


class DeclaredConfiguration:
    """The configuration of a gateway, as a file may read and write it."""

    def __init__(self, parts: ControlParts) -> None:
        self._parts = replace(parts, source=None)  # the file itself may write what is its own

    async def read(self) -> Mapping[str, Any]:
        """Return the configuration as a document."""
        document: dict[str, Any] = (await read_document(self._parts))["document"]
        return document

    async def apply(self, document: Mapping[str, Any], name: str) -> int | None:
        """Make the configuration what a document says, and delete what it does not have.

        Args:
            document: as for REST, with each credential as a `Secret`.
            name: the file's, for the audit log.

        Returns:
            The new epoch, or None where nothing changed.

        Raises:
            InvalidValueError, ConflictError: `field` is the path in the document.
            StoreUnavailableError, StorageFullError: nothing was written.
        """
        body = {"document": document, "prune": True, "overwrite": True}
        request = parse_body(orjson.dumps(body, default=_reveal), ConfigurationRequest)
        assert isinstance(request, ConfigurationRequest)  # noqa: S101  the model that was asked for

        async def work(change: Change) -> bool:
            return bool((await apply_document(change, request))["applied"])

        caller = Caller(
            actor=f"file {name}", source_address="local", request_id=os.urandom(16).hex()
        )
        outcome = await run_change(self._parts, caller, work)
        return outcome.epoch if outcome.result else None


def _reveal(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal().decode()
    raise TypeError(f"{type(value).__name__} is no JSON")
