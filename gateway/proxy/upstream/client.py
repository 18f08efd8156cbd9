"""All connections of this process to model providers.

Rule: a request is sent once; that it went to a connection out of the pool which was dead is said.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Container, Mapping, Sequence
from functools import partial

from gateway.errors import UpstreamResetError, UpstreamStaleError
from gateway.providers import PUBLIC_PORTS
from gateway.proxy.deadline import Limits, now_s
from gateway.proxy.flow import in_task
from gateway.proxy.upstream.addresses import Addresses, Resolve
from gateway.proxy.upstream.answer import UpstreamAnswer
from gateway.proxy.upstream.call import Request
from gateway.proxy.upstream.connect import Connector
from gateway.proxy.upstream.connection import Connection
from gateway.proxy.upstream.pool import Pool
from gateway.proxy.upstream.tunnel import find_proxy
from gateway.proxy.upstream.waits import Waits
from gateway.settings import OriginPattern


class Upstreams:
    """All connections of this process to model providers.

    Args:
        allowed: origins that may be private, loopback or plain http.
        ports: those that other origins may have.
        ssl_context: for upstreams whose certificates the system's store does not know; it is made
            to offer HTTP/1.1 only.
        resolve: looks up a host; the system's resolver unless a test gives another.
        environ: where HTTPS_PROXY and NO_PROXY are looked up.
    """

    def __init__(
        self,
        allowed: Sequence[OriginPattern],
        *,
        ports: Container[int] = PUBLIC_PORTS,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._addresses = Addresses(allowed, resolve, ports=ports)
        self._connector = Connector(self._addresses, ssl_context, find_proxy(environ))
        self._pool = Pool()
        self._waits = Waits()

    async def send(
        self, request: Request, limits: Limits, *, fresh: bool = False
    ) -> UpstreamAnswer:
        """Send a request and return once the answer's headers are there.

        `fresh`: on a new connection, none out of the pool.

        Raises:
            UpstreamStaleError: the connection came out of the pool and turned out to be dead
                before any byte came back: providers close idle connections without notice.
            UpstreamError: of the class that names what failed.
            DeadlineExceededError: the request's own deadline came first.
        """
        began_s = now_s()
        pooled = None if fresh else self._pool.take(request.lane)
        if pooled is not None:
            answer = UpstreamAnswer(pooled, self._waits, limits, began_s)
            try:
                pooled.ask(request, answer)
                if request.rest:
                    await pooled.upload(request.rest, answer)
                answer.check()  # what has broken by now opens no gate again
                while not answer.arrived:
                    await answer.gate
                    answer.check()
            except UpstreamResetError as error:
                if answer.heard:
                    raise
                raise UpstreamStaleError(error.detail) from None
            except BaseException:
                answer.close()
                raise
            return answer
        build = partial(self._pool.build, request.lane)
        opening = self._connector.open(request.origin, build, limits, began_s)
        connection = await in_task(opening, Connection.abort)
        self._pool.adopt(connection)
        answer = UpstreamAnswer(connection, self._waits, limits, began_s)
        return await self._ask(connection, request, answer)

    async def close(self) -> None:
        """Close all connections."""
        self._waits.close()
        self._addresses.close()
        await self._pool.close()

    async def _ask(
        self, connection: Connection, request: Request, answer: UpstreamAnswer
    ) -> UpstreamAnswer:
        try:
            connection.ask(request, answer)
            if request.rest:
                await connection.upload(request.rest, answer)
            await answer.arrive()
        except BaseException:
            answer.close()
            raise
        return answer
