"""The simulator as a server on loopback: it records each call, answers it, and misbehaves.

Rule: a credential is checked before any fault is chosen, so that no fault hides a wrong key;
every call is recorded, also the refused and the unknown ones.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Self

from aiohttp import web

from gateway.errors import MalformedRequestError
from gateway.simulator.calls import MOST_CALLS, ReceivedCall, find_body, record_call
from gateway.simulator.delivery import deliver
from gateway.simulator.exchange import build_digest
from gateway.simulator.faultplan import FaultPlan
from gateway.simulator.faults import (
    FAULT_HEADER,
    Fault,
    build_merged_fault,
    parse_fault,
    parse_model,
)
from gateway.simulator.outcomes import Answerer, Outcome
from gateway.simulator.routes import Match, find_match, find_vendor
from gateway.simulator.sigv4 import KeyPair

_MOST_BODY_BYTES = 64 * 1024 * 1024
"""Larger than any gateway lets through, so that the limit met is the gateway's."""


class Simulator:
    """The state of one simulated provider and its request handler."""

    def __init__(
        self,
        *,
        name: str = "sim",
        key: str | None = None,
        key_pair: KeyPair | None = None,
        strict: bool = True,
    ) -> None:
        self.name = name
        self.calls: list[ReceivedCall] = []
        self.plan = FaultPlan()
        self.stopping = asyncio.Event()
        self.key = key
        self.key_pair = key_pair
        self.strict = strict
        self._serial = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        call = await record_call(request)
        self._serial += 1
        self.calls.append(call)
        del self.calls[:-MOST_CALLS]
        try:
            outcome = self._answer(call, serial=self._serial)
            return await deliver(
                request,
                outcome.reply,
                outcome.fault,
                error_event=outcome.error_event,
                stopping=self.stopping,
            )
        except ConnectionError:
            call.client_gone = True
            return web.Response()  # nobody is there; aiohttp drops it without a log line
        except asyncio.CancelledError:
            call.client_gone = not self.stopping.is_set()
            raise
        finally:
            call.done.set()

    def _answer(self, call: ReceivedCall, *, serial: int) -> Outcome:
        headers = {name.lower(): value for name, value in call.headers.items()}
        match = find_match(call.method, call.path, headers, call.query)
        vendor = match.surface.vendor if match else find_vendor(call.path, headers, call.query)
        request_id = f"req_{build_digest(self.name, serial)[:24]}"
        answerer = Answerer(vendor, match, call, headers, request_id, self.strict)
        try:
            model, asked = parse_model(_find_model(match, call))
            asked = build_merged_fault(asked, parse_fault(headers.get(FAULT_HEADER, "")))
        except MalformedRequestError as error:
            return answerer.build_refusal(vendor.build_problem("bad-fault", detail=error.detail))
        refused = answerer.find_key_problem(self.key, self.key_pair)
        if refused is not None:
            return answerer.build_refusal(refused)
        fault = build_merged_fault(asked, self.plan.decide(model))
        return answerer.build_outcome(self.name, model, fault, serial)


def _find_model(match: Match | None, call: ReceivedCall) -> str:
    if match is None or match.model:
        return match.model if match else ""
    model = (find_body(call) or {}).get("model")
    return model if isinstance(model, str) else ""


def build_simulator_app(simulator: Simulator) -> web.Application:
    """Build the aiohttp application of a simulator; its shutdown ends every silent call."""
    app = web.Application(client_max_size=_MOST_BODY_BYTES)
    app.router.add_route("*", "/{path:.*}", simulator.handle)

    async def stop(_app: web.Application) -> None:
        simulator.stopping.set()

    app.on_shutdown.append(stop)
    return app


class RunningSimulator:
    """A simulator that listens; close it when done, or use it in ``async with``."""

    def __init__(self, simulator: Simulator, runner: web.AppRunner, url: str, port: int) -> None:
        self.url = url
        self.port = port
        self._simulator = simulator
        self._runner = runner

    @property
    def key(self) -> str | None:
        """The only credential that is right; None where any is."""
        return self._simulator.key

    @property
    def calls(self) -> list[ReceivedCall]:
        """The latest calls received, in order (at most 10,000); clear the list to forget them."""
        return self._simulator.calls

    def set_fault(
        self,
        fault: Fault | str,
        *,
        times: int | None = None,
        every: int = 1,
        model: str | None = None,
    ) -> None:
        """Plan a fault for the calls to come (see ``FaultPlan.add``).

        Raises:
            MalformedRequestError: the text is no fault.
        """
        self._simulator.plan.add(fault, times=times, every=every, model=model)

    def clear_faults(self) -> None:
        """Let every call to come go well again."""
        self._simulator.plan.clear()

    async def close(self) -> None:
        """Stop listening and end the calls that still run."""
        await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()


async def start_simulator(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    key: str | None = None,
    name: str = "sim",
    tls: ssl.SSLContext | None = None,
    strict: bool = True,
    key_pair: tuple[str, str] | None = None,
) -> RunningSimulator:
    """Start a provider that speaks the formats of all vendors at once.

    Args:
        host: the address to listen on.
        port: the port; 0 takes a free one.
        key: the only credential that is right; None accepts any and none.
        name: what its answers call it.
        tls: serve HTTPS with this context.
        strict: refuse what the real providers refuse.
        key_pair: AWS access key and secret that signed requests must be signed with; None lets
            every signature in.

    Raises:
        OSError: the port is taken.
    """
    pair = None if key_pair is None else KeyPair(*key_pair)
    simulator = Simulator(name=name, key=key, key_pair=pair, strict=strict)
    app = build_simulator_app(simulator)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, host, port, ssl_context=tls).start()
    bound: int = runner.addresses[0][1]
    scheme = "https" if tls else "http"
    return RunningSimulator(simulator, runner, f"{scheme}://{host}:{bound}", bound)
