"""TLS towards providers: verified, HTTP/1.1 only, and resumed where the provider lets us.

A resumed handshake saves the provider's certificate and its verification: about a millisecond
of CPU, and with TLS 1.2 a round trip. asyncio has no way to hand a session to a new
connection, but asks its context for the TLS object: there it is put in.

Rule: a session is offered only to the host name that it was made with, after that name was
verified; what is not resumed is verified in full.
"""

from __future__ import annotations

import ssl
import sys
from functools import cache
from typing import Any, Final

ALPN: Final = ["http/1.1"]  # nothing else is spoken here
_STRICT_SINCE: Final = (3, 13)
_MOST_HOSTS: Final = 256  # providers are few; beyond it nothing is kept


class ResumingContext(ssl.SSLContext):
    """A client's context that remembers one session per host."""

    sessions: dict[str, ssl.SSLSession]

    def wrap_bio(self, *args: Any, **more: Any) -> ssl.SSLObject:
        """Make the TLS object of a connection, with the session of its host if there is one."""
        host = more.get("server_hostname")
        session = self.sessions.get(host) if isinstance(host, str) else None
        if session is not None and more.get("session") is None:
            more["session"] = session
        return super().wrap_bio(*args, **more)

    def remember(self, secured: ssl.SSLObject | None) -> None:
        """Keep the session of a connection that has served a request.

        With TLS 1.3 it comes after the handshake, with the first bytes of an answer.
        """
        if secured is None or secured.server_hostname is None or secured.session is None:
            return
        if secured.server_hostname in self.sessions or len(self.sessions) < _MOST_HOSTS:
            self.sessions[secured.server_hostname] = secured.session


def build_context() -> ResumingContext:
    """Return a context that verifies by the system's certificates, as Python's default does."""
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the certificate and its names
    context.sessions = {}
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if sys.version_info >= _STRICT_SINCE:  # as `ssl.create_default_context` has it from then on
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(ALPN)
    return context


@cache
def get_context() -> ResumingContext:
    """Return the process's context: loading the certificates takes 20 ms and 2 MiB."""
    return build_context()
