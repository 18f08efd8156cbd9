"""The caller must change something.

Rule: 4xx (and 501, 505: what no server of this kind does); trying again unchanged does not help.
"""

from __future__ import annotations

from gateway.errors.base import LockgateError, Source


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


class NotExpressibleError(RequestError):
    """The request holds what no target of the endpoint can be asked for; `field` names it."""

    code = "not_expressible"


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
