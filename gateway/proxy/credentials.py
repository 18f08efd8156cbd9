"""Turns a target into everything that its calls need: base URL, credential headers, needles.

Rule: the only file of the data plane that reveals a `Secret`; what it makes of
one lives for one epoch and shows itself in no repr.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import NoReturn, final

import orjson

from gateway.entities import MappingId, SecretId
from gateway.errors import InvalidValueError, UpstreamOriginError, VaultIntegrityError
from gateway.providers import (
    Provider,
    allowed_origin,
    base_url,
    credential_headers,
    get_provider,
    is_origin_allowed,
    parse_origin,
)
from gateway.proxy.scrub import build_needles
from gateway.routing.snapshot import Snapshot, Target
from gateway.settings import OriginPattern
from gateway.vault.configs import GatewayModelConfig, ModelConfigCache

logger = logging.getLogger("lockgate.proxy")


@final
@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """One target, ready to be called."""

    provider: Provider
    base: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    needles: tuple[bytes, ...] = field(repr=False)
    is_origin_allowed: bool

    def holds_credential(self, text: str) -> bool:
        """Tell whether a header value has the credential in it."""
        raw = text.encode(errors="surrogateescape")
        return any(needle in raw for needle in self.needles)

    def check_origin(self) -> None:
        """Refuse an upstream that the operator does not allow.

        Raises:
            UpstreamOriginError: neither https and public nor on the operator's list.
        """
        if not self.is_origin_allowed:
            raise UpstreamOriginError(
                "the provider's address is neither public https nor among the allowed origins"
            )

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Wiring holds a credential: it cannot be pickled or copied")


class Wirings:
    """The wirings of the newest epoch; a request of an older one is served without keeping."""

    def __init__(self, configs: ModelConfigCache, allowed: tuple[OriginPattern, ...]) -> None:
        self._configs = configs
        self._allowed = allowed
        self._epoch = -1
        self._ready: dict[MappingId, Wiring] = {}
        self._reported: set[SecretId] = set()
        configs.follow(self._advance)  # a change is acknowledged when old credentials are gone

    def find(self, snapshot: Snapshot, target: Target) -> Wiring | None:
        """Return the wiring, or None if the target's credential does not open."""
        if snapshot.epoch == self._epoch:
            ready = self._ready.get(target.mapping_id)
            if ready is not None:
                return ready
        return self._build(snapshot, target)

    def _build(self, snapshot: Snapshot, target: Target) -> Wiring | None:
        if snapshot.epoch > self._epoch:
            self._advance(snapshot.epoch)
        sealed = snapshot.sealed[target.secret_id]
        try:
            origin = allowed_origin(sealed.provider, sealed.auth_config)
            config = self._configs.get(snapshot.epoch, sealed, target.mapping, origin)
            wiring = build_wiring(config, self._allowed)
        except VaultIntegrityError as error:
            self._report(target, sealed.secret_name, error.reason)
            return None
        except InvalidValueError as error:
            self._report(target, sealed.secret_name, error.detail)
            return None
        if snapshot.epoch == self._epoch:
            self._ready[target.mapping_id] = wiring
        return wiring

    def _advance(self, epoch: int) -> None:
        self._epoch = epoch
        self._ready = {}
        self._reported = set()

    def _report(self, target: Target, secret_name: str, reason: str) -> None:
        if target.secret_id in self._reported:
            return
        self._reported.add(target.secret_id)
        logger.error("the secret %r is out of service: %s", secret_name, reason)


def build_wiring(config: GatewayModelConfig, allowed: tuple[OriginPattern, ...]) -> Wiring:
    """Make an opened configuration ready to be called.

    Raises:
        InvalidValueError: unknown provider, no base URL, no API key.
        VaultIntegrityError: the opened value is no JSON object of strings.
    """
    provider = get_provider(config.provider)
    base = base_url(config.provider, config.auth_config)
    if base is None:
        raise InvalidValueError("is required", field="auth_config.api_base")
    fields = _parse_fields(config.secret_value.reveal())
    return Wiring(
        provider=provider,
        base=base,
        headers=credential_headers(provider, fields, config.auth_config),
        needles=build_needles(fields.values()),
        is_origin_allowed=is_origin_allowed(parse_origin(base), allowed),
    )


def _parse_fields(value: bytes) -> dict[str, str]:
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise VaultIntegrityError("the opened value is not JSON") from None
    if not isinstance(fields, dict) or not all(isinstance(item, str) for item in fields.values()):
        raise VaultIntegrityError("the opened value is no object of strings")
    return fields
