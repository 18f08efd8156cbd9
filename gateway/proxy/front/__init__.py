"""The server's side of the data plane: clients' connections, requests in, answers out.

`listener` makes the connections and looks after them, `connection` is one of them, `head` is
what a request says before its body, `intake` its body, `chunked` undoes the transfer coding.

Rule: bytes that are no request of ours never get past here; a connection whose request is not
the data plane's is passed on untouched, with all bytes that have come.
"""

from gateway.proxy.front.connection import ClientConnection
from gateway.proxy.front.head import Head
from gateway.proxy.front.listener import Front, PassOn

__all__ = ["ClientConnection", "Front", "Head", "PassOn"]
