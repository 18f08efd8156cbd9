"""The credentials that are fetched or signed with, one object per stored value.

Rule: targets that share a stored value share its token; what belongs to a value that is gone is
forgotten with it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any, Final

from gateway.entities import SealedSecret, SecretId
from gateway.errors import InvalidValueError
from gateway.ports import Clock
from gateway.providers import PUBLIC_PORTS, AuthKind, AuthMode, Provider
from gateway.providers.accounts import parse_service_account
from gateway.proxy.authorization.aws import AwsKeys, GivenKeys, StoredKeys
from gateway.proxy.authorization.chains import AwsChain, GoogleChain
from gateway.proxy.authorization.entra import fetch_entra_token
from gateway.proxy.authorization.exchange import TokenExchange
from gateway.proxy.authorization.google import fetch_google_token
from gateway.proxy.authorization.request import Authorization
from gateway.proxy.authorization.token import TokenAuthorization
from gateway.proxy.upstream import Upstreams
from gateway.settings import OriginPattern

_Fields = Mapping[str, str]
_Config = Mapping[str, Any]


class Authorizations:
    """Makes and keeps them.

    Args:
        upstreams: connections for token services.
        allowed, ports: where those may be, beside the public ones.
        clock: signs and dates.
    """

    def __init__(
        self,
        upstreams: Upstreams,
        allowed: tuple[OriginPattern, ...],
        clock: Clock,
        ports: Container[int] = PUBLIC_PORTS,
    ) -> None:
        self._parts = _Parts(TokenExchange(upstreams, allowed, ports), clock)
        self._kept: dict[tuple[SecretId, int, str], tuple[SealedSecret, Authorization]] = {}

    def find(
        self, provider: Provider, sealed: SealedSecret, fields: _Fields, config: _Config
    ) -> Authorization | None:
        """Return how a stored value is shown; None where it is the same line on every request.

        Raises:
            InvalidValueError: a field is missing or cannot be used.
        """
        if provider.get_mode(config).kind is AuthKind.HEADER:
            return None
        key = (sealed.secret_id, sealed.secret_version, provider.name)
        known = self._kept.get(key)
        if known is not None and known[0] is sealed:
            return known[1]
        made = self.build(provider, fields, config)
        if made is not None:
            self._kept[key] = sealed, made
        return made

    def build(self, provider: Provider, fields: _Fields, config: _Config) -> Authorization | None:
        """Return the same for a value that is stored nowhere. Raises as `find`."""
        mode = provider.get_mode(config)
        build = _BUILDERS.get(mode.kind)
        return None if build is None else build(self._parts, mode, fields, config)

    def forget(self, sealed: Mapping[SecretId, SealedSecret]) -> None:
        """Drop what belongs to values that are no longer stored."""
        self._kept = {
            key: (row, made)
            for key, (row, made) in self._kept.items()
            if _is_stored(row, sealed.get(row.secret_id))
        }


def _is_stored(row: SealedSecret, now: SealedSecret | None) -> bool:
    if now is None:
        return False
    return row is now or (now.previous is not None and row is now.previous.sealed)


class _Parts:
    __slots__ = ("clock", "exchange")

    def __init__(self, exchange: TokenExchange, clock: Clock) -> None:
        self.exchange = exchange
        self.clock = clock


def _get(fields: Mapping[str, Any], part: str, name: str) -> str:
    value = fields.get(name)
    if not value:
        raise InvalidValueError("is required", field=f"{part}.{name}")
    return str(value)


def _build_account(parts: _Parts, mode: AuthMode, fields: _Fields, _: _Config) -> Authorization:
    account = parse_service_account(_get(fields, "secret_value", "service_account"))
    fetch = partial(fetch_google_token, account, mode, parts.exchange, parts.clock)
    return TokenAuthorization(fetch)


def _build_entra(parts: _Parts, mode: AuthMode, fields: _Fields, config: _Config) -> Authorization:
    secret = _get(fields, "secret_value", "client_secret")
    return TokenAuthorization(partial(fetch_entra_token, secret, config, mode, parts.exchange))


def _build_keys(parts: _Parts, _: AuthMode, fields: _Fields, config: _Config) -> Authorization:
    keys = AwsKeys(
        _get(fields, "secret_value", "access_key_id"),
        _get(fields, "secret_value", "secret_access_key"),
        fields.get("session_token"),
    )
    return StoredKeys(keys, _get(config, "auth_config", "region"), parts.clock)


def _build_aws_chain(parts: _Parts, _: AuthMode, __: _Fields, config: _Config) -> Authorization:
    return GivenKeys(AwsChain().fetch, _get(config, "auth_config", "region"), parts.clock)


def _build_google_chain(_: _Parts, mode: AuthMode, __: _Fields, ___: _Config) -> Authorization:
    return TokenAuthorization(GoogleChain(mode).fetch)


_BUILDERS: Final[
    Mapping[AuthKind, Callable[[_Parts, AuthMode, _Fields, _Config], Authorization]]
] = {
    AuthKind.GOOGLE_ACCOUNT: _build_account,
    AuthKind.GOOGLE_CHAIN: _build_google_chain,
    AuthKind.ENTRA_CLIENT: _build_entra,
    AuthKind.AWS_KEYS: _build_keys,
    AuthKind.AWS_CHAIN: _build_aws_chain,
}
