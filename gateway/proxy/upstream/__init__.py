"""Calls of model providers: the HTTP/1.1 client of the data path, made for it.

`client` holds the one class that others use; beneath it are the request as bytes (`call`),
one connection (`connection`), the answer on it (`answer`), the connections kept open (`pool`),
how one is opened (`connect`, `addresses`, `tunnel`), when a wait is over (`waits`).

Rule: redirects are never followed, no cookie is kept, no proxy is used unless HTTPS_PROXY says
so, and no connection is opened to an address that the operator does not allow. Nothing foreign
is raised from here: every failure is one of our errors, without URL and headers.
"""

from gateway.proxy.upstream.answer import UpstreamAnswer
from gateway.proxy.upstream.call import Origin, Request, dump_headers, dump_request, dump_start
from gateway.proxy.upstream.client import Upstreams

__all__ = [
    "Origin",
    "Request",
    "UpstreamAnswer",
    "Upstreams",
    "dump_headers",
    "dump_request",
    "dump_start",
]
