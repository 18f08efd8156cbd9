"""A value that has to be fetched: kept while it is good, renewed before its end, by one at a time.

Rule: whoever needs it while it is good does not wait; however many wait, one fetches; one who stops
waiting stops nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from gateway.errors import LockgateError, UpstreamConnectError
from gateway.proxy.deadline import Moment, now_s

logger = logging.getLogger("lockgate.proxy")

ValueT = TypeVar("ValueT")

# Clocks differ, and a request takes its time: a token is not used in its last minute.
_MARGIN_S: Final = 60.0
# From here on it is renewed while requests go on with the one there is. Google's and Microsoft's
# tokens last an hour and more; what lasts less is renewed in the last quarter of its time.
_RENEW_S: Final = 300.0
_RENEW_SHARE: Final = 0.25
# Whoever gives the tokens is not asked again at once after a failure, by however many requests.
_PAUSE_S: Final = 1.0
# A refusal may have been of a token of before; one that is newer than this is not thrown away.
_FRESH_S: Final = 5.0


class Kept(Generic[ValueT]):
    """One value that is fetched.

    Args:
        fetch: gets it, and for how many seconds it is good; raises our errors.
        clock: seconds of a clock that never goes back.
    """

    __slots__ = (
        "_clock",
        "_failure",
        "_fetch",
        "_good_until_s",
        "_got_at_s",
        "_paused_until_s",
        "_renew_at_s",
        "_task",
        "_value",
    )

    def __init__(
        self,
        fetch: Callable[[], Awaitable[tuple[ValueT, float]]],
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value: ValueT | None = None
        self._got_at_s = 0.0
        self._good_until_s = 0.0
        self._renew_at_s = 0.0
        self._paused_until_s = 0.0
        self._failure: LockgateError | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def value(self) -> ValueT | None:
        """What was fetched last, good or not."""
        return self._value

    def find(self) -> ValueT | None:
        """Return the value if it is good; begin to renew it if that is due."""
        at_s = self._clock()
        if self._value is None or at_s >= self._good_until_s:
            return None
        if at_s >= self._renew_at_s and self._task is None and at_s >= self._paused_until_s:
            self._start()
        return self._value

    async def get(self, until: Moment) -> ValueT:
        """Return a good value, fetched if there is none.

        Raises:
            LockgateError: it cannot be had; or `until` came first, with that moment's error.
        """
        found = self.find()
        if found is not None:
            return found
        if self._task is None and self._clock() < self._paused_until_s:
            raise self._fail()
        task = self._task or self._start()
        # No `wait_for`: a flow is no task, and the fetching is everybody's.
        await asyncio.wait((task,), timeout=max(0.0, until.at_s - now_s()))
        if not task.done():
            raise until.fail()
        found = self.find()
        if found is None:
            raise self._fail()
        return found

    def doubt(self) -> None:
        """Forget the value, unless it was fetched just now: it may be no longer taken."""
        if self._clock() - self._got_at_s >= _FRESH_S:
            self._good_until_s = 0.0

    def _start(self) -> asyncio.Task[None]:
        self._task = asyncio.get_running_loop().create_task(self._run())
        return self._task

    async def _run(self) -> None:
        try:
            value, lasts_s = await self._fetch()
        except LockgateError as error:
            self._failure, self._paused_until_s = error, self._clock() + _PAUSE_S
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait must hear of it
            # Its text could hold a value: only what kind it is.
            logger.error("a credential could not be fetched: %s", type(error).__name__)  # noqa: TRY400
            self._failure = UpstreamConnectError("the provider's credential cannot be fetched")
            self._paused_until_s = self._clock() + _PAUSE_S
        else:
            self._take(value, lasts_s)
        finally:
            self._task = None

    def _take(self, value: ValueT, lasts_s: float) -> None:
        at_s = self._clock()
        margin_s = min(_MARGIN_S, lasts_s * _RENEW_SHARE)
        self._value, self._failure = value, None
        self._got_at_s = at_s
        self._good_until_s = at_s + lasts_s - margin_s
        self._renew_at_s = at_s + lasts_s - max(margin_s, min(_RENEW_S, lasts_s * _RENEW_SHARE))

    def _fail(self) -> LockgateError:
        """Return the failure anew: one object raised to many would gather their stacks."""
        failure = self._failure
        if failure is None:  # it was good for no moment
            return UpstreamConnectError("the provider's credential ended as soon as it was given")
        return type(failure)(failure.detail)
