"""The model provider failed.

Rule: a class says whether another target may be tried.
"""

from __future__ import annotations

from gateway.errors.base import LockgateError, Source


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
    """The provider reported an error inside of an answer that began with 200, or in other words.

    The one class whose status is the instance's: the true status that the report stands for. So
    is its code where the provider speaks another dialect than the client: the class of failures
    (docs/failures.md).
    """

    code = "upstream_error"

    def __init__(
        self, detail: str, *, status: int, code: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.status = status  # type: ignore[misc]  # shadows the class's 502 on purpose
        if code:
            self.code = code  # type: ignore[misc]


class CredentialRejectedError(UpstreamError):
    """The provider refused the stored credential."""

    code = "credential_rejected"


class QuotaExhaustedError(UpstreamError):
    """The provider's account has no quota or credit left."""

    code = "quota_exhausted"
    status = 429
