"""What of a change must not be written down: values that are, or look like, credentials.

Entities hold no credential, but people put one where it does not belong: into a tag, a base URL, a
setting. The audit log is read by more people and kept for longer than the configuration.

Rule: pure; what is struck out is struck out whole. Masked values and names of things stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.secret import MASK

_ALREADY_MASKED: Final = "masked_values"
# Names of fields that hold a credential wherever they come up; `secret_id` and `key_id` do not.
_FIELD: Final = re.compile(
    r"(?:^|[^a-z0-9])(?:api_?key|access_?key|private_?key|account_?key|token|secret|password|"
    r"passwd|passphrase|credentials?|authorization)$"
)
# Forms that providers, forges and we ourselves give to keys, as their documentation shows them.
_VALUE: Final = re.compile(
    r"(?:sk|pk|rk|lg|lgadm|xai|gsk|hf|r8|pplx|ghp|gho|glpat|nvapi)[-_](?=[\w-]*[0-9])[\w-]{16,}"
    r"|AIza[\w-]{30,}"  # Google
    r"|A[KS]IA[0-9A-Z]{16}"  # AWS
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # JWT, RFC 7519
    r"|(?i:bearer|basic)\s+[\w.~+/=-]{8,}"  # RFC 7235
    r"|(?<=://)[^/@\s]+(?=@)"  # userinfo of a URL, RFC 3986
)


def redact(value: Any) -> Any:
    """Return a JSON value without credentials."""
    if isinstance(value, str):
        return _VALUE.sub(MASK, value)
    if isinstance(value, Mapping):
        return {_VALUE.sub(MASK, name): _redact_field(name, found) for name, found in value.items()}
    if isinstance(value, list | tuple):
        return [redact(found) for found in value]
    return value


def _redact_field(name: str, value: Any) -> Any:
    if name == _ALREADY_MASKED:
        return value
    if isinstance(value, str) and _FIELD.search(name.lower().replace("-", "_")):
        return MASK
    return redact(value)
