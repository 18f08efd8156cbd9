"""What a server of OpenAI Responses says with a bad status.

Rule: whatever the body is, something is said: a page of a proxy in between is no JSON.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from gateway.dialects.openai import find_failure
from gateway.dialects.spec import StreamFailure, load_object


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> StreamFailure:  # noqa: ARG001
    """Return the failure that a body with a bad status reports; the status is the answer's."""
    value = load_object(body)
    failure = None if value is None else find_failure(value, body)
    if failure is None:
        message = value.get("message") or value.get("detail") if value else None
        text = message if isinstance(message, str) else body.decode(errors="replace").strip()
        return StreamFailure(status, "error", text, body)
    return dataclasses.replace(failure, status=status)
