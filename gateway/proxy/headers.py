"""Which headers cross the gateway, in both directions: tables and two pure functions.

Rule: what identifies the client stays on its side, what identifies our account
stays on the provider's side, and what belongs to one connection stays on it;
everything else passes unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote_plus

from gateway.errors import MalformedRequestError

OWN_PREFIX: Final = "x-lockgate-"
KNOWN_REQUEST_HEADERS: Final = frozenset({"x-lockgate-request-id", "x-lockgate-timeout-ms"})

# RFC 9110 section 7.6.1, and the older names that are still seen.
_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Whatever a client may authenticate with. None of it means anything to a provider.
CLIENT_CREDENTIALS: Final = ("authorization", "x-api-key", "x-goog-api-key", "api-key")
# They choose which account of ours pays: only the stored credential's own settings may.
_ACCOUNT_CHOICE: Final = frozenset({"openai-organization", "openai-project", "x-goog-user-project"})
_REQUEST_DROPPED: Final = (
    _HOP_BY_HOP
    | _ACCOUNT_CHOICE
    | frozenset(CLIENT_CREDENTIALS)
    | frozenset(
        {
            "host",
            "content-length",
            "content-encoding",
            "accept-encoding",
            "expect",
            "cookie",
            "forwarded",
            "x-real-ip",
            "via",
        }
    )
)
_REQUEST_DROPPED_PREFIXES: Final = (OWN_PREFIX, "x-forwarded-", "proxy-")
_ANSWER_DROPPED: Final = _HOP_BY_HOP | frozenset(
    {
        "set-cookie",
        "set-cookie2",
        "content-length",
        "content-encoding",
        "server",
        "date",
        "alt-svc",
        "strict-transport-security",
        "public-key-pins",
        "www-authenticate",
        "location",
        "via",
        # Which account of ours answered is not the client's business.
        "openai-organization",
        "openai-project",
        "anthropic-organization-id",
    }
)
_ANSWER_DROPPED_PREFIXES: Final = (OWN_PREFIX, "proxy-", "access-control-")

HeaderList = list[tuple[str, str]]


def check_own_headers(names: Iterable[str]) -> None:
    """Refuse a request header of our family that we do not know.

    Raises:
        MalformedRequestError: `field` names the header.
    """
    for name in names:
        lower = name.lower()
        if lower.startswith(OWN_PREFIX) and lower not in KNOWN_REQUEST_HEADERS:
            known = ", ".join(sorted(KNOWN_REQUEST_HEADERS))
            raise MalformedRequestError(
                f"the request header {lower} is unknown; known: {known}", field=lower
            )


def build_request_headers(
    client: Iterable[tuple[str, str]], ours: tuple[tuple[str, str], ...], connection: str = ""
) -> HeaderList:
    """Return the headers of the upstream call: the client's that may pass, then `ours`.

    Args:
        client: the client's headers in their order.
        ours: credential and account headers, names in lower case; they replace the client's.
        connection: the client's `Connection` header; what it names is dropped as well.
    """
    replaced = {name for name, _ in ours} | parse_connection(connection)
    headers = [
        (name, value)
        for name, value in client
        if (lower := name.lower()) not in _REQUEST_DROPPED
        and lower not in replaced
        and not lower.startswith(_REQUEST_DROPPED_PREFIXES)
        and _is_sendable(value)
    ]
    headers.append(("Accept-Encoding", "identity"))
    headers.extend(ours)
    return headers


def build_answer_headers(
    upstream: Iterable[tuple[str, str]],
    holds_credential: Callable[[str], bool],
    connection: str = "",
) -> HeaderList:
    """Return the provider's headers that the client gets.

    A header whose value holds the credential is dropped, whatever its name.
    """
    named = parse_connection(connection)
    return [
        (name, value)
        for name, value in upstream
        if (lower := name.lower()) not in _ANSWER_DROPPED
        and lower not in named
        and not lower.startswith(_ANSWER_DROPPED_PREFIXES)
        and not holds_credential(value)
        and _is_sendable(value)
    ]


def add_defaults(headers: HeaderList, defaults: tuple[tuple[str, str], ...]) -> None:
    """Append the default headers that are not there yet."""
    present = {name.lower() for name, _ in headers}
    headers.extend(pair for pair in defaults if pair[0] not in present)


def parse_connection(value: str) -> frozenset[str]:
    """Return the header names that a `Connection` header lists, in lower case."""
    if not value or value.lower() in ("keep-alive", "close"):
        return frozenset()
    return frozenset(part.strip().lower() for part in value.split(","))


def strip_query_key(raw_query: str) -> str:
    """Return a raw query string without its `key` parameters; all else stays as it was sent."""
    if "key" not in raw_query.lower() and "%" not in raw_query:
        return raw_query
    return "&".join(part for part in raw_query.split("&") if not _names_key(part))


def build_own_headers(
    request_id: str,
    *,
    endpoint: str = "",
    model: str = "",
    provider: str = "",
    attempts: int = 0,
    overhead_s: float = 0.0,
) -> HeaderList:
    """Return the headers that every data-plane answer carries; what is not known is empty."""
    return [
        (OWN_PREFIX + "request-id", request_id),
        (OWN_PREFIX + "endpoint", endpoint),
        (OWN_PREFIX + "model", model),
        (OWN_PREFIX + "provider", provider),
        (OWN_PREFIX + "attempts", str(attempts)),
        (OWN_PREFIX + "overhead-ms", f"{overhead_s * 1000:.3f}"),
        ("Server", "lockgate"),
    ]


def _names_key(part: str) -> bool:
    return unquote_plus(part.partition("=")[0]) == "key"


def _is_sendable(value: str) -> bool:
    # Bytes that are no UTF-8 arrive as lone surrogates; they cannot be written out again.
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
