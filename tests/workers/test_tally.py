from __future__ import annotations

from typing import Any

import orjson

from gateway.dialects import Usage
from gateway.telemetry.metrics import Metrics
from gateway.workers.tally import Tally
from tests.telemetry.test_metrics import key, read


def count(requests: int, in_flight: int = 0) -> dict[str, Any]:
    """What a worker says after so many requests, as it comes over the wire."""
    metrics = Metrics()
    for _ in range(requests):
        metrics.count_request("chat", "openai_chat", 200, 0.2, 0.0003)
        metrics.count_attempt("openai", "ok", 0.1)
        metrics.count_tokens("chat", "openai", Usage(3))
    metrics.in_flight = in_flight
    return dict(orjson.loads(orjson.dumps(metrics.dump())))


class Sum(Metrics):
    """The sums, read as a metrics page."""

    def __init__(self, tally: Tally, *running: dict[str, Any] | None) -> None:
        super().__init__()
        self._others = tally.list_counters(running)

    def render(self, others: object = ()) -> bytes:
        return super().render(self._others)


def test_workers_are_added_up() -> None:
    labels = {"endpoint": "chat", "dialect": "openai_chat", "status": "200"}
    values = read(Sum(Tally(), count(3, in_flight=1), count(4, in_flight=2), None))
    assert values[key("lockgate_requests_total", **labels)] == 7
    assert values[key("lockgate_attempts_total", provider="openai", outcome="ok")] == 7
    tokens = {"endpoint": "chat", "provider": "openai", "kind": "input"}
    assert values[key("lockgate_tokens_total", **tokens)] == 21
    assert values[key("lockgate_request_duration_seconds_count", endpoint="chat")] == 7
    assert values[key("lockgate_first_byte_seconds_count", provider="openai")] == 7
    assert values[key("lockgate_overhead_seconds_count")] == 7
    assert values[key("lockgate_requests_in_flight")] == 3


def test_refusals_and_levels_of_workers_are_joined() -> None:
    dumps = []
    for connections, lag_s in ((3, 0.5), (4, 0.25)):
        metrics = Metrics()
        metrics.count_refusal("busy")
        metrics.measure("connections", lambda count=connections: count)
        metrics.measure("loop_lag_seconds", lambda lag_s=lag_s: lag_s)
        dumps.append(dict(orjson.loads(orjson.dumps(metrics.dump()))))
    tally = Tally()
    tally.retire(dumps[0])
    values = read(Sum(tally, *dumps))
    assert values[key("lockgate_refused_total", reason="busy")] == 3
    assert values[key("lockgate_connections")] == 7  # the ended one's are gone
    assert values[key("lockgate_loop_lag_seconds")] == 0.5  # of the slowest


def test_what_an_ended_worker_counted_stays_but_it_serves_nothing() -> None:
    tally = Tally()
    tally.retire(count(5, in_flight=4))
    tally.retire(None)  # one that ended before it was ever asked
    labels = {"endpoint": "chat", "dialect": "openai_chat", "status": "200"}
    values = read(Sum(tally, count(1)))
    assert values[key("lockgate_requests_total", **labels)] == 6
    assert values[key("lockgate_requests_in_flight")] == 0
