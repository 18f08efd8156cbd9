"""The worker process: one data plane, told what to do by the parent.

Started as `python -m gateway.workers` with the numbers of four inherited descriptors:
channel, descriptors' socket, listening socket, board.

Rule: it listens only when it serves the parent's newest snapshot; it leaves when it is told to or
when the parent is gone, and then only after its running requests are finished.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import pickle
import random
import signal
import socket
from collections.abc import Coroutine
from typing import Any, Final

import orjson

from gateway.clock import SystemClock
from gateway.process import harden_process
from gateway.proxy import ProxyParts, ProxyPlane
from gateway.proxy.deadline import now_s
from gateway.routing.health import HealthEvent, HealthTimes, parse_event
from gateway.routing.health_table import HealthTable, build_health_table
from gateway.routing.snapshot import Snapshot, SnapshotHolder
from gateway.telemetry.logs import configure_logging
from gateway.telemetry.metrics import Metrics
from gateway.vault.configs import ModelConfigCache
from gateway.vault.envelope import RecordOpener
from gateway.vault.keyring import KekSet
from gateway.workers.accept import Acceptor
from gateway.workers.channel import Channel, Kind, open_channel
from gateway.workers.claims import Claims
from gateway.workers.descriptors import FRESH, Descriptors
from gateway.workers.handover import PassOn
from gateway.workers.keys import parse_keys
from gateway.workers.ledger import RowSender
from gateway.workers.replica import Replica
from gateway.workers.setup import WorkerSetup
from gateway.workers.spread import Board, Seat

logger = logging.getLogger("lockgate.workers")

SETTLE_S: Final = 1.0  # see gateway/server.py: what a peer is opening at this moment still comes
# Requests leave hardly any cycles: at the default of 700 objects the collector takes a twentieth
# of their time to find nothing; so it looks about once a second under full load.
_COLLECT_AFTER: Final = 20_000
_MOST_HEARD_S: Final = 0.1  # a frame to the other workers takes about a millisecond
_HEARD_S: Final = 0.1  # a frame to the other workers takes about a millisecond
_LOOK_S: Final = 1.0  # how soon the operator is told of a credential that does not open
_TELL_S: Final = 1.0  # what a worker counts in that time dies with it
_TELL_SHARE: Final = 200  # of the time: with ten thousand endpoints telling takes tens of ms


class Keys:
    """The keys that records are opened with; the parent may replace them."""

    def __init__(self) -> None:
        self.current = KekSet({}, {})

    def get_kek(self, term: int) -> Any:
        """Return the key of a term. Raises VaultIntegrityError where there is none."""
        return self.current.get_kek(term)


class Worker:
    """The parts of a worker, and what each frame of the parent does to them."""

    def __init__(self, passing: socket.socket, listener: socket.socket, board: Board) -> None:
        self._listener = listener
        self._board = board
        self._descriptors = Descriptors(passing, self._take_descriptor)
        self._keys = Keys()
        self._replica = Replica(self._serve)
        self._left = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._early: list[socket.socket] = []
        self._told: list[Any] = []
        self._metrics = Metrics()
        self._healths = HealthTable(HealthTimes())
        self._claims = Claims(board.descriptor)
        self._drain_limit_s: float | None = None
        # Made once the parent has said how, or has sent a snapshot.
        self._channel: Channel | None = None
        self._setup: WorkerSetup | None = None
        self._holder: SnapshotHolder | None = None
        self._configs = ModelConfigCache(RecordOpener(self._keys))
        self._rows: RowSender | None = None
        self._pass_on: PassOn | None = None
        self._plane: ProxyPlane | None = None
        self._acceptor: Acceptor | None = None

    async def run(self, channel: socket.socket) -> None:
        """Serve until the parent says otherwise."""
        self._channel = await open_channel(channel, self._on_frame, self._on_orphaned)
        self._descriptors.start()
        self._spawn(self._replica.run())
        await self._left.wait()

    # --- what the parent says ---------------------------------------------------------------

    def _on_frame(self, kind: int, payload: bytes) -> None:
        if kind in (Kind.BEGIN, Kind.SLICE, Kind.COMMIT):
            self._replica.feed(kind, payload)
        elif kind == Kind.SETUP:
            # From our own parent over a private socketpair: see `channel`.
            self._set_up(pickle.loads(payload))  # noqa: S301
        elif kind == Kind.KEYS:
            self._take_keys(payload)
        elif kind == Kind.OPEN:
            self._open()
        elif kind == Kind.DRAIN:
            self._spawn(self._drain())
        elif kind == Kind.HEALTH:
            self._hear(payload)
        else:
            self._answer(kind, payload)

    def _take_keys(self, payload: bytes) -> None:
        self._keys.current = parse_keys(payload)
        self._say_keyed()

    def _say_keyed(self) -> None:
        if self._channel is not None:
            self._channel.send_json(Kind.KEYED, max(self._keys.current.keks, default=0))

    def _answer(self, kind: int, payload: bytes) -> None:
        if self._channel is None:
            return
        if kind == Kind.PING:
            self._channel.send(Kind.PONG)
        elif kind == Kind.COUNT:
            self._channel.send_json(Kind.COUNTED, [orjson.loads(payload), self._metrics.dump()])
        elif kind == Kind.FLUSH:
            if self._rows is not None:
                self._rows.flush()
            self._channel.send(Kind.FLUSHED, payload)
        elif kind == Kind.BOOKED and self._rows is not None:
            self._rows.note_booked(orjson.loads(payload))

    def _on_orphaned(self) -> None:
        if self._rows is not None:
            self._rows.give_up()
        if not self._left.is_set():
            logger.warning("the parent process is gone: running requests finish, then this ends")
            self._spawn(self._drain())

    # --- from nothing to serving ------------------------------------------------------------

    def _set_up(self, setup: WorkerSetup) -> None:
        configure_logging(setup.settings.log_level)
        self._setup = setup
        self._healths = build_health_table(setup.settings)
        self._healths.on_event = self._tell
        self._healths.may_probe = self._claims.take

    def _serve(self, snapshot: Snapshot) -> None:
        if self._holder is None:
            self._spawn(self._begin(snapshot))
            return
        self._holder.swap(snapshot)
        # The old credentials go before we say that we serve.
        self._configs.advance(snapshot.epoch, snapshot.sealed)
        self._say_serving()

    async def _begin(self, snapshot: Snapshot) -> None:
        assert self._setup is not None  # noqa: S101  the parent's first frame
        assert self._channel is not None  # noqa: S101  it came by it
        self._holder = SnapshotHolder(snapshot)
        self._rows = RowSender(self._channel)
        parts = ProxyParts(
            snapshots=self._holder,
            configs=self._configs,
            usage=self._rows,
            settings=self._setup.settings,
            clock=SystemClock(),
            metrics=self._metrics,
            healths=self._healths,
            draw=random.random,
        )
        seat = Seat(self._board, self._setup.seat)
        self._pass_on = PassOn(self._channel, self._descriptors)
        self._plane = ProxyPlane(parts, self._pass_on)
        self._plane.front.on_count = lambda _: self._publish(seat)
        self._plane.start()
        self._acceptor = Acceptor(
            self._listener, seat, self._plane.front, self._count, self._pass_to
        )
        gc.freeze()  # the program itself: nothing of it is ever rubbish
        gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
        self._say_keyed()  # the first keys came before there was a channel to answer by
        self._say_serving()

    def _say_serving(self) -> None:
        if self._channel is not None and self._holder is not None and self._acceptor is not None:
            self._channel.send_json(Kind.SERVING, self._holder.current.epoch)

    def _open(self) -> None:
        if self._acceptor is None or self._drain_limit_s is not None:
            return
        self._acceptor.start()
        while self._early:
            self._acceptor.take(self._early.pop())
        self._spawn(self._watch_quarantine())
        self._spawn(self._tell_counters())

    # --- the health of targets --------------------------------------------------------------

    def _tell(self, event: HealthEvent) -> None:
        if self._channel is not None:
            self._channel.send_json(Kind.BLOCKED, [event.dump()])
        if not event.is_claim:
            # After a failure the others have to hear of it before they may probe.
            delay_s = 0.0 if event.kind in ("probe", "clear") else _HEARD_S
            asyncio.get_running_loop().call_later(delay_s, self._claims.give_back, event.key)

    def _hear(self, payload: bytes) -> None:
        at_s = now_s()
        for values in orjson.loads(payload):
            self._healths.hear(parse_event(values), at_s)

    # --- connections ------------------------------------------------------------------------

    def _count(self) -> int:
        return 0 if self._plane is None else self._plane.front.connections

    def _publish(self, seat: Seat) -> None:
        if self._acceptor is not None:
            seat.publish(self._acceptor.connections)

    def _pass_to(self, seat: int, connected: socket.socket) -> None:
        self._descriptors.send(FRESH, seat, connected.detach())

    def _take_descriptor(self, kind: bytes, number: int, descriptor: int) -> None:
        del kind, number  # the parent sends fresh connections only, for us
        connected = socket.socket(fileno=descriptor)
        if self._acceptor is None:
            self._early.append(connected)
        else:
            self._acceptor.take(connected)

    async def _watch_quarantine(self) -> None:
        while True:
            found = [
                [row.secret_id, row.secret_name, row.reason] for row in self._configs.quarantined()
            ]
            if found != self._told and self._channel is not None:
                self._told = found
                self._channel.send_json(Kind.QUARANTINED, found)
            await asyncio.sleep(_LOOK_S)

    async def _tell_counters(self) -> None:
        """Tell unasked what was counted, so that a sudden end loses no more than a moment's."""
        loop = asyncio.get_running_loop()
        while self._channel is not None and self._channel.is_open:
            began_at_s = loop.time()
            self._channel.send_json(Kind.COUNTED, [0, self._metrics.dump()])
            took_s = loop.time() - began_at_s
            await asyncio.sleep(max(_TELL_S, _TELL_SHARE * took_s))

    # --- leaving ----------------------------------------------------------------------------

    async def _drain(self) -> None:
        if self._drain_limit_s is not None:
            return
        assert self._channel is not None  # noqa: S101  it came by it
        self._drain_limit_s = (
            0.0 if self._setup is None else (self._setup.settings.drain_timeout_ms / 1000)
        )
        if self._acceptor is not None and self._plane is not None:
            await self._finish(self._acceptor, self._plane, self._drain_limit_s)
        if self._pass_on is not None:
            await self._pass_on.flush()
        if self._rows is not None and self._channel.is_open:
            await self._rows.settle()
        self._channel.send_json(Kind.COUNTED, [0, self._metrics.dump()])
        self._channel.send(Kind.DONE)
        self._channel.close()
        self._descriptors.close()
        self._left.set()

    async def _finish(self, acceptor: Acceptor, plane: ProxyPlane, limit_s: float) -> None:
        self._descriptors.receive_all()  # what was passed here before the parent knew
        acceptor.stop()
        await acceptor.settle()
        plane.front.draining = True
        if plane.front.connections:
            await asyncio.sleep(SETTLE_S)
        cut = await plane.drain(limit_s)
        await plane.close()
        if cut:
            logger.warning("%d requests are cut: the drain time is over", cut)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end_task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.critical("the worker cannot go on", exc_info=task.exception())
            logging.shutdown()
            os._exit(1)  # the parent starts another


async def _run(channel: int, passing: int, listener: int, board: int) -> None:
    worker = Worker(socket.socket(fileno=passing), socket.socket(fileno=listener), Board(board))
    await worker.run(socket.socket(fileno=channel))


def main(arguments: list[str]) -> None:
    """Run a worker; `arguments` are the numbers of its descriptors."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # the parent tells: who signals all of us means it
    configure_logging("INFO")
    harden_process()
    import uvloop  # workers exist only where it does

    uvloop.run(_run(*map(int, arguments)))
    logging.shutdown()
    os._exit(0)  # a thread that resolves a name may hang for minutes
