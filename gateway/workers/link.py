"""One worker as the parent knows it: its process, its channel, what it has said of itself.

Rule: everything that a worker says is taken in here; what the parent makes of it is decided by
who is told (`Ears`). What no worker of ours would say ends that worker and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.entities import SecretId
from gateway.routing.health import HealthEvent, parse_event
from gateway.routing.snapshot import Snapshot
from gateway.vault.configs import Quarantined
from gateway.workers.channel import Channel, Kind, open_channel
from gateway.workers.descriptors import BEGUN, FRESH, Descriptors, read_left
from gateway.workers.handover import Joined
from gateway.workers.start import Started
from gateway.workers.tally import check_counters

logger = logging.getLogger("lockgate.workers")

_ANSWER_S: Final = 1.0  # a question that only informs does not wait longer
_GONE_S: Final = 5.0  # a worker that has closed its channel has nothing left to do


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told what a worker says. The first argument is always the link."""

    on_serving: Callable[[Link], None]
    on_rows: Callable[[bytes, Callable[[int], None]], None]
    on_fresh: Callable[[Link, int, int], None]  # seat that it is for, descriptor
    on_begun: Callable[[socket.socket, bytes], None]
    on_health: Callable[[Link, list[HealthEvent]], None]


class Link:
    """A running worker.

    Attributes:
        is_live: it accepts connections, or did until it was told to drain; writes wait for it.
        was_live: it came to accept connections, whatever became of it.
        is_draining: it was told to leave.
        served: the epoch that it serves; -1 before the first.
        loaded_term: the highest term whose key it has; the keys of lower ones came with it.
        sent: the snapshot that it was sent last.
        counters: the last that it told.
    """

    def __init__(self, slot: int, seat: int, started: Started, at_ms: int, ears: Ears) -> None:
        self.slot = slot
        self.seat = seat
        self.started_at = at_ms
        self.process = started.process
        self.is_live = False
        self.was_live = False
        self.is_draining = False
        self.said_done = False
        self.served = -1
        self.loaded_term = 0
        self.sent: Snapshot | None = None
        self.sent_keys: object = None
        self.counters: Mapping[str, Any] | None = None
        self.quarantined: Sequence[Quarantined] = ()
        self.missed_pings = 0
        self._ears = ears
        self._started = started
        self._far = started.far
        self._joined = Joined(ears.on_begun)
        self._descriptors = Descriptors(started.passing, self._on_descriptor)
        self._channel: Channel | None = None
        self._questions: dict[int, asyncio.Future[Any]] = {}
        self._asked = 0
        self._channel_ended = asyncio.Event()
        self.ended: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int:
        """The process's number."""
        return self.process.pid

    @property
    def name(self) -> str:
        """What a person reads of it."""
        return f"worker {self.slot + 1} (pid {self.pid})"

    async def open(self) -> None:
        """Begin to talk."""
        self._channel = await open_channel(
            self._started.channel, self._on_frame, self._channel_ended.set
        )
        self._descriptors.start()
        self.ended = asyncio.create_task(self._wait_for_end(), name=f"end of {self.name}")

    # --- what the parent says ---------------------------------------------------------------

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a frame."""
        if self._channel is not None:
            self._channel.send(kind, payload)

    def send_json(self, kind: Kind, value: Any) -> None:
        """Send a frame of JSON."""
        self.send(kind, orjson.dumps(value))

    async def settle(self) -> None:
        """Wait until the worker has read most of what was sent."""
        if self._channel is not None:
            await self._channel.drain()

    def pass_fresh(self, descriptor: int) -> None:
        """Give the worker a connection that another has accepted."""
        self._descriptors.send(FRESH, self.seat, descriptor)

    def drain(self) -> None:
        """Tell the worker to finish and leave."""
        if not self.is_draining:
            self.is_draining = True
            self.send(Kind.DRAIN)

    def kill(self) -> None:
        """End the process now."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)

    async def ask(self, kind: Kind) -> None:
        """Ask for counters or rows and wait for them, at most a second."""
        if self._channel is None or not self._channel.is_open:
            return
        self._asked += 1
        number = self._asked
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        self._channel.send_json(kind, number)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await answer
        except TimeoutError:
            logger.debug("%s does not answer", self.name)
        finally:
            self._questions.pop(number, None)

    # --- what the worker says ---------------------------------------------------------------

    def _on_frame(self, kind: int, payload: bytes) -> None:
        try:
            self._hear(kind, payload)
        except Exception as error:  # noqa: BLE001  whatever it sends, nothing else is at fault
            self._disown(error)

    def _hear(self, kind: int, payload: bytes) -> None:
        if kind == Kind.ROWS:
            self._ears.on_rows(payload, self._acknowledge)
        elif kind == Kind.PASSED:
            self._joined.add_bytes(payload)
        elif kind in (Kind.SERVING, Kind.KEYED):
            self._come_to(kind, int(orjson.loads(payload)))
        elif kind == Kind.PONG:
            self.missed_pings = 0
        elif kind == Kind.COUNTED:
            number, counters = orjson.loads(payload)
            self.counters = check_counters(counters)
            self._answered(number)
        elif kind == Kind.FLUSHED:
            self._answered(orjson.loads(payload))
        elif kind == Kind.QUARANTINED:
            self.quarantined = [
                Quarantined(
                    secret_id=SecretId(str(found)), secret_name=str(name), reason=str(reason)
                )
                for found, name, reason in orjson.loads(payload)
            ]
        elif kind == Kind.BLOCKED:
            events = [parse_event(values) for values in orjson.loads(payload)]
            self._ears.on_health(self, events)
        elif kind == Kind.DONE:
            self.said_done = True

    def _come_to(self, kind: int, number: int) -> None:
        if kind == Kind.KEYED:
            self.loaded_term = number
        else:
            self.served = number
            self._ears.on_serving(self)

    def _acknowledge(self, number: int) -> None:
        if self._channel is not None:
            self._channel.send_json(Kind.BOOKED, number)

    def _answered(self, number: int) -> None:
        question = self._questions.pop(number, None)
        if question is not None and not question.done():
            question.set_result(None)

    def _on_descriptor(self, kind: bytes, number: int, descriptor: int) -> None:
        if kind != BEGUN:
            self._ears.on_fresh(self, number, descriptor)
            return
        try:
            self._joined.add_descriptor(number, descriptor)
        except OSError as error:
            self._disown(error)

    def _disown(self, error: Exception) -> None:
        """End a worker that is broken, or broken into; another takes its place."""
        logger.error("%s says what no worker says (%s): it is killed", self.name, repr(error)[:200])
        self.kill()

    # --- the end ----------------------------------------------------------------------------

    async def _wait_for_end(self) -> int:
        """Wait for the process and for all that it had sent; return its exit code."""
        watch = asyncio.create_task(self._end_mute())
        code = await self.process.wait()
        await self._channel_ended.wait()
        watch.cancel()
        self._descriptors.receive_all()
        self.is_live = False
        for kind, number, descriptor in (*read_left(self._far), *self._descriptors.withdraw()):
            if kind == FRESH:
                self._ears.on_fresh(self, number, descriptor)
            else:
                os.close(descriptor)
        for question in self._questions.values():
            if not question.done():
                question.set_result(None)  # the last that is known has to do
        self._descriptors.close()
        self._far.close()
        self._joined.close()
        return code

    async def _end_mute(self) -> None:
        """End a process that has closed its channel and stays."""
        await self._channel_ended.wait()
        await asyncio.sleep(_GONE_S)
        logger.error("%s has closed its channel and stays: it is killed", self.name)
        self.kill()


def describe_exit(code: int) -> str:
    """Say how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
