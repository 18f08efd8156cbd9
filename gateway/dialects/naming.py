"""Gives a provider's refusal a code where its format has a place for one that is empty.

Rule: a code that the provider gave stays as it is, and so does everything else of the body's
meaning.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.spec import dump_json, load_object

_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"


def name_refusal(vendor: str, body: bytes, code: str) -> bytes:
    """Return an error body that says `code`, so that a client need not search the message.

    OpenAI's and Anthropic's errors get `error.code` where there is none; Gemini's, whose code is
    the status, an ErrorInfo. What is no error object passes unchanged.
    """
    value = load_object(body)
    error = None if value is None else value.get("error")
    if not isinstance(error, dict):
        return body
    if vendor == "gemini":
        details = error.get("details")
        known: list[Any] = details if isinstance(details, list) else []
        if any(isinstance(row, dict) and row.get("@type") == _INFO for row in known):
            return body
        error["details"] = [*known, {"@type": _INFO, "reason": code, "domain": "lockgate"}]
    elif isinstance(error.get("code"), str):
        return body
    else:
        error["code"] = code
    return dump_json(value)
