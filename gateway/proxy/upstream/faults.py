"""What goes wrong with a provider's answer, in the words that a client reads.

Rule: no sentence here holds a URL, an address, a header or what the operating system said.
"""

from __future__ import annotations

from gateway.errors import UpstreamMalformedError, UpstreamResetError, UpstreamTruncatedError


def reset() -> UpstreamResetError:
    """Return the error of a connection that ended before the answer's headers."""
    return UpstreamResetError("the provider closed the connection before it answered")


def truncated() -> UpstreamTruncatedError:
    """Return the error of a body that ended before its end."""
    return UpstreamTruncatedError("the provider's answer ended before it was complete")


def malformed() -> UpstreamMalformedError:
    """Return the error of bytes that are no HTTP/1.1, or more of it than is reasonable."""
    return UpstreamMalformedError("the provider's answer is no valid HTTP")


def miscoded() -> UpstreamMalformedError:
    """Return the error of a body that is not coded as its header says."""
    return UpstreamMalformedError("the provider's answer is wrongly compressed")


def too_large() -> UpstreamMalformedError:
    """Return the error of a body over the caller's limit."""
    return UpstreamMalformedError("the provider's answer is too large")
