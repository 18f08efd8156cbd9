"""All worker processes: started, watched, replaced, ended.

Rule: a worker that ends without being told to is replaced on the same listening socket, at once
the first time; connections that wait there wait for the replacement.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import StartError
from gateway.ports import Clock, Ledger
from gateway.routing.health import HealthEvent
from gateway.routing.health_table import HealthTable
from gateway.routing.snapshot import Snapshot
from gateway.settings import Settings
from gateway.vault.configs import Quarantined
from gateway.vault.keyring import KekSet
from gateway.workers.backoff import Backoff
from gateway.workers.channel import Kind
from gateway.workers.distribute import Distributor
from gateway.workers.ledger import book_rows
from gateway.workers.link import Ears, Link, describe_exit
from gateway.workers.setup import WorkerSetup, strip_settings
from gateway.workers.spread import SEATS, create_board
from gateway.workers.start import start_process
from gateway.workers.tally import Tally

logger = logging.getLogger("lockgate.workers")

_PING_S: Final = 1.0
_HUNG_PINGS: Final = 10  # counted, not timed: a parent that slept itself blames nobody
_STARTING_PINGS: Final = 30  # loading the program on a busy machine
_MOST_FAILED_STARTS: Final = 5
_SETTLE_S: Final = 1.0  # a worker's own
_CUT_S: Final = 8.0  # to tell cut requests, book their rows and leave


@dataclass(slots=True)
class Slot:
    """One of the N places; `link` is the worker that has it, `failed_starts` are in a row."""

    number: int
    listener: socket.socket
    link: Link | None = None
    backoff: Backoff = field(default_factory=Backoff)
    failed_starts: int = 0


class Supervisor:
    """The worker processes (`Fleet`).

    Args:
        listeners: a listening socket per worker; the same one where the system has but one.
        clock: for the times that are shown.
    """

    def __init__(self, listeners: Sequence[socket.socket], clock: Clock) -> None:
        self._slots = [Slot(number, opened) for number, opened in enumerate(listeners)]
        self._clock = clock
        self._board = create_board()
        self._distributor = Distributor()
        self._tally = Tally()
        self._seats: set[int] = set()
        self._links: dict[int, Link] = {}  # by seat
        self._homeless: list[int] = []  # fresh connections of which no worker could be told yet
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._reloading = False
        self._started: asyncio.Future[None] | None = None
        self._setup: Settings | None = None
        self._ears: Ears | None = None
        self._healths: HealthTable | None = None
        self._probers: dict[str, Link] = {}  # by the key of the target that it tries
        self.restarts = 0

    # --- life -------------------------------------------------------------------------------

    async def start(
        self,
        settings: Settings,
        get_keys: Callable[[], KekSet],
        usage: Ledger,
        on_begun: Callable[[socket.socket, bytes], None],
        healths: HealthTable,
    ) -> None:
        """Start all workers and wait until each serves.

        Args:
            settings: all of them; workers get them without the secret ones.
            get_keys: returns the keys that records are opened with.
            usage: takes the workers' usage rows.
            on_begun: takes a connection whose request is not the data plane's, and its bytes.
            healths: takes what the workers see of the targets, for new workers and the operator.

        Raises:
            StartError: one of them ends again and again before it serves.
        """
        self._setup = strip_settings(settings)
        self._distributor.use_keys(get_keys)
        self._ears = Ears(
            on_serving=self._on_serving,
            on_rows=lambda payload, acknowledge: book_rows(payload, usage, acknowledge),
            on_fresh=self._on_fresh,
            on_begun=on_begun,
            on_health=self._on_health,
        )
        self._healths = healths
        self._started = asyncio.get_running_loop().create_future()
        for slot in self._slots:
            self._spawn(self._launch(slot))
        self._spawn(self._ping())
        await self._started

    async def stop(self, drain_s: float) -> None:
        """Close the listeners, let each worker finish, wait for all ends."""
        self._stopping = True
        for slot in self._slots:
            slot.listener.close()
        for link in self._links.values():
            link.drain()
        await self._wait_for_ends(_SETTLE_S + drain_s + _CUT_S)
        for link in self._links.values():
            logger.error("%s does not leave: it is killed", link.name)
            link.kill()
        await self._wait_for_ends(_CUT_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._homeless:
            os.close(self._homeless.pop())
        self._board.close()

    def kill(self) -> None:
        """End all workers at once."""
        for link in self._links.values():
            link.kill()

    def reload(self) -> None:
        """Replace the workers one by one; a wish that comes meanwhile is the same wish."""
        is_up = self._started is not None and self._started.done()
        if is_up and not self._reloading and not self._stopping:
            self._reloading = True
            self._spawn(self._reload())

    # --- what the gateway asks (`Fleet`) -----------------------------------------------------

    def offer(self, snapshot: Snapshot) -> None:
        """Begin to bring every worker to `snapshot`."""
        self._distributor.offer(snapshot)

    def offer_keys(self) -> None:
        """Begin to bring changed keys to every worker."""
        self._distributor.offer_keys()

    def held(self) -> tuple[int, int] | None:
        """Return the lowest term and epoch that some live worker has come to."""
        live = self._list_live()
        if not live:
            return None
        return min(link.loaded_term for link in live), min(link.served for link in live)

    async def wait(self, epoch: int) -> Sequence[str]:
        """Wait until every live worker serves `epoch`; name those that do not in time."""
        return await self._distributor.wait(epoch)

    async def flush(self) -> None:
        """Take in the usage rows that workers still hold."""
        await asyncio.gather(*(link.ask(Kind.FLUSH) for link in self._list_live()))

    async def collect(self) -> Sequence[Mapping[str, Any]]:
        """Return the numbers of all workers, ended ones included."""
        await asyncio.gather(*(link.ask(Kind.COUNT) for link in self._list_live()))
        return self._tally.list_counters(link.counters for link in self._links.values())

    def describe(self) -> list[dict[str, Any]]:
        """Return what the operator may know of each live worker."""
        return [
            {
                "pid": link.pid,
                "epoch": link.served,
                "connections": self._board.count_connections(link.seat),
                "started_at": link.started_at,
                "draining": link.is_draining,
            }
            for link in self._list_live()
        ]

    def quarantined(self) -> Sequence[Quarantined]:
        """List the credentials that do not open in some worker."""
        return [found for link in self._list_live() for found in link.quarantined]

    def list_faults(self) -> list[str]:
        """Return a sentence if nobody serves the data plane."""
        return [] if self.count_live() else ["no worker process is ready"]

    def count_live(self) -> int:
        """Return how many workers take connections."""
        return sum(not link.is_draining for link in self._list_live())

    def _list_live(self) -> list[Link]:
        return [link for link in self._links.values() if link.is_live]

    # --- starting ---------------------------------------------------------------------------

    async def _launch(self, slot: Slot) -> None:
        """Fill a slot whose worker is gone, or that never had one."""
        try:
            link = await self._start_link(slot)
        except OSError as error:
            reason = error.strerror or str(error)
            logger.error("worker %d cannot be started: %s", slot.number + 1, reason)  # noqa: TRY400  the system's word is all there is to know
            slot.failed_starts += 1
            await self._launch_later(slot, lived_s=0.0, reason=reason)
            return
        if slot.link is None:
            slot.link = link
        else:
            link.drain()  # `_replace` has filled the slot meanwhile

    async def _start_link(self, slot: Slot) -> Link:
        assert self._setup is not None  # noqa: S101  `start` comes first
        assert self._ears is not None  # noqa: S101
        seat = self._take_seat()
        try:
            started = await start_process(slot.listener, self._board.descriptor)
            link = Link(slot.number, seat, started, self._clock.now_ms(), self._ears)
            await link.open()
        except OSError:
            self._seats.discard(seat)
            raise
        self._links[seat] = link  # not before it can be told anything: `stop` tells it to leave
        self._distributor.add(link, WorkerSetup(self._setup, seat))
        self._tell_health(link)
        self._spawn(self._watch(slot, link))
        if self._stopping:
            link.drain()
        return link

    def _take_seat(self) -> int:
        seat = next((seat for seat in range(1, SEATS) if seat not in self._seats), None)
        if seat is None:
            raise OSError("too many workers of earlier generations still finish their requests")
        self._seats.add(seat)
        self._board.clear(seat)
        return seat

    async def _watch(self, slot: Slot, link: Link) -> None:
        assert link.ended is not None  # noqa: S101  it was opened
        began_s = self._clock.monotonic_s()
        code = await link.ended
        del self._links[link.seat]
        self._seats.discard(link.seat)
        self._board.clear(link.seat)
        self._distributor.remove(link)
        self._tally.retire(link.counters)
        self._end_probes(link)
        how = describe_exit(code)
        if link.is_draining or self._stopping:
            level = logging.INFO if link.said_done else logging.WARNING
            logger.log(level, "%s has left: %s", link.name, how)
            return
        logger.error("%s ended with %s", link.name, how)
        if slot.link is link:
            slot.link = None
            slot.failed_starts = 0 if link.was_live else slot.failed_starts + 1
            await self._launch_later(slot, self._clock.monotonic_s() - began_s, how)

    async def _launch_later(self, slot: Slot, lived_s: float, reason: str) -> None:
        first = self._started
        if first is None or (not first.done() and slot.failed_starts >= _MOST_FAILED_STARTS):
            self._fail_start(
                f"worker {slot.number + 1} failed {slot.failed_starts} times before it served, "
                f"at last with {reason}: its log, above, says why"
            )
            return
        self.restarts += 1
        await asyncio.sleep(slot.backoff.next_delay_s(lived_s))
        if not self._stopping and slot.link is None:  # `_replace` may have filled it
            await self._launch(slot)

    # --- replacing --------------------------------------------------------------------------

    async def _reload(self) -> None:
        logger.info("the workers are replaced, one by one")
        try:
            for slot in self._slots:
                if not await self._replace(slot):
                    return
            logger.info("all workers are replaced")
        finally:
            self._reloading = False

    async def _replace(self, slot: Slot) -> bool:
        try:
            new = await self._start_link(slot)
        except OSError as error:
            logger.error("the workers stay: a new one cannot be started: %s", error)  # noqa: TRY400  the system's word is all there is to know
            return False
        while not new.was_live and new.seat in self._links and self._links[new.seat] is new:
            await self._distributor.wait_for_move()
        if self._stopping:
            return False
        if not new.is_live:
            logger.error("the workers stay: %s did not come to serve", new.name)
            return False
        old, slot.link = slot.link, new
        if old is not None and old is not new:
            old.drain()
        return True

    # --- watching ---------------------------------------------------------------------------

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(_PING_S)
            for link in list(self._links.values()):
                limit = _HUNG_PINGS if link.is_live else _STARTING_PINGS
                if link.missed_pings == limit:
                    link.missed_pings += 1
                    logger.error("%s has not answered for %d s: it is killed", link.name, limit)
                    link.kill()
                elif link.missed_pings < limit:
                    link.missed_pings += 1
                    link.send(Kind.PING)

    async def _wait_for_ends(self, limit_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self._links:
                    await self._distributor.wait_for_move()

    # --- what workers say -------------------------------------------------------------------

    def _on_serving(self, link: Link) -> None:
        self._distributor.note_serving(link)
        while self._homeless and link.is_live:
            link.pass_fresh(self._homeless.pop())
        is_up = all(slot.link is not None and slot.link.is_live for slot in self._slots)
        if is_up and self._started is not None and not self._started.done():
            self._started.set_result(None)

    def _on_fresh(self, giver: Link, seat: int, descriptor: int) -> None:
        """Give a connection to the worker in `seat`, or, if it is gone, to another."""
        link = self._links.get(seat)
        if link is None or link is giver or not link.is_live or link.is_draining:
            link = self._find_least_loaded()
        if link is None:
            self._homeless.append(descriptor)
        else:
            link.pass_fresh(descriptor)

    def _on_health(self, teller: Link, events: list[HealthEvent]) -> None:
        """Take in what one worker has seen of the targets, and tell the others."""
        assert self._healths is not None  # noqa: S101  `start` comes first
        at_s = self._clock.monotonic_s()
        for event in events:
            self._healths.hear(event, at_s)
            if event.is_claim:
                self._probers[event.key] = teller
            else:
                self._probers.pop(event.key, None)
        for link in self._links.values():
            if link is not teller:
                link.send_json(Kind.HEALTH, [event.dump() for event in events])

    def _end_probes(self, gone: Link) -> None:
        """Let others try what a worker that is gone was trying."""
        keys = [key for key, link in self._probers.items() if link is gone]
        if keys:
            self._on_health(gone, [HealthEvent(key, "probe") for key in keys])

    def _tell_health(self, link: Link) -> None:
        """Tell a new worker what the others know."""
        assert self._healths is not None  # noqa: S101  `start` comes first
        blocked = self._healths.list_blocked(self._clock.monotonic_s())
        link.send_json(Kind.HEALTH, [health.tell().dump() for health in blocked])

    def _find_least_loaded(self) -> Link | None:
        live = self._list_live()
        willing = [link for link in live if not link.is_draining] or live
        return min(willing, key=lambda link: self._board.count_connections(link.seat), default=None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end_task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.critical("the supervision failed", exc_info=task.exception())
            self._fail_start("the workers cannot be supervised: the log, above, says why")

    def _fail_start(self, why: str) -> None:
        if self._started is not None and not self._started.done():
            self._started.set_exception(StartError(why))
