"""A provider that takes its time, as models do: the mock's answer after a twentieth of a second.

Run as ``python -m bench.slow``; prints its port, ends with its parent's pipe.
"""

from __future__ import annotations

import asyncio

from bench import loops
from bench.mock import PLAIN, Provider, serve

DELAY_S = 0.05


class Slow(Provider):
    """One connection."""

    def reply(self, _head: bytes, _body: bytes) -> None:
        """Answer one request, later."""
        asyncio.get_running_loop().call_later(DELAY_S, self._send)

    def _send(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(PLAIN)


if __name__ == "__main__":
    loops.run(serve(Slow))
