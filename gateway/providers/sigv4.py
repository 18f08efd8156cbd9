"""AWS Signature Version 4 for requests whose body is known.

Format: "AWS Signature Version 4 for API requests", IAM User Guide (November 2026). Own code,
since it runs for each request and the vendor's library builds an object of its own around one.

Rule: pure: the time is an argument; what is signed is what is sent, byte for byte.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TERMINATOR: Final = "aws4_request"
# Proxies change these on the way, or the client's HTTP library writes them behind our back.
_UNSIGNED: Final = frozenset(
    {"connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id", "authorization"}
)
_OURS: Final = frozenset({"host", "x-amz-date", "x-amz-security-token"})
# One key per credential, region and service; a process that serves more makes some anew.
_MOST_KEYS: Final = 256


class _KeyCache:
    """The keys of the day: four rounds of HMAC that are equal for every request of it."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[tuple[bytes, str, str], tuple[str, bytes]] = {}

    def find(self, secret_key: str, day: str, region: str, service: str) -> bytes:
        digest = hashlib.sha256(secret_key.encode()).digest()  # the secret itself is not kept
        place = (digest, region, service)
        known = self._keys.get(place)
        if known is not None and known[0] == day:
            return known[1]
        key = derive_key(secret_key, day, region, service)
        if len(self._keys) >= _MOST_KEYS:
            self._keys.clear()
        self._keys[place] = (day, key)
        return key


_KEYS: Final = _KeyCache()


def sign(  # noqa: PLR0913 - what is signed is that much
    method: str,
    host: str,
    raw_path: str,
    query: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    *,
    access_key: str,
    secret_key: str,
    session_token: str | None,
    region: str,
    service: str,
    now_ms: int,
) -> tuple[tuple[str, str], ...]:
    """Return the headers to add to a request so that AWS believes who sends it.

    Args:
        method: such as ``POST``.
        host: as the Host header will say it, with the port where it is not the scheme's own.
        raw_path: as it will stand in the request line, percent-encoded (``%3A`` and all).
        query: as it will stand there, without the question mark; "" for none.
        headers: those that shall be signed, beside the ones returned; each has to be sent.
        body: all of it.
        access_key: the credential's id.
        secret_key: the credential's secret.
        session_token: of temporary credentials.
        region: such as ``us-east-1``.
        service: the name that AWS signs with, such as ``bedrock``.
        now_ms: milliseconds since 1970; AWS takes five minutes either way.
    """
    moment = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = [("x-amz-date", moment)]
    if session_token:
        added.append(("x-amz-security-token", session_token))
    names, lines = _dump_headers(host, headers, added)
    payload = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(
        (method, _dump_path(raw_path), _dump_query(query), lines, "", names, payload)
    )
    day = moment[:8]
    scope = f"{day}/{region}/{service}/{_TERMINATOR}"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = _KEYS.find(secret_key, day, region, service)
    signature = hmac.digest(key, f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}".encode(), "sha256")
    value = (
        f"{_ALGORITHM} Credential={access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature.hex()}"
    )
    return (*added, ("authorization", value))


def derive_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    """Return the key that signs for a day (``20261125``), a region and a service."""
    key = f"AWS4{secret_key}".encode()
    for word in (day, region, service, _TERMINATOR):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


def _dump_headers(
    host: str, headers: Iterable[tuple[str, str]], added: Iterable[tuple[str, str]]
) -> tuple[str, str]:
    """Return the names of the signed headers and their lines, blanks within values folded."""
    found: dict[str, list[str]] = {"host": [host]}
    for name, value in headers:
        lower = name.lower()
        if lower not in _UNSIGNED and lower not in _OURS:
            found.setdefault(lower, []).append(" ".join(value.split()))
    for name, value in added:
        found[name] = [value]
    names = sorted(found)
    return ";".join(names), "\n".join(f"{name}:{','.join(found[name])}" for name in names)


def _dump_path(raw_path: str) -> str:
    """Return the path encoded once more, as all services but S3 want it: ``%3A`` is ``%253A``."""
    if "//" in raw_path or "/." in raw_path:
        raw_path = _normalize(raw_path)
    return quote(raw_path, safe="/~") or "/"


def _normalize(raw_path: str) -> str:
    """Return a path without empty, ``.`` and ``..`` segments, as the server counts it."""
    kept: list[str] = []
    for segment in raw_path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and raw_path.endswith("/") else "")


def _dump_query(query: str) -> str:
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)
