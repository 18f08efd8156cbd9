"""What rests on the event loop's transports, once more on the loop that the server runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.proxy.upstream import test_answer, test_client, test_connect, test_pool, test_tunnel

uvloop = pytest.importorskip("uvloop", reason="uvloop does not run here")

CASES = [
    test_answer.test_a_body_of_many_packets,
    test_answer.test_a_slow_reader_stops_the_reading,
    test_answer.test_a_provider_that_does_not_take_the_body,
    test_answer.test_a_wait_that_is_given_up_closes_the_connection,
    test_client.test_a_dead_pooled_connection_is_replaced_once,
    test_client.test_tls_is_checked_and_never_downgraded,
    test_connect.test_connections_are_reused_under_tls_too,
    test_connect.test_only_http_1_is_offered_and_the_name_is_sent,
    test_connect.test_a_body_without_length_needs_the_end_of_tls,
    test_connect.test_the_next_address_is_tried_if_one_refuses,
    test_connect.test_nobody_listens,
    test_connect.test_a_handshake_that_never_ends,
    test_pool.test_free_connections_are_closed_without_anybody_asking,
    test_pool.test_the_end_closes_what_is_free_and_what_is_in_use,
    test_tunnel.test_a_proxy_that_says_nothing,
    test_tunnel.test_a_proxy_that_is_not_there,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_on_uvloop(case: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(case())


@pytest.mark.parametrize("secured", [False, True])
def test_a_proxy_on_uvloop(secured: bool) -> None:
    case = test_tunnel.test_https_goes_through_the_proxy_and_stays_secret
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(case(secured))
