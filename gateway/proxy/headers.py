"""Which headers cross the gateway, in both directions: tables and two pure functions.

Rule: what identifies the client stays on its side, what identifies our account
stays on the provider's side, and what belongs to one connection stays on it;
everything else passes unchanged.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_plus

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

# Longer than any key we give out; hashing what a stranger sends has to be cheap.
_MAX_CREDENTIAL: Final = 1024
_BEARER: Final = "bearer "
_BASIC: Final = "basic "
_KEPT_NAMES: Final = 4096  # spellings of header names; providers send some hundred
_KEPT_PLANS: Final = 1024  # a few per provider

HeaderList = list[tuple[str, str]]


def find_unknown(names: Iterable[str]) -> str | None:
    """Return a request header of our family that we do not know; names are in lower case."""
    for name in names:
        if name.startswith(OWN_PREFIX) and name not in KNOWN_REQUEST_HEADERS:
            return name
    return None


@dataclass(frozen=True, slots=True, eq=False)
class HeaderPlan:
    """What a target adds to the client's headers: equal plans are one object, to be a quick key.

    Attributes:
        replaced: names, in lower case, of headers of ours that take the place of the client's.
        defaults: headers that are added where the client sent none.
        prefixes: what names of headers begin with, in lower case, that are none of the target's.
    """

    replaced: frozenset[str]
    defaults: tuple[tuple[str, str], ...]
    prefixes: tuple[str, ...] = ()


@lru_cache(_KEPT_PLANS)
def get_plan(
    replaced: frozenset[str],
    defaults: tuple[tuple[str, str], ...],
    prefixes: tuple[str, ...] = (),
) -> HeaderPlan:
    """Return the one plan of these names, defaults and prefixes."""
    return HeaderPlan(replaced, defaults, prefixes)


def build_request_headers(client: Iterable[tuple[str, str]], plan: HeaderPlan) -> HeaderList:
    """Return the client's headers that go upstream, and the defaults that it left out.

    What the client's `Connection` header names is dropped as well (RFC 9110 section 7.6.1).
    """
    dropped, prefixes = plan.replaced, _REQUEST_DROPPED_PREFIXES + plan.prefixes
    for name, value in client:
        if name.lower() == "connection":
            dropped |= parse_connection(value)
    headers = [
        (name, value)
        for name, value in client
        # Readers of the CGI family take `X_Api_Key` for `X-Api-Key`.
        if (lower := name.lower().replace("_", "-")) not in _REQUEST_DROPPED
        and lower not in dropped
        and not lower.startswith(prefixes)
        and _is_sendable(value)
    ]
    present = {name.lower() for name, _ in headers}
    headers.extend(pair for pair in plan.defaults if pair[0].lower() not in present)
    return headers


def build_answer_lines(head: bytes, needles: tuple[bytes, ...]) -> bytes:
    """Return the provider's header lines that the client gets, each with its line end.

    Args:
        head: status line and headers as they came.
        needles: spellings of the credential; a line that holds one is dropped, whatever its name.
    """
    lines: list[bytes] = []
    is_named = False
    for line in head.split(b"\r\n")[1:]:
        passes = _PASSES[line[: line.find(b":")]]
        if passes:
            lines.append(line)
        elif passes is None:
            is_named = True
    if is_named:
        lines = _drop_named(head, lines)
    if not lines:
        return b""
    block = b"\r\n".join(lines) + b"\r\n"
    for needle in needles:
        if needle in block:
            kept = [line for line in lines if not any(found in line for found in needles)]
            return b"".join(line + b"\r\n" for line in kept)
    return block


class _Passing(dict[bytes, bool | None]):
    """Whether a header of an answer passes, by its name as it is spelled.

    None: it does not, and names others that do not either.
    """

    def __missing__(self, name: bytes) -> bool | None:
        lower = name.decode("ascii", "replace").strip().lower()
        passes: bool | None = lower not in _ANSWER_DROPPED and not lower.startswith(
            _ANSWER_DROPPED_PREFIXES
        )
        if lower == "connection":
            passes = None
        if len(self) < _KEPT_NAMES:
            self[name] = passes
        return passes


_PASSES: Final = _Passing()


def _drop_named(head: bytes, lines: list[bytes]) -> list[bytes]:
    """Drop the lines that a `Connection` header names."""
    named: frozenset[str] = frozenset()
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        if name.strip().lower() == "connection":
            named |= parse_connection(value.strip())
    if not named:
        return lines
    return [line for line in lines if _name_of(line) not in named]


def _name_of(line: bytes) -> str:
    return line.partition(b":")[0].decode("ascii", "replace").strip().lower()


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


def build_target_lines(endpoint: str, model: str, provider: str) -> bytes:
    """Return the lines that say which endpoint, model definition and provider answered."""
    return (
        f"{OWN_PREFIX}endpoint: {_clean(endpoint)}\r\n{OWN_PREFIX}model: {_clean(model)}\r\n"
        f"{OWN_PREFIX}provider: {_clean(provider)}\r\n"
    ).encode()


def build_own_lines(request_id: str, target: bytes, attempts: int, overhead_s: float) -> bytes:
    """Return the lines that every data-plane answer carries.

    Args:
        request_id: of the request.
        target: of `build_target_lines`.
        attempts: calls of providers so far.
        overhead_s: time spent in the gateway, in seconds.
    """
    return b"%bServer: lockgate\r\nx-lockgate-request-id: %b\r\nx-lockgate-attempts: %d\r\n%b" % (
        target,
        request_id.encode(),
        attempts,
        b"x-lockgate-overhead-ms: %.3f\r\n" % (overhead_s * 1000),
    )


def find_credential(headers: Sequence[tuple[str, str]], query: str) -> str | None:
    """Return the client's first credential, in a fixed order.

    The order is `Authorization` (Bearer, or the password of Basic, which MLflow's judges send),
    `x-api-key`, `x-goog-api-key`, `api-key`, `?key=`. Only the first one present counts: a wrong
    one is not made good by a right one after it.
    """
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name.lower(), value)
    for name in CLIENT_CREDENTIALS:
        value = first.get(name, "")
        if name == "authorization":
            value = _parse_authorization(value)
        if value:
            return value.strip()[:_MAX_CREDENTIAL]
    for part in query.split("&") if "key=" in query else ():
        if _names_key(part):
            return unquote_plus(part.partition("=")[2])[:_MAX_CREDENTIAL] or None
    return None


def drop_copies(headers: Sequence[tuple[str, str]], credential: str) -> tuple[tuple[str, str], ...]:
    """Return the headers without those that hold the client's credential under another name."""
    forms = (credential, *_list_packed(headers))
    return tuple(
        (name, value)
        for name, value in headers
        if name.lower() in CLIENT_CREDENTIALS or not any(form in value for form in forms)
    )


def _list_packed(headers: Sequence[tuple[str, str]]) -> list[str]:
    """List what stands behind Basic: the credential in another spelling."""
    return [
        value[len(_BASIC) :].strip()
        for name, value in headers
        if name.lower() == "authorization"
        and value[: len(_BASIC)].lower() == _BASIC
        and _parse_password(value[len(_BASIC) :])
    ]


def _parse_authorization(value: str) -> str:
    if value[: len(_BEARER)].lower() == _BEARER:  # what nearly every client sends
        return value[len(_BEARER) :]
    if value[: len(_BASIC)].lower() == _BASIC:
        return _parse_password(value[len(_BASIC) :])
    return ""


def _parse_password(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:  # not Base64, or not UTF-8 inside
        return ""


def _clean(name: str) -> str:
    # Names come from the configuration; what cannot stand in a header is shown, not sent.
    return name if name.isprintable() else ascii(name)


def _names_key(part: str) -> bool:
    return unquote_plus(part.partition("=")[0]) == "key"


def _is_sendable(value: str) -> bool:
    # Bytes that are no UTF-8 arrive as lone surrogates; they cannot be written out again.
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
