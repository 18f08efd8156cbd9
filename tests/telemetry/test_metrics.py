from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.dialects import Usage
from gateway.telemetry import Metrics


def read(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_counters_add_up_by_their_labels() -> None:
    metrics = Metrics()
    for status in (200, 200, 502):
        metrics.count_request("chat", "openai_chat", status, 0.3, 0.0002)
    metrics.count_attempt("openai", "ok", 0.2)
    metrics.count_attempt("openai", "upstream_reset", None)
    metrics.count_tokens("chat", "openai", Usage(10, 5, None, 0, 3))
    metrics.count_tokens("chat", "openai", Usage(1))
    values = read(metrics)
    labels = {"endpoint": "chat", "dialect": "openai_chat"}
    assert values[key("lockgate_requests_total", status="200", **labels)] == 2
    assert values[key("lockgate_requests_total", status="502", **labels)] == 1
    assert values[key("lockgate_attempts_total", provider="openai", outcome="upstream_reset")] == 1
    tokens = {"endpoint": "chat", "provider": "openai"}
    assert values[key("lockgate_tokens_total", kind="input", **tokens)] == 11
    assert key("lockgate_tokens_total", kind="cache_write", **tokens) not in values


def test_a_value_on_a_bound_falls_into_its_bucket() -> None:
    metrics = Metrics()
    for duration_s in (0.05, 0.0500001, 1000.0):
        metrics.count_request("chat", "openai_chat", 200, duration_s, 0.0)
    values = read(metrics)
    name = "lockgate_request_duration_seconds"
    assert values[key(f"{name}_bucket", endpoint="chat", le="0.05")] == 1
    assert values[key(f"{name}_bucket", endpoint="chat", le="0.1")] == 2
    assert values[key(f"{name}_bucket", endpoint="chat", le="300.0")] == 2
    assert values[key(f"{name}_bucket", endpoint="chat", le="+Inf")] == 3
    assert values[key(f"{name}_count", endpoint="chat")] == 3
    assert values[key(f"{name}_sum", endpoint="chat")] > 1000


def test_a_gauge_is_read_when_asked() -> None:
    metrics = Metrics()
    level = [1.0]
    metrics.watch("ledger_backlog", "Rows waiting", lambda: level[0])
    assert read(metrics)[key("lockgate_ledger_backlog")] == 1
    level[0] = 7
    metrics.in_flight += 2
    assert read(metrics)[key("lockgate_ledger_backlog")] == 7
    assert read(metrics)[key("lockgate_requests_in_flight")] == 2


def test_odd_label_values_keep_the_format() -> None:
    metrics = Metrics()
    metrics.count_request('a"b\\c', "openai_chat", 200, 0.1, 0.0)
    assert any(dict(labels).get("endpoint") == 'a"b\\c' for _, labels in read(metrics))
