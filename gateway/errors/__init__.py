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
    │   ├── NotExpressibleError       400
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

from gateway.errors.base import (
    LockgateError,
    Source,
)
from gateway.errors.gateway import (
    ClientGoneError,
    DeadlineExceededError,
    GatewayError,
    HedgeLostError,
    IdentityProviderError,
    InternalError,
    NoTargetError,
    OverloadedError,
    ShuttingDownError,
    StorageFullError,
    StoreUnavailableError,
    VaultIntegrityError,
)
from gateway.errors.request import (
    AlreadyExistsError,
    ConfigurationConflictError,
    ConflictError,
    CredentialRebindError,
    DialectMismatchError,
    EndpointNotFoundError,
    ExpectationError,
    ForbiddenError,
    HostNotAllowedError,
    IdempotencyMismatchError,
    InUseError,
    InvalidValueError,
    KeyRotatedError,
    MalformedRequestError,
    MethodNotAllowedError,
    MethodUnknownError,
    MissingReferenceError,
    NotExpressibleError,
    NotFoundError,
    NotSupportedError,
    PayloadTooLargeError,
    ReadOnlyError,
    RequestError,
    RequestTimeoutError,
    RotationError,
    SecretValueRequiredError,
    StaleVersionError,
    TooManyAttemptsError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnknownFieldError,
    UnsupportedMediaError,
    VersionUnsupportedError,
)
from gateway.errors.start import (
    DatabaseDamagedError,
    InstallationError,
    ManifestError,
    RootKeyError,
    SchemaTooNewError,
    SettingsError,
    StartError,
)
from gateway.errors.upstream import (
    CredentialRejectedError,
    QuotaExhaustedError,
    UpstreamConnectError,
    UpstreamConnectTimeoutError,
    UpstreamDnsError,
    UpstreamError,
    UpstreamFirstByteTimeoutError,
    UpstreamMalformedError,
    UpstreamOriginError,
    UpstreamRedirectError,
    UpstreamReportedError,
    UpstreamResetError,
    UpstreamStaleError,
    UpstreamStalledError,
    UpstreamTlsError,
    UpstreamTruncatedError,
)

__all__ = [
    "AlreadyExistsError",
    "ClientGoneError",
    "ConfigurationConflictError",
    "ConflictError",
    "CredentialRebindError",
    "CredentialRejectedError",
    "DatabaseDamagedError",
    "DeadlineExceededError",
    "DialectMismatchError",
    "EndpointNotFoundError",
    "ExpectationError",
    "ForbiddenError",
    "GatewayError",
    "HedgeLostError",
    "HostNotAllowedError",
    "IdempotencyMismatchError",
    "IdentityProviderError",
    "InUseError",
    "InstallationError",
    "InternalError",
    "InvalidValueError",
    "KeyRotatedError",
    "LockgateError",
    "MalformedRequestError",
    "ManifestError",
    "MethodNotAllowedError",
    "MethodUnknownError",
    "MissingReferenceError",
    "NoTargetError",
    "NotExpressibleError",
    "NotFoundError",
    "NotSupportedError",
    "OverloadedError",
    "PayloadTooLargeError",
    "QuotaExhaustedError",
    "ReadOnlyError",
    "RequestError",
    "RequestTimeoutError",
    "RootKeyError",
    "RotationError",
    "SchemaTooNewError",
    "SecretValueRequiredError",
    "SettingsError",
    "ShuttingDownError",
    "Source",
    "StaleVersionError",
    "StartError",
    "StorageFullError",
    "StoreUnavailableError",
    "TooManyAttemptsError",
    "TooManyRequestsError",
    "UnauthenticatedError",
    "UnknownFieldError",
    "UnsupportedMediaError",
    "UpstreamConnectError",
    "UpstreamConnectTimeoutError",
    "UpstreamDnsError",
    "UpstreamError",
    "UpstreamFirstByteTimeoutError",
    "UpstreamMalformedError",
    "UpstreamOriginError",
    "UpstreamRedirectError",
    "UpstreamReportedError",
    "UpstreamResetError",
    "UpstreamStaleError",
    "UpstreamStalledError",
    "UpstreamTlsError",
    "UpstreamTruncatedError",
    "VaultIntegrityError",
    "VersionUnsupportedError",
]
