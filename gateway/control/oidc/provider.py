"""The identity provider over HTTP: what it says of itself, its keys, a code for a token.

Source: OpenID Connect Discovery 1.0 (errata set 2), RFC 6749 section 4.1.3.

Rule: https, but for loopback and the operator's private origins; no redirect is followed, and every
answer is bounded in time and size. What cannot be read is one error without a URL in it.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

import aiohttp
import orjson

from gateway.control.oidc.signature import verify_signature
from gateway.errors import IdentityProviderError, UnauthenticatedError
from gateway.ports import Clock
from gateway.secret import Secret
from gateway.settings import OriginPattern, Settings

_TIMEOUT_S: Final = 10.0  # of one call; a person waits
_MAX_BYTES: Final = 256 << 10  # of one answer; a key set of dozens is a tenth of that
_KEPT_S: Final = 3_600.0  # what the provider says of itself, and its keys
_AGAIN_S: Final = 30.0  # least time between reads of keys that an unknown one can cause
_OK: Final = 200
_DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass(slots=True)
class _Kept:
    value: Any = None
    read_at_s: float = 0.0


@dataclass(slots=True)
class ProviderCache:
    """What was read of the provider last."""

    metadata: _Kept = field(default_factory=_Kept)
    keys: _Kept = field(default_factory=_Kept)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a provider says of itself, as far as it matters here."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    basic: bool  # whether the client's secret goes into the header, as is the default


class Provider:
    """The provider of the settings, which must name one."""

    def __init__(self, settings: Settings, clock: Clock, cache: ProviderCache) -> None:
        self._settings = settings
        self._clock = clock
        self._cache = cache

    async def get_metadata(self) -> Metadata:
        """Return what the provider says of itself; kept for an hour.

        Raises:
            IdentityProviderError: it cannot be reached, or says what cannot be.
        """
        kept, now_s = self._cache.metadata, self._clock.monotonic_s()
        if kept.value is None or now_s - kept.read_at_s > _KEPT_S:
            issuer = (self._settings.oidc_issuer or "").rstrip("/")
            found = await self._fetch("GET", issuer + _DISCOVERY)
            kept.value, kept.read_at_s = self._build_metadata(issuer, found), now_s
        metadata: Metadata = kept.value
        return metadata

    def _build_metadata(self, issuer: str, found: Mapping[str, Any]) -> Metadata:
        named = found.get("issuer")
        if not isinstance(named, str) or named.rstrip("/") != issuer:
            raise IdentityProviderError("the identity provider names another issuer than expected")
        endpoints = {}
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            url = found.get(name)
            if not isinstance(url, str):
                raise IdentityProviderError(f"the identity provider does not name its {name}")
            check_url(url, self._settings.allowed_private_origins)
            endpoints[name] = url
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(issuer=named, basic="client_secret_basic" in methods, **endpoints)

    async def redeem(self, code: str, verifier: str, redirect_uri: str) -> str:
        """Return the ID token that the provider gives for a code.

        Raises:
            IdentityProviderError: it gives none.
        """
        metadata = await self.get_metadata()
        client_id = self._settings.oidc_client_id or ""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        secret = await _find_client_secret(self._settings)
        if secret is None:
            form["client_id"] = client_id
        elif metadata.basic:
            headers["Authorization"] = aiohttp.encode_basic_auth(
                quote_plus(client_id), quote_plus(secret.reveal())
            )
        else:
            form |= {"client_id": client_id, "client_secret": secret.reveal().decode()}
        answer = await self._fetch("POST", metadata.token_endpoint, form, headers)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise IdentityProviderError("the identity provider gave no ID token")
        return token

    async def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that the provider has signed; its keys may have changed.

        Raises:
            UnauthenticatedError: it has not.
            IdentityProviderError: its keys cannot be read.
        """
        for max_age_s in (_KEPT_S, _AGAIN_S):
            claims = verify_signature(token, await self._get_keys(max_age_s))
            if claims is not None:
                return claims
        raise UnauthenticatedError("the identity provider's token is signed by an unknown key")

    async def _get_keys(self, max_age_s: float) -> list[Mapping[str, Any]]:
        kept, now_s = self._cache.keys, self._clock.monotonic_s()
        if kept.value is None or now_s - kept.read_at_s >= max_age_s:
            metadata = await self.get_metadata()
            found = (await self._fetch("GET", metadata.jwks_uri)).get("keys")
            if not isinstance(found, list):
                raise IdentityProviderError("the identity provider's keys cannot be read")
            keys = [key for key in found if isinstance(key, dict)]
            kept.value, kept.read_at_s = keys, now_s
        known: list[Mapping[str, Any]] = kept.value
        return known

    async def _fetch(
        self,
        method: str,
        url: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        check_url(url, self._settings.allowed_private_origins)
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S)) as http,
                http.request(
                    method,
                    url,
                    data=form,
                    headers={"Accept": "application/json", **(headers or {})},
                    allow_redirects=False,
                ) as answer,
            ):
                raw = await _read(answer)
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise IdentityProviderError("the identity provider cannot be reached") from None
        if answer.status != _OK:
            raise IdentityProviderError(f"the identity provider answered with {answer.status}")
        return _parse(raw)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    raw = b""
    async for chunk in answer.content.iter_any():
        raw += chunk
        if len(raw) > _MAX_BYTES:
            raise IdentityProviderError("the identity provider's answer is too long")
    return raw


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise IdentityProviderError("the identity provider's answer is no JSON object")
    return value


async def _find_client_secret(settings: Settings) -> Secret | None:
    if settings.oidc_client_secret_file is not None:
        return await asyncio.to_thread(_read_first_line, settings.oidc_client_secret_file)
    return settings.oidc_client_secret


def _read_first_line(path: Path) -> Secret:
    try:
        with path.open("rb") as file:
            return Secret(file.readline(_MAX_BYTES).strip())
    except OSError as error:
        raise IdentityProviderError(
            f"the file of LOCKGATE_OIDC_CLIENT_SECRET_FILE cannot be read: {error.strerror}"
        ) from None


def check_url(url: str, allowed: tuple[OriginPattern, ...]) -> None:
    """Check that a URL of the provider is https, or of loopback, or of an allowed private origin.

    Raises:
        IdentityProviderError: it is not.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if host is None or "@" in parts.netloc or parts.scheme not in ("http", "https"):
        raise IdentityProviderError("the identity provider has an address that is no https URL")
    if parts.scheme == "https" or _is_loopback(host):
        return
    if not any(_fits(pattern, parts.scheme, host, port or 80) for pattern in allowed):
        raise IdentityProviderError(
            "the identity provider is asked without TLS, which LOCKGATE_ALLOWED_PRIVATE_ORIGINS "
            "does not allow"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fits(pattern: OriginPattern, scheme: str, host: str, port: int) -> bool:
    is_host = pattern.host == host
    if pattern.host.startswith("*."):
        is_host = host.endswith(pattern.host[1:])
    return is_host and (pattern.scheme, pattern.port) == (scheme, port)
