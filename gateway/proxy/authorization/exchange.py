"""Trades a credential for a token at a token service (RFC 6749, section 5).

Rule: it goes over our own connections, to an address that a table names or the operator allows;
nothing of what the service answers is repeated but its error's code.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import orjson

from gateway.errors import (
    CredentialRejectedError,
    UpstreamConnectError,
    UpstreamError,
    UpstreamMalformedError,
    UpstreamOriginError,
    UpstreamRedirectError,
)
from gateway.providers import PUBLIC_PORTS, is_origin_allowed, parse_origin
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.upstream import Upstreams, dump_headers, dump_request, dump_start
from gateway.settings import OriginPattern

_LIMIT_S: Final = 10.0  # they answer in some hundred milliseconds
_MAX_ANSWER_BYTES: Final = 64 << 10  # a token has some thousand
_CODE: Final = re.compile(r"[a-z][a-z_]{0,39}")  # RFC 6749, section 5.2
_LASTS_S: Final = 300.0  # where the service does not say: shorter than any real token's life
_MAX_LASTS_S: Final = 86_400.0
_FIRST_OK, _FIRST_REDIRECT, _FIRST_REFUSAL, _FIRST_FAULT = 200, 300, 400, 500
_BUSY: Final = frozenset({408, 425, 429})
_HEADERS: Final = (
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Accept", "application/json"),
    ("Accept-Encoding", "identity"),
)


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """Asks token services. `allowed` and `ports` are the operator's, as for any provider."""

    upstreams: Upstreams
    allowed: tuple[OriginPattern, ...]
    ports: Container[int] = PUBLIC_PORTS

    async def ask(self, url: str, form: Mapping[str, str]) -> tuple[str, float]:
        """Return a token and for how many seconds it is good.

        Raises:
            CredentialRejectedError: the service refuses the credential.
            UpstreamError: it does not give one, or is not where a credential may go.
        """
        origin = parse_origin(url)
        if not is_origin_allowed(origin, self.allowed, self.ports):
            raise UpstreamOriginError(
                "the token service's address is neither public https nor among the allowed origins"
            )
        place, start = dump_start("POST", url)
        body = urlencode(form).encode()
        head = (start, dump_headers(_HEADERS))
        request = dump_request(place, f"{origin} token", "POST", head, (body,))
        limits = Limits(_LIMIT_S, _LIMIT_S, _LIMIT_S, now_s() + _LIMIT_S)
        # Once an hour: no kept connection would still be open.
        answer = await self.upstreams.send(request, limits, fresh=True)
        try:
            text = await answer.read(_MAX_ANSWER_BYTES)
        finally:
            answer.close()
        if not _FIRST_OK <= answer.status < _FIRST_REDIRECT:
            raise _refuse(answer.status, text)
        return _parse(text)


def _parse(text: bytes) -> tuple[str, float]:
    fields = _load(text)
    token, lasts = fields.get("access_token"), fields.get("expires_in", _LASTS_S)
    if not isinstance(token, str) or not token:
        raise UpstreamMalformedError("the token service gave no token")
    try:
        lasts_s = float(lasts)  # type: ignore[arg-type]  # Entra's older API says it as a string
    except (TypeError, ValueError):
        lasts_s = _LASTS_S
    return token, min(max(lasts_s, 0.0), _MAX_LASTS_S)


def _refuse(status: int, text: bytes) -> UpstreamError:
    """Return what an answer without a token means; of its body only the error's code is told."""
    code = _load(text).get("error")
    told = f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
    if _FIRST_REDIRECT <= status < _FIRST_REFUSAL:
        return UpstreamRedirectError("the token service answered with a redirect")
    if status in _BUSY or status >= _FIRST_FAULT:
        return UpstreamConnectError(f"the token service cannot answer now: {status}{told}")
    return CredentialRejectedError(f"the token service refused the stored credential{told}")


def _load(text: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
