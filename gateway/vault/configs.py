"""Opened model configurations: what the data plane calls an upstream with.

Rule: decrypted values live here in memory only, for one epoch, opened once per
secret when first needed. No repr, str, json, pickle, copy or traceback of these
values shows a credential.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, final

from gateway.entities import (
    EndpointId,
    GatewayEndpointModelMapping,
    LinkageType,
    MappingId,
    ModelDefinitionId,
    SealedSecret,
    SecretId,
)
from gateway.errors import VaultIntegrityError
from gateway.ports import Opener
from gateway.secret import Secret
from gateway.vault.envelope import secret_context


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayModelConfig:
    """One target with its opened credential. Internal: never part of an answer."""

    model_definition_id: ModelDefinitionId
    provider: str
    model_name: str
    secret_value: Secret  # a JSON object, as UTF-8
    auth_config: Mapping[str, Any]
    weight: float
    linkage_type: LinkageType
    fallback_order: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEndpointConfig:
    """One endpoint with its opened targets. Internal: never part of an answer."""

    endpoint_id: EndpointId
    endpoint_name: str
    models: tuple[GatewayModelConfig, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A credential that did not open, and why."""

    secret_id: SecretId
    secret_name: str
    reason: str


_ValueKey = tuple[SecretId, int, str]  # id, version of the value, origin


@final
class ModelConfigCache:
    """The opened configurations of the newest epoch that was asked for.

    A request that still holds an older snapshot is served without being kept.
    """

    __slots__ = ("_configs", "_epoch", "_failed", "_followers", "_opener", "_values")

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._followers: list[Callable[[int], None]] = []
        self._epoch = -1
        self._forget()

    def get(
        self,
        epoch: int,
        sealed: SealedSecret,
        mapping: GatewayEndpointModelMapping,
        origin: str,
    ) -> GatewayModelConfig:
        """Return the opened configuration of one target; the same object while the epoch lasts.

        Args:
            epoch: of the snapshot that `sealed` and `mapping` come from.
            sealed: the credential of the mapping's model definition.
            mapping: the target.
            origin: scheme://host:port that the credential may go to.

        Raises:
            VaultIntegrityError: the record does not open; tried once per epoch.
        """
        if epoch < self._epoch:
            value = self._opener.open(secret_context(sealed, origin), sealed.record)
            return _build_config(sealed, mapping, value)
        self.advance(epoch)
        config = self._configs.get(mapping.mapping_id)
        if config is None:
            config = _build_config(sealed, mapping, self._open(sealed, origin))
            self._configs[mapping.mapping_id] = config
        return config

    def advance(self, epoch: int) -> None:
        """Drop everything of epochs before `epoch`; call it when a snapshot is swapped in."""
        if epoch > self._epoch:
            self._epoch = epoch
            self._forget()
            for forget in self._followers:
                forget(epoch)

    def follow(self, forget: Callable[[int], None]) -> None:
        """Call `forget` with each new epoch: for what others have made of opened values."""
        self._followers.append(forget)

    def quarantined(self) -> tuple[Quarantined, ...]:
        """List the credentials that did not open in this epoch, for the operator."""
        return tuple({found.secret_id: found for found in self._failed.values()}.values())

    def _forget(self) -> None:
        self._configs: dict[MappingId, GatewayModelConfig] = {}
        self._values: dict[_ValueKey, Secret] = {}
        self._failed: dict[_ValueKey, Quarantined] = {}

    def _open(self, sealed: SealedSecret, origin: str) -> Secret:
        key = (sealed.secret_id, sealed.secret_version, origin)
        if key in self._failed:
            raise VaultIntegrityError(self._failed[key].reason)
        if key not in self._values:
            self._values[key] = self._try_open(key, sealed, origin)
        return self._values[key]

    def _try_open(self, key: _ValueKey, sealed: SealedSecret, origin: str) -> Secret:
        try:
            return self._opener.open(secret_context(sealed, origin), sealed.record)
        except VaultIntegrityError as error:
            found = Quarantined(
                secret_id=sealed.secret_id, secret_name=sealed.secret_name, reason=error.reason
            )
            self._failed[key] = found
            raise

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("opened configurations cannot be pickled or copied")


def _build_config(
    sealed: SealedSecret, mapping: GatewayEndpointModelMapping, value: Secret
) -> GatewayModelConfig:
    definition = mapping.model_definition
    return GatewayModelConfig(
        model_definition_id=definition.model_definition_id,
        provider=definition.provider,
        model_name=definition.model_name,
        secret_value=value,
        auth_config=sealed.auth_config or {},
        weight=mapping.weight,
        linkage_type=mapping.linkage_type,
        fallback_order=mapping.fallback_order,
    )
