"""What rests on the event loop's transports, once more on the loop that the server runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from gateway.simulator import start_simulator
from tests.proxy.front import (
    test_connection,
    test_isolation,
    test_leaving,
    test_listener,
    test_refusals,
)
from tests.proxy.front.rig import LIST, request
from tests.proxy.rig import CANARY

uvloop = pytest.importorskip("uvloop", reason="uvloop does not run here")

CASES: list[Callable[..., Awaitable[None]]] = [
    test_connection.test_pipelined_requests_are_answered_in_order,
    test_connection.test_many_pipelined_requests,
    test_connection.test_requests_byte_by_byte,
    test_connection.test_a_client_is_told_to_continue_once,
    test_connection.test_an_old_client_gets_a_stream_without_chunks,
    test_refusals.test_a_stranger_with_a_large_body_reads_the_refusal,
    partial(test_refusals.test_a_client_that_sends_far_too_much_reads_the_refusal, framed=False),
    partial(test_refusals.test_a_head_that_is_too_large, step=0),
    test_refusals.test_a_client_that_first_sends_all_of_it_reads_the_refusal_after,
    test_refusals.test_what_is_passed_on_is_whole_however_it_was_cut,
    test_refusals.test_an_sdk_goes_on_after_an_unknown_path,
    test_refusals.test_a_request_behind_an_unknown_path_reaches_no_provider,
    partial(
        test_leaving.test_a_client_that_hangs_up_ends_the_call_of_the_provider,
        fault="hang",
        how="close",
        stream=False,
    ),
    partial(
        test_leaving.test_a_client_that_hangs_up_ends_the_call_of_the_provider,
        fault="chunks=1000,slow-chunk-ms=50",
        how="reset",
        stream=True,
    ),
    test_leaving.test_a_client_that_does_not_read_holds_its_provider_back,
    test_leaving.test_the_deadline_ends_what_nobody_reads,
    test_leaving.test_who_does_not_read_answers_is_not_served_on,
    test_isolation.test_no_byte_of_one_answer_is_ever_in_anothers,
    partial(test_listener.test_a_head_that_does_not_come, before=LIST),
    partial(test_listener.test_a_body_that_does_not_come, wire=request(b"x" * 100)[:-50]),
    test_listener.test_a_connection_that_is_not_used_is_closed,
    test_listener.test_a_drain_lets_requests_finish_and_says_so,
    test_listener.test_a_stream_that_is_cut_when_the_drain_is_over_ends_with_an_error,
    test_listener.test_closing_leaves_nothing_behind,
]


def name_of(case: Any) -> str:
    return str(getattr(case, "func", case).__name__)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_on_uvloop(case: Callable[..., Awaitable[None]]) -> None:
    async def run() -> None:
        async with await start_simulator(key=CANARY, name="first") as sim:
            code = getattr(case, "func", case).__code__
            await (case(sim=sim) if "sim" in code.co_varnames[: code.co_argcount] else case())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
