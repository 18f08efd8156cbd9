"""Opened model configurations: what the data plane calls an upstream with.

Rule: decrypted values live here in memory only, opened once per secret when first
needed, and no longer than their row: a new epoch keeps what it has unchanged and
nothing else. No repr, str, json, pickle, copy or traceback of these
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


@dataclass(frozen=True, slots=True)
class _Opened:
    """A value with the row that it came from: it is good for no other."""

    sealed: SealedSecret
    value: Secret


@final
class ModelConfigCache:
    """The opened configurations of the newest epoch that was asked for.

    A request that still holds an older snapshot is served without being kept.
    """

    __slots__ = (
        "_configs",
        "_epoch",
        "_failed",
        "_followers",
        "_opener",
        "_sealed",
        "_values",
    )

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._followers: list[Callable[[Mapping[SecretId, SealedSecret]], None]] = []
        self._epoch = -1
        self._sealed: Mapping[SecretId, SealedSecret] = {}
        self._configs: dict[MappingId, GatewayModelConfig] = {}
        self._values: dict[_ValueKey, _Opened] = {}
        self._failed: dict[_ValueKey, Quarantined] = {}

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
            return _build_config(sealed, mapping, self._open_for_older(sealed, origin))
        self.advance(epoch)
        config = self._configs.get(mapping.mapping_id)
        if config is None:
            config = _build_config(sealed, mapping, self._open(sealed, origin))
            self._configs[mapping.mapping_id] = config
        return config

    def open_previous(
        self, sealed: SealedSecret, mapping: GatewayEndpointModelMapping, origin: str
    ) -> GatewayModelConfig | None:
        """Return one target with the value before the current one; None where none is kept.

        Raises:
            VaultIntegrityError: the former record does not open.
        """
        if sealed.previous is None:
            return None
        former = sealed.previous.sealed
        key = (former.secret_id, former.secret_version, origin)
        opened = self._values.get(key)
        if opened is None or not _is_same(former, opened.sealed):
            opened = _Opened(
                former, self._opener.open(secret_context(former, origin), former.record)
            )
            if _keeps(self._sealed.get(former.secret_id), former):
                self._values[key] = opened
        return _build_config(former, mapping, opened.value)

    def advance(self, epoch: int, sealed: Mapping[SecretId, SealedSecret] | None = None) -> None:
        """Drop what the snapshot of `epoch` does not have; call it when one is swapped in.

        Values stay whose row is in `sealed` unchanged, without it none. Targets and failures go
        in any case: the first cost nothing to make again, the second may have been mended.
        """
        if epoch <= self._epoch:
            return
        self._epoch = epoch
        self._configs = {}
        self._failed = {}
        self._drop_values(sealed)
        for forget in self._followers:
            forget(self._sealed)

    @property
    def epoch(self) -> int:
        """The epoch whose values are here."""
        return self._epoch

    def follow(self, forget: Callable[[Mapping[SecretId, SealedSecret]], None]) -> None:
        """Call `forget` with the rows of each new epoch: for what was made of opened values."""
        self._followers.append(forget)

    def _drop_values(self, sealed: Mapping[SecretId, SealedSecret] | None) -> None:
        if sealed is not None and sealed is self._sealed:
            return  # a change of other things
        self._sealed = known = sealed or {}
        dropped = [
            key
            for key, opened in self._values.items()
            if not _keeps(known.get(opened.sealed.secret_id), opened.sealed)
        ]
        for key in dropped:
            del self._values[key]

    def quarantined(self) -> tuple[Quarantined, ...]:
        """List the credentials that did not open in this epoch, for the operator."""
        return tuple({found.secret_id: found for found in self._failed.values()}.values())

    def _open(self, sealed: SealedSecret, origin: str) -> Secret:
        key = (sealed.secret_id, sealed.secret_version, origin)
        if key in self._failed:
            raise VaultIntegrityError(self._failed[key].reason)
        opened = self._values.get(key)
        if opened is None or not _is_same(sealed, opened.sealed):
            opened = _Opened(sealed, self._try_open(key, sealed, origin))
            self._values[key] = opened
        return opened.value

    def _open_for_older(self, sealed: SealedSecret, origin: str) -> Secret:
        opened = self._values.get((sealed.secret_id, sealed.secret_version, origin))
        if opened is not None and _is_same(sealed, opened.sealed):
            return opened.value
        return self._opener.open(secret_context(sealed, origin), sealed.record)

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


def _is_same(found: SealedSecret | None, opened: SealedSecret) -> bool:
    return found is opened or found == opened


def _keeps(found: SealedSecret | None, opened: SealedSecret) -> bool:
    """Tell whether a row of now still has a value: as the current one, or as the one before."""
    if found is None or _is_same(found, opened):
        return found is not None
    return found.previous is not None and _is_same(found.previous.sealed, opened)


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
