"""Turns a target into everything that its calls need, down to the bytes of their headers.

Rule: the only file of the data plane that reveals a `Secret`; what it makes of
one lives for one epoch and shows itself in no repr.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, final

import orjson

from gateway.dialects import dump_json
from gateway.entities import Dialect, MappingId, SealedSecret, SecretId
from gateway.errors import (
    InvalidValueError,
    UpstreamConnectError,
    UpstreamOriginError,
    VaultIntegrityError,
)
from gateway.providers import (
    PUBLIC_PORTS,
    Provider,
    allowed_origin,
    base_url,
    credential_headers,
    get_provider,
    is_origin_allowed,
    list_spoken,
    parse_origin,
    relay_path,
    trial_url,
    upstream_url,
)
from gateway.proxy.authorization import Authorization, Authorizations
from gateway.proxy.deadline import now_s
from gateway.proxy.headers import HeaderPlan, build_target_lines, get_plan
from gateway.proxy.operations import Operation
from gateway.proxy.scrub import build_needles
from gateway.proxy.upstream import Origin, Request, dump_headers, dump_request, dump_start
from gateway.routing.health import TargetHealth
from gateway.routing.health_table import HealthTable, build_health_key
from gateway.routing.snapshot import Snapshot, Target
from gateway.secret import Secret
from gateway.settings import OriginPattern
from gateway.vault.configs import GatewayModelConfig, ModelConfigCache

logger = logging.getLogger("lockgate.proxy")

_KEPT_WIRINGS: Final = 50_000  # about 2 KB each, and made anew in 50 µs
# Clients choose the query: more or longer ones than these are put together each time.
_KEPT_STARTS: Final = 64
_KEPT_QUERY: Final = 128  # characters; SDKs send `beta=true` and `alt=sse`
_IDENTITY: Final = ("Accept-Encoding", "identity")  # what passes unread must not be packed
# What a signature or a token may stand in, for whichever provider: a client's would contradict it.
_SHOWN: Final = frozenset({"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"})
_DEFAULTS: Final = (("Content-Type", "application/json"),)


@final
@dataclass(slots=True, eq=False)
class Wiring:
    """One target, ready to be called.

    Attributes:
        sealed: the row that the credential came from.
        endpoint: whose target it is.
        base: URL that vendor paths are joined to.
        headers: our own header lines: credential, account, coding; each with its line end.
        plan: what they do to the client's headers.
        stored_needles: spellings of what is stored, to be struck out of answers; see `needles`.
        lane: whose connections its requests use: one origin, one credential.
        model: the upstream's model name as a JSON string.
        answer_lines: the header lines of an answer that say who gave it.
        health: whether it may be asked now, and how it has answered.
        starts: request lines with Host and `headers`, by operation, query and stream.
        authorization: shows the credential, where that is not a line of `headers`.
        previous, grace_until: the same with the former value of a rotated credential, and the
            millisecond from which on it is not used.
    """

    target: Target
    sealed: SealedSecret = field(repr=False)
    endpoint: str
    provider: Provider
    dialects: frozenset[Dialect]
    base: str = field(repr=False)
    headers: bytes = field(repr=False)
    plan: HeaderPlan = field(repr=False)
    stored_needles: tuple[bytes, ...] = field(repr=False)
    is_origin_allowed: bool
    lane: str
    model: bytes
    answer_lines: bytes
    health: TargetHealth
    starts: dict[tuple[object, ...], tuple[Origin, bytes]] = field(repr=False, default_factory=dict)
    previous: Wiring | None = field(repr=False, default=None)
    grace_until: int = 0
    authorization: Authorization | None = field(repr=False, default=None)

    @property
    def needles(self) -> tuple[bytes, ...]:
        """Spellings of the credential, and of the token made of it, to be struck out of answers."""
        if self.authorization is None:
            return self.stored_needles
        return self.stored_needles + self.authorization.needles

    def take_turn(self, most: int) -> bool:
        """Tell whether it may be called now: fewer than `most` calls, and no block or a probe."""
        health = self.health
        return health.in_flight < most and (health.is_clear or health.claim(now_s()))

    def find_previous(self, now_ms: int) -> Wiring | None:
        """Return the same target with the former credential, while its grace lasts.

        Whether that may be asked is its own health's to say.
        """
        return self.previous if now_ms < self.grace_until else None

    def check_origin(self) -> None:
        """Refuse an upstream that the operator does not allow.

        Raises:
            UpstreamOriginError: neither https and public nor on the operator's list.
        """
        if not self.is_origin_allowed:
            raise _refuse_origin()

    def get_start(
        self, operation: Operation, query: str, *, stream: bool = False
    ) -> tuple[Origin, bytes]:
        """Return where a call goes, and its request line with Host and our own headers.

        `stream`: whether the body asks for a stream; some providers have another path for it.

        Raises:
            UpstreamConnectError: the URL cannot be called.
        """
        start = self.starts.get((operation, query, stream))
        if start is None:
            url = self._build_url(operation, query, stream=stream)
            origin, line = dump_start(operation.method, url)
            start = (origin, line + self.headers)
            room = len(self.starts) < _KEPT_STARTS and len(query) <= _KEPT_QUERY
            if room and operation.is_lasting:
                self.starts[operation, query, stream] = start
        return start

    def _build_url(self, operation: Operation, query: str, *, stream: bool) -> str:
        path = relay_path(
            self.provider,
            operation.dialect,
            operation.suffix,
            self.target.upstream_model,
            operation.action,
            stream=stream,
            auth_config=self.sealed.auth_config,
        )
        url = upstream_url(self.provider, self.base, operation.dialect, path)
        if not query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{query}"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Wiring holds a credential: it cannot be pickled or copied")


class Wirings:
    """The wirings that are ready. One is good for the very target and row that it was made from.

    What a change of the configuration did not touch are the same objects in the next snapshot:
    their wirings stay. Those of rows that are gone or changed go when a snapshot is swapped in.
    """

    def __init__(
        self,
        configs: ModelConfigCache,
        allowed: tuple[OriginPattern, ...],
        healths: HealthTable,
        ports: Container[int] = PUBLIC_PORTS,
        authorizations: Authorizations | None = None,
    ) -> None:
        self._configs = configs
        self._authorizations = authorizations
        self._healths = healths
        self._allowed = allowed
        self._ports = ports
        self._ready: dict[MappingId, Wiring] = {}
        self._reported: set[SecretId] = set()
        configs.follow(self._drop)  # a change is acknowledged when old credentials are gone

    def find(self, snapshot: Snapshot, endpoint: str, target: Target) -> Wiring | None:
        """Return the wiring of an endpoint's target; None if its credential does not open."""
        ready = self._ready.get(target.mapping_id)
        if (
            ready is not None
            and ready.target is target
            and ready.sealed is snapshot.sealed.get(target.secret_id)
            and ready.endpoint == endpoint
        ):
            return ready
        return self._build(snapshot, endpoint, target)

    def _build(self, snapshot: Snapshot, endpoint: str, target: Target) -> Wiring | None:
        sealed = snapshot.sealed[target.secret_id]
        try:
            origin = allowed_origin(sealed.provider, sealed.auth_config)
            config = self._configs.get(snapshot.epoch, sealed, target.mapping, origin)
            health = self._healths.get(build_health_key(target, sealed))
            wiring = build_wiring(
                config, self._allowed, endpoint, target, sealed, health, self._ports
            )
            self._authorize(wiring, config)
            self._add_previous(wiring, endpoint, origin)
        except VaultIntegrityError as error:
            self._report(target, sealed.secret_name, error.reason)
            return None
        except InvalidValueError as error:
            self._report(target, sealed.secret_name, error.detail)
            return None
        if snapshot.epoch == self._configs.epoch:  # an older snapshot's may be gone already
            self._ready[target.mapping_id] = wiring
        return wiring

    def _add_previous(self, wiring: Wiring, endpoint: str, origin: str) -> None:
        """Make the former value ready too. One that does not open is none."""
        target, sealed = wiring.target, wiring.sealed
        graced = sealed.previous
        if graced is None:
            return
        try:
            config = self._configs.open_previous(sealed, target.mapping, origin)
            if config is None:
                return
            health = self._healths.get(build_health_key(target, graced.sealed))
            previous = build_wiring(
                config, self._allowed, endpoint, target, graced.sealed, health, self._ports
            )
            self._authorize(previous, config)
            wiring.previous = previous
            wiring.grace_until = graced.grace_until
        except VaultIntegrityError as error:
            self._report_former(sealed, error.reason)
        except InvalidValueError as error:
            self._report_former(sealed, error.detail)

    def _authorize(self, wiring: Wiring, config: GatewayModelConfig) -> None:
        """Add what shows a credential that is fetched or signed with. Raises InvalidValueError."""
        if self._authorizations is not None:
            wiring.authorization = self._authorizations.find(
                wiring.provider,
                wiring.sealed,
                _parse_fields(config.secret_value.reveal()),
                config.auth_config,
            )

    @staticmethod
    def _report_former(sealed: SealedSecret, reason: str) -> None:
        logger.error(
            "the former value of the secret %r cannot be used: %s", sealed.secret_name, reason
        )

    def _drop(self, sealed: Mapping[SecretId, SealedSecret]) -> None:
        self._reported = set()
        if self._authorizations is not None:
            self._authorizations.forget(sealed)
        if len(self._ready) > _KEPT_WIRINGS:  # those of mappings that are gone are not told apart
            self._ready = {}
        self._ready = {
            mapping_id: wiring
            for mapping_id, wiring in self._ready.items()
            if sealed.get(wiring.target.secret_id) is wiring.sealed
        }

    def _report(self, target: Target, secret_name: str, reason: str) -> None:
        if target.secret_id in self._reported:
            return
        self._reported.add(target.secret_id)
        logger.error("the secret %r is out of service: %s", secret_name, reason)


def build_wiring(
    config: GatewayModelConfig,
    allowed: tuple[OriginPattern, ...],
    endpoint: str,
    target: Target,
    sealed: SealedSecret,
    health: TargetHealth,
    ports: Container[int] = PUBLIC_PORTS,
) -> Wiring:
    """Make an opened configuration ready to be called.

    Raises:
        InvalidValueError: unknown provider, no base URL, no API key, or it cannot be sent.
        VaultIntegrityError: the opened value is no JSON object of strings.
    """
    provider = get_provider(config.provider)
    base = base_url(config.provider, config.auth_config)
    if base is None:
        raise InvalidValueError("is required", field="auth_config.api_base")
    fields = _parse_fields(config.secret_value.reveal())
    ours = credential_headers(provider, fields, config.auth_config)
    origin = parse_origin(base)
    return Wiring(
        target=target,
        sealed=sealed,
        endpoint=endpoint,
        provider=provider,
        dialects=list_spoken(provider, target.upstream_model, config.auth_config),
        base=base,
        headers=_dump_ours(ours),
        plan=get_plan(
            _SHOWN | frozenset(name for name, _ in ours), _DEFAULTS + provider.default_headers
        ),
        stored_needles=build_needles(_list_sent(provider, fields)),
        is_origin_allowed=is_origin_allowed(origin, allowed, ports),
        lane=f"{origin} {target.secret_id}",
        model=dump_json(config.model_name),
        answer_lines=build_target_lines(endpoint, target.model_definition_name, target.provider),
        health=health,
    )


def build_trial(
    provider: Provider,
    value: Secret,
    auth_config: Mapping[str, Any] | None,
    allowed: tuple[OriginPattern, ...],
    ports: Container[int],
    authorizations: Authorizations,
) -> tuple[Request, Authorization | None]:
    """Build the request that tells whether a credential works, and what it needs to show that.

    Raises:
        InvalidValueError: no base URL, a field is missing, or it cannot be sent.
        UpstreamOriginError: the address is not one that the operator allows.
        VaultIntegrityError: the value is no JSON object of strings.
    """
    base = base_url(provider.name, auth_config)
    if base is None:
        raise InvalidValueError("is required", field="auth_config.api_base")
    origin = parse_origin(base)
    if not is_origin_allowed(origin, allowed, ports):
        raise _refuse_origin()
    fields = _parse_fields(value.reveal())
    ours = credential_headers(provider, fields, auth_config)
    place, start = dump_start("GET", trial_url(provider, base, auth_config))
    lines = _dump_ours((*ours, *provider.default_headers, ("Accept", "application/json")))
    request = dump_request(place, f"{origin} trial", "GET", (start, lines), ())
    return request, authorizations.build(provider, fields, auth_config or {})


def _list_sent(provider: Provider, fields: Mapping[str, str]) -> list[str]:
    """Return what of a credential could come back: a key file is never sent anywhere."""
    files = {field.name for field in provider.secret_fields if field.multiline}
    return [value for name, value in fields.items() if name not in files]


def _refuse_origin() -> UpstreamOriginError:
    return UpstreamOriginError(
        "the provider's address is neither public https nor among the allowed origins"
    )


def _dump_ours(headers: tuple[tuple[str, str], ...]) -> bytes:
    try:
        return dump_headers((*headers, _IDENTITY))
    except UpstreamConnectError:
        raise InvalidValueError("cannot stand in a header", field="secret_value") from None


def _parse_fields(value: bytes) -> dict[str, str]:
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise VaultIntegrityError("the opened value is not JSON") from None
    if not isinstance(fields, dict) or not all(isinstance(item, str) for item in fields.values()):
        raise VaultIntegrityError("the opened value is no object of strings")
    return fields
