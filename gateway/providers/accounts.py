"""What is exchanged for a token, and where: key files of Google, applications of Entra ID.

Sources: developers.google.com/identity/protocols/oauth2/service-account;
learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and, for the clouds of
governments, .../authentication-national-cloud; RFC 7523. Read in November 2026.

Rule: where a credential is sent for a token stands in these tables, whatever a key file says; only
the operator's own origins are let in beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from gateway.errors import InvalidValueError

GOOGLE_TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
# The scope that every API of Google Cloud takes; what the account may do its roles say.
GOOGLE_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ENTRA_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
_ENTRA_PATH: Final = "/{tenant}/oauth2/v2.0/token"
_ENTRA_PUBLIC: Final = ("https://login.microsoftonline.com", ENTRA_SCOPE)
# By the end of the resource's host: who logs in, and for what.
_ENTRA_CLOUDS: Final = (
    (
        ".azure.us",
        ("https://login.microsoftonline.us", "https://cognitiveservices.azure.us/.default"),
    ),
    (
        ".azure.cn",
        ("https://login.partner.microsoftonline.cn", "https://cognitiveservices.azure.cn/.default"),
    ),
)
_KEY_FILE_TYPE: Final = "service_account"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A key file of Google Cloud. `token_url` is what the file says; see `GOOGLE_TOKEN_URL`."""

    email: str
    key_id: str
    private_key: str = field(repr=False)
    token_url: str = GOOGLE_TOKEN_URL


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token is asked for, and what for."""

    url: str
    scope: str


def parse_service_account(
    text: str, *, field: str = "secret_value.service_account"
) -> ServiceAccount:
    """Parse a key file of Google Cloud.

    Raises:
        InvalidValueError: it is none; the message holds nothing of it.
    """
    try:
        file = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidValueError("must be the JSON key file as a whole", field=field) from None
    if not isinstance(file, dict) or file.get("type") != _KEY_FILE_TYPE:
        raise InvalidValueError(f"must be a key file of the type {_KEY_FILE_TYPE}", field=field)
    for name in ("client_email", "private_key"):
        if not isinstance(file.get(name), str) or not file[name]:
            raise InvalidValueError(f"is a key file without {name}", field=field)
    if "-----BEGIN" not in file["private_key"]:
        raise InvalidValueError("has a private_key that is no PEM", field=field)
    return ServiceAccount(
        email=file["client_email"],
        key_id=str(file.get("private_key_id") or ""),
        private_key=file["private_key"],
        token_url=str(file.get("token_uri") or GOOGLE_TOKEN_URL),
    )


def find_entra_place(auth_config: Mapping[str, Any]) -> TokenPlace:
    """Return where an application of Entra ID gets its token for a resource of Azure OpenAI."""
    host = urlsplit(str(auth_config.get("api_base") or "")).hostname or ""
    login, scope = next(
        (found for end, found in _ENTRA_CLOUDS if host.endswith(end)), _ENTRA_PUBLIC
    )
    path = _ENTRA_PATH.replace("{tenant}", str(auth_config.get("tenant_id") or ""))
    return TokenPlace(login + path, scope)
