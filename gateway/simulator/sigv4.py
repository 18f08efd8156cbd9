"""AWS Signature Version 4, seen from the server: is this request signed with this key pair?

Source: AWS General Reference, "Create a signed AWS API request", 2026-11. For every service but
S3 the path that is signed is the path of the request line, percent-encoded once more.

Rule: own code, so that a mistake in the gateway's signer is not repeated here; the time is not
checked, since a test's clock may stand still.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
SERVICE = "bedrock"

_AUTHORIZATION = re.compile(
    ALGORITHM + r" Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request,"
    r"\s*SignedHeaders=([a-z0-9;-]+),\s*Signature=([0-9a-f]{64})"
)
_MUST_SIGN = frozenset({"host", "x-amz-date"})


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An AWS access key and its secret."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        """Show no secret."""
        return "KeyPair()"


@dataclass(frozen=True, slots=True)
class Signed:
    """The parts of a request that a signature covers; header names are in lower case."""

    method: str
    raw_path: str
    headers: Mapping[str, str]
    body: bytes


def is_signed(headers: Mapping[str, str]) -> bool:
    """Tell whether a request claims to be signed."""
    return headers.get("authorization", "").startswith(ALGORITHM)


def find_flaw(request: Signed, pair: KeyPair) -> str | None:
    """Find a signature's flaw: ``key``, ``incomplete`` or ``mismatch``; None if it is right."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if found is None:
        return "incomplete"
    access_key, day, region, service, names, signature = found.groups()
    if access_key != pair.access_key:
        return "key"
    signed = names.split(";")
    stamp = request.headers.get("x-amz-date", "")
    if not set(signed) >= _MUST_SIGN or not stamp.startswith(day) or service != SERVICE:
        return "incomplete"
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(_build_canonical(request, signed).encode()).hexdigest()
    text = f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}"
    key = f"AWS4{pair.secret_key}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return None if hmac.compare_digest(key.hex(), signature) else "mismatch"


def _build_canonical(request: Signed, signed: list[str]) -> str:
    """Build the canonical request that the signature is made of."""
    path, _, query = request.raw_path.partition("?")
    lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed]
    digest = hashlib.sha256(request.body).hexdigest()
    return "\n".join(
        [
            request.method,
            quote(path, safe="/-_.~"),
            _build_query(query),
            "".join(lines),
            ";".join(signed),
            digest,
        ]
    )


def _build_query(query: str) -> str:
    pairs = [item.partition("=")[::2] for item in query.split("&") if item]
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(unquote(text), safe="-_.~")
