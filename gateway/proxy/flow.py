"""Runs one coroutine per request without a task: it goes on in the turn in which its news come.

An `asyncio.Task` costs two trips through the event loop per wait, and the bytes of an answer
would leave one turn later than they came. A `Flow` is stepped by hand instead: it waits at a
`Gate`, and whoever opens the gate (a connection that has received something) runs the flow on
in the same call. What needs a real task (opening a connection) is wrapped with `in_task`.

Rule: at most one flow waits at a gate; a flow that was stopped is never stepped again, whatever
it waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final, TypeVar

logger = logging.getLogger("lockgate.proxy")

ResultT = TypeVar("ResultT")


class Gate:
    """What one flow (or task) waits at until it is opened; opening it without one is nothing."""

    __slots__ = ("_flow", "_future")

    def __init__(self) -> None:
        self._flow: Flow | None = None
        self._future: asyncio.Future[None] | None = None

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until the gate is opened; maybe for nothing that the caller waits for."""
        flow = _running[0]
        if flow is None:  # in a task, as tests and tools have it
            self._future = asyncio.get_running_loop().create_future()
            yield from self._future
        else:
            self._flow = flow
            yield self

    def open(self) -> None:
        """Let whoever waits go on: a flow at once, a task in its turn."""
        flow = self._flow
        if flow is not None:
            self._flow = None
            flow.step()
        elif self._future is not None:
            future, self._future = self._future, None
            if not future.done():  # it is if whoever waited was cancelled
                future.set_result(None)

    def leave(self) -> None:
        """Forget who waits."""
        self._flow = None


class Flow:
    """One coroutine, stepped by hand.

    Args:
        coroutine: catches its own errors; one that gets out is logged.
        on_end: called when it has ended, also when it ended with an error.
    """

    __slots__ = ("_coroutine", "_on_end", "_stepping", "_stopped_by", "_waiting")

    def __init__(self, coroutine: Coroutine[Any, Any, None], on_end: Callable[[], None]) -> None:
        self._coroutine: Coroutine[Any, Any, None] | None = coroutine
        self._on_end = on_end
        self._waiting: Gate | asyncio.Future[Any] | None = None
        self._stepping = False
        self._stopped_by: BaseException | None = None

    def step(self, error: BaseException | None = None) -> None:
        """Run on until the next wait or the end; with `error` it is raised at the wait."""
        coroutine = self._coroutine
        if coroutine is None:
            return
        outer = _running[0]
        _running[0] = self
        self._stepping = True
        self._waiting = None
        try:
            while True:
                waited = coroutine.send(None) if error is None else coroutine.throw(error)
                error = self._stopped_by
                if error is None:
                    break
                self._stopped_by = None  # stopped while it ran: told at its first wait
                _leave(waited)
        except StopIteration:
            self._coroutine = None
        except asyncio.CancelledError:  # the loop is being closed
            self._coroutine = None
        except Exception:
            self._coroutine = None
            logger.exception("a request ended without an answer")
        finally:
            self._stepping = False
            _running[0] = outer
        if self._coroutine is None:
            self._on_end()
        elif isinstance(waited, Gate):
            self._waiting = waited
        elif waited is None:  # `asyncio.sleep(0)`: in the next turn
            future = asyncio.get_running_loop().create_future()
            future.set_result(None)
            self._wait_for(future)
        else:
            self._wait_for(waited)

    def stop(self, error: BaseException) -> None:
        """Raise `error` where the flow waits, or at its next wait."""
        if self._stepping:
            self._stopped_by = error
            return
        waiting, self._waiting = self._waiting, None
        _leave(waiting)
        self.step(error)

    def _wait_for(self, future: asyncio.Future[Any]) -> None:
        # The protocol between a future and whoever awaits it: `asyncio.Task` does the same.
        future._asyncio_future_blocking = False  # noqa: SLF001
        self._waiting = future
        future.add_done_callback(self._go_on)

    def _go_on(self, future: asyncio.Future[Any]) -> None:
        if future is self._waiting:  # else the flow was stopped meanwhile
            self.step()


_running: Final[list[Flow | None]] = [None]  # the flow that is being stepped just now


def _leave(waiting: Any) -> None:
    if isinstance(waiting, Gate):
        waiting.leave()
    elif waiting is not None:
        waiting.cancel()


async def in_task(
    coroutine: Coroutine[Any, Any, ResultT], drop: Callable[[ResultT], None]
) -> ResultT:
    """Run a coroutine that needs a task (timeouts, task groups) from a flow.

    The task is cancelled when the flow is stopped. It may have ended by then, in the same turn:
    `drop` is given the result that nobody takes any more.
    """
    if _running[0] is None:
        return await coroutine
    task = asyncio.get_running_loop().create_task(coroutine)
    try:
        return await task
    except Exception:
        task.add_done_callback(partial(_drop, drop))
        raise


def _drop(drop: Callable[[ResultT], None], task: asyncio.Task[ResultT]) -> None:
    if not task.cancelled() and task.exception() is None:
        drop(task.result())
