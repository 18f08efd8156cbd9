"""Every exception that Lockgate raises on purpose, in one tree.

::

    LockgateError
    ├── StartError                    the process cannot start; one line, exit 1
    │   ├── SettingsError             a flag, LOCKGATE_* name or file entry is wrong
    │   ├── ManifestError             a configuration file is wrong; every fault with its line
    │   ├── InstallationError         data directory, key file, port, platform
    │   ├── DatabaseDamagedError      not a database, or its content contradicts itself
    │   ├── SchemaTooNewError         written by a newer Lockgate
    │   └── RootKeyError              missing, unreadable or wrong root key
    ├── RequestError                  the caller must change something
    │   ├── MalformedRequestError     400   ├── DialectMismatchError   400
    │   ├── UnauthenticatedError      401   ├── ForbiddenError         403
    │   ├── NotFoundError             404   ├── EndpointNotFoundError  404
    │   ├── MethodNotAllowedError     405
    │   ├── ConflictError             409   ├── InUseError             409
    │   │   (and AlreadyExistsError: the name or key is taken)
    │   ├── CredentialRebindError     409   ├── StaleVersionError      412
    │   ├── ConfigurationConflictError 409  ├── SecretValueRequiredError 409
    │   ├── KeyRotatedError           409   ├── RotationError          409
    │   ├── PayloadTooLargeError      413   ├── UnsupportedMediaError  415
    │   ├── RequestTimeoutError       408   ├── HostNotAllowedError    403
    │   ├── ReadOnlyError             403   ├── TooManyAttemptsError   429
    │   ├── ExpectationError          417   ├── TooManyRequestsError   429
    │   ├── MethodUnknownError        501   ├── VersionUnsupportedError 505
    │   ├── NotSupportedError         501
    │   └── InvalidValueError         422   (and MissingReferenceError: an id of nothing)
    │       ├── UnknownFieldError     422   └── IdempotencyMismatchError 422
    ├── UpstreamError                 the model provider failed
    │   ├── UpstreamConnectError, UpstreamDnsError, UpstreamTlsError,
    │   │   UpstreamConnectTimeoutError, UpstreamFirstByteTimeoutError,
    │   │   UpstreamResetError (and UpstreamStaleError: on a kept connection),
    │   │   UpstreamTruncatedError, UpstreamStalledError,
    │   │   UpstreamMalformedError, UpstreamRedirectError, UpstreamOriginError,
    │   │   UpstreamReportedError
    │   ├── CredentialRejectedError   502, the provider refused our key
    │   └── QuotaExhaustedError       429, the provider account is empty
    └── GatewayError                  our own side
        ├── DeadlineExceededError     504
        ├── OverloadedError           503
        ├── ShuttingDownError         503, cut at the end of the drain time
        ├── NoTargetError             503
        ├── ClientGoneError           499, never sent: nobody is there
        ├── HedgeLostError            503, never sent: another answer was sooner
        ├── StoreUnavailableError     503
        ├── StorageFullError          507
        ├── IdentityProviderError     503
        ├── VaultIntegrityError       503
        └── InternalError             500

Rule: a class fixes its `code`, HTTP `status`, `source` and whether the next
target may be tried; a foreign exception becomes one of these where the foreign
call is made; messages hold no credential, URL, SQL or stack.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Source(StrEnum):
    """Whose fault an error is."""

    CLIENT = "client"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class LockgateError(Exception):
    """Root of the tree.

    Args:
        detail: one sentence for the person who has to act.
        field: the input field, setting or path at fault (JSON path with dots), if one is.
        retry_after_s: seconds after which trying again makes sense, if known.
        extra: more facts for the machine-readable answer (for example the users of a row).
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    source: ClassVar[Source] = Source.GATEWAY
    next_target: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: float | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s
        self.extra = extra or {}


# --- the process cannot start -------------------------------------------------------------


class StartError(LockgateError):
    """The process cannot start or the command cannot run; the message says how to mend it."""

    code = "start_failed"


class SettingsError(StartError):
    """A setting is unknown, contradictory or has a value that cannot be."""

    code = "settings_invalid"
    source = Source.CLIENT


class ManifestError(StartError):
    """A configuration file cannot be used; nothing of it was.

    Args:
        faults: a line each, as ``FILE:LINE: PATH: MESSAGE``; at least one.
        field: path of the first one, if it has one.
    """

    code = "manifest_invalid"
    source = Source.CLIENT

    def __init__(self, faults: tuple[str, ...], *, field: str | None = None) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(faults[0] + more, field=field)
        self.faults = faults


class InstallationError(StartError):
    """The data directory, key file, port or platform is not as it must be."""

    code = "installation_invalid"


class DatabaseDamagedError(StartError):
    """The file is no database, fails its integrity check, or contradicts itself."""

    code = "database_damaged"
    status = 503  # found while running: traffic flows, what needs that page does not


class SchemaTooNewError(StartError):
    """The database was written by a newer Lockgate; nothing was changed."""

    code = "schema_too_new"


class RootKeyError(StartError):
    """The root key is missing, unreadable, or not the one that this database was sealed with."""

    code = "root_key_wrong"


# --- the caller must change something -----------------------------------------------------


class RequestError(LockgateError):
    """The request cannot be served as it is."""

    code = "bad_request"
    status = 400
    source = Source.CLIENT


class MalformedRequestError(RequestError):
    """The request cannot be parsed."""

    code = "malformed"


class DialectMismatchError(RequestError):
    """No target of the endpoint speaks the dialect of the route."""

    code = "dialect_mismatch"


class UnauthenticatedError(RequestError):
    """No valid credential."""

    code = "unauthenticated"
    status = 401


class ForbiddenError(RequestError):
    """A valid credential that may not do this."""

    code = "forbidden"
    status = 403


class NotFoundError(RequestError):
    """No such thing."""

    code = "not_found"
    status = 404


class EndpointNotFoundError(NotFoundError):
    """No endpoint of this name that the api key may call."""

    code = "endpoint_not_found"


class MethodNotAllowedError(RequestError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405


class ConflictError(RequestError):
    """The write contradicts what is stored (a name that is taken, a last PRIMARY)."""

    code = "conflict"
    status = 409


class AlreadyExistsError(ConflictError):
    """There is a row of this name or key already."""


class InUseError(ConflictError):
    """The row has users; `extra["users"]` lists up to 20 and `extra["count"]` counts them."""

    code = "in_use"


class CredentialRebindError(ConflictError):
    """The origin of a stored credential would change: it has to be typed in again."""

    code = "credential_rebind_required"


class ConfigurationConflictError(ConflictError):
    """What a document changes was changed meanwhile: `extra["conflicts"]` says by whom."""

    code = "configuration_conflict"


class SecretValueRequiredError(ConflictError):
    """A secret was deleted and comes back only with its value; `extra["secrets"]` names it."""

    code = "secret_value_required"


class KeyRotatedError(ConflictError):
    """A value was sealed under a term that is no longer active; the writer seals it again."""

    code = "key_rotated"


class RotationError(ConflictError):
    """A rotation, or the end of a key term, cannot be as things are now."""

    code = "rotation_refused"


class StaleVersionError(RequestError):
    """`If-Match` names a version that is no longer the current one."""

    code = "stale"
    status = 412


class RequestTimeoutError(RequestError):
    """The caller stopped sending in the middle of its request."""

    code = "request_timeout"
    status = 408


class PayloadTooLargeError(RequestError):
    """The body is larger than the limit in force."""

    code = "payload_too_large"
    status = 413


class UnsupportedMediaError(RequestError):
    """The content type or encoding is not accepted here."""

    code = "unsupported_media_type"
    status = 415


class TooManyRequestsError(RequestError):
    """The caller asks for this more often than it is given; `retry_after_s` says when it is."""

    code = "too_many_requests"
    status = 429


class HostNotAllowedError(RequestError):
    """The Host header is not on the control plane's allow-list."""

    code = "host_not_allowed"
    status = 403


class ReadOnlyError(RequestError):
    """The configuration comes from a file, which is where it can be changed."""

    code = "read_only"
    status = 403


class TooManyAttemptsError(RequestError):
    """Too many wrong credentials came from this address; knows when to try again."""

    code = "too_many_attempts"
    status = 429


class ExpectationError(RequestError):
    """The request expects what the gateway does not do; only `100-continue` is met."""

    code = "expectation_failed"
    status = 417


class MethodUnknownError(RequestError):
    """The request's method is none that HTTP knows; its class is 5xx, its fault the caller's."""

    code = "method_unknown"
    status = 501


class VersionUnsupportedError(RequestError):
    """The request is of a version of HTTP other than 1.1 and 1.0."""

    code = "version_unsupported"
    status = 505


class NotSupportedError(RequestError):
    """A path of another product's interface, for something that Lockgate does not have."""

    code = "not_supported"
    status = 501


class InvalidValueError(RequestError):
    """Well-formed, but a value that cannot be; `field` names it."""

    code = "invalid_value"
    status = 422


class MissingReferenceError(InvalidValueError):
    """The body names a row that does not exist; `field` is where."""


class UnknownFieldError(InvalidValueError):
    """A field or query parameter that does not exist here; `field` names it."""

    code = "unknown_field"


class IdempotencyMismatchError(InvalidValueError):
    """The `Idempotency-Key` was used before, with another body."""

    code = "idempotency_mismatch"


# --- the model provider failed ------------------------------------------------------------


class UpstreamError(LockgateError):
    """A call of a model provider failed before it gave an answer that can be passed on."""

    code = "upstream_error"
    status = 502
    source = Source.UPSTREAM
    next_target = True


class UpstreamConnectError(UpstreamError):
    """The connection was refused or the network is unreachable."""

    code = "upstream_connect"


class UpstreamDnsError(UpstreamError):
    """The host name does not resolve."""

    code = "upstream_dns"


class UpstreamTlsError(UpstreamError):
    """The TLS handshake or the certificate check failed; it is never downgraded."""

    code = "upstream_tls"


class UpstreamOriginError(UpstreamError):
    """The upstream's address is not one that the operator allows."""

    code = "upstream_origin_not_allowed"


class UpstreamConnectTimeoutError(UpstreamError):
    """No connection within the connect limit."""

    code = "upstream_connect_timeout"
    status = 504


class UpstreamFirstByteTimeoutError(UpstreamError):
    """No response headers, or no first content, within the first-byte limit."""

    code = "upstream_first_byte_timeout"
    status = 504


class UpstreamResetError(UpstreamError):
    """The connection broke before any response header."""

    code = "upstream_reset"


class UpstreamStaleError(UpstreamResetError):
    """A kept connection had been closed by the provider; no byte of an answer came on it."""


class UpstreamTruncatedError(UpstreamError):
    """The answer ended before it was complete."""

    code = "upstream_truncated"


class UpstreamStalledError(UpstreamError):
    """The answer began and then stayed silent longer than the idle limit."""

    code = "upstream_stalled"
    status = 504


class UpstreamMalformedError(UpstreamError):
    """The answer is not of the form that the provider's dialect promises."""

    code = "upstream_malformed"


class UpstreamRedirectError(UpstreamError):
    """The provider answered with a redirect; none is followed, a key would go elsewhere."""

    code = "upstream_redirect"


class UpstreamReportedError(UpstreamError):
    """The provider reported an error inside of an answer that began with 200.

    The one class whose status is the instance's: the true status that the report stands for.
    """

    code = "upstream_error"

    def __init__(self, detail: str, *, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.status = status  # type: ignore[misc]  # shadows the class's 502 on purpose


class CredentialRejectedError(UpstreamError):
    """The provider refused the stored credential."""

    code = "credential_rejected"


class QuotaExhaustedError(UpstreamError):
    """The provider's account has no quota or credit left."""

    code = "quota_exhausted"
    status = 429


# --- our own side -------------------------------------------------------------------------


class GatewayError(LockgateError):
    """Lockgate itself cannot serve this now."""

    code = "gateway_error"
    status = 503


class DeadlineExceededError(GatewayError):
    """The request's own deadline passed."""

    code = "deadline_exceeded"
    status = 504


class OverloadedError(GatewayError):
    """A limit on work in flight is reached."""

    code = "overloaded"


class ShuttingDownError(GatewayError):
    """The gateway stops, and the request was not finished within the drain time."""

    code = "shutting_down"


class NoTargetError(GatewayError):
    """Every target of the endpoint is out of service."""

    code = "no_target"


class ClientGoneError(GatewayError):
    """The client went away; the status is for the ledger only."""

    code = "client_gone"
    status = 499


class HedgeLostError(GatewayError):
    """Two targets were asked, and the other was sooner; for the ledger only."""

    code = "hedge_lost"


class StoreUnavailableError(GatewayError):
    """The database does not answer; traffic flows, writes wait."""

    code = "store_unavailable"


class IdentityProviderError(GatewayError):
    """The identity provider cannot be reached, or answers what cannot be."""

    code = "identity_provider_failed"
    status = 503


class StorageFullError(GatewayError):
    """The disk is full: the write was refused, nothing is half done."""

    code = "storage_full"
    status = 507


class VaultIntegrityError(GatewayError):
    """A sealed record does not open: changed, moved, or pointed at another origin.

    Whoever asks from outside learns this much and no more; `reason` says to the operator what
    exactly is wrong (`crypto verify`, the log).
    """

    code = "vault_integrity"
    next_target = True

    def __init__(self, reason: str, *, field: str | None = None) -> None:
        super().__init__("A stored credential cannot be opened.", field=field)
        self.reason = reason


class InternalError(GatewayError):
    """A fault of ours; the log has the stack under the same request id."""

    code = "internal"
    status = 500
