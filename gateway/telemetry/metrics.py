"""Counters and histograms of the data plane, and their Prometheus text.

Counting is one dictionary addition; names, types and text are made only when
somebody reads ``/metrics``.

Rule: label values come from the configuration or from our own tables, never from
a client, so that no caller can grow the number of series.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# Upper bounds in seconds. A model answers in 0.1 to 100 s, the gateway adds 0.05 to 5 ms.
_ANSWER_BOUNDS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
_OVERHEAD_BOUNDS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1.0)

_Rows = list[tuple[tuple[str, ...], float]]
# What a worker has at this moment: its meaning, and what makes one number of those of several.
_LEVELS: Final[dict[str, tuple[str, Callable[[float, float], float]]]] = {
    "requests_queued": ("Client requests that wait for a place", operator.add),
    "connections": ("Clients' connections", operator.add),
    "loop_lag_seconds": ("How late the slowest worker's event loop is", max),
}

_Family = type[GaugeMetricFamily] | type[CounterMetricFamily]


class TokenCounts(Protocol):
    """Token counts of one answer; None is "not said"."""

    @property
    def input_tokens(self) -> int | None: ...  # noqa: D102  the class says it
    @property
    def output_tokens(self) -> int | None: ...  # noqa: D102  the class says it
    @property
    def cache_read_tokens(self) -> int | None: ...  # noqa: D102  the class says it
    @property
    def cache_write_tokens(self) -> int | None: ...  # noqa: D102  the class says it
    @property
    def reasoning_tokens(self) -> int | None: ...  # noqa: D102  the class says it


class Histogram:
    """Counts of observations per bucket, and their sum."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value into its bucket."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def dump(self) -> list[Any]:
        """Return counts and sum as JSON's own kinds."""
        return [self._counts, self.sum]

    def add(self, dumped: list[Any]) -> None:
        """Add what `dump` of a histogram with the same bounds returned."""
        counts, total = dumped
        self._counts = [own + other for own, other in zip(self._counts, counts, strict=True)]
        self.sum += total

    def buckets(self) -> list[tuple[str, float]]:
        """Return cumulative counts by upper bound, as Prometheus has them."""
        total = 0
        rows: list[tuple[str, float]] = []
        for bound, count in zip((*self._bounds, None), self._counts, strict=True):
            total += count
            rows.append(("+Inf" if bound is None else repr(bound), float(total)))
        return rows


class Metrics:
    """The process's numbers; one object per process, handed to whoever counts."""

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._tokens: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._durations: dict[str, Histogram] = {}
        self._first_bytes: dict[str, Histogram] = {}
        self._overhead = Histogram(_OVERHEAD_BOUNDS_S)
        self._watched: dict[str, tuple[_Family, str, Callable[[], float]]] = {}
        self._tables: dict[str, tuple[str, Sequence[str], Callable[[], _Rows]]] = {}
        self._refusals: defaultdict[str, int] = defaultdict(int)
        # By name what the process has now and what other processes said that they have.
        self._measured: dict[str, Callable[[], float]] = {}
        self._levels: dict[str, float] = dict.fromkeys(_LEVELS, 0.0)
        self.in_flight = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Reader(self))

    # --- counting -------------------------------------------------------------------------

    def count_request(
        self, endpoint: str, dialect: str, status: int, duration_s: float, overhead_s: float
    ) -> None:
        """Count one finished client request; `endpoint` is "" where none was reached."""
        self._requests[endpoint, dialect, status] += 1
        self._observe(self._durations, endpoint, duration_s)
        self._overhead.observe(overhead_s)

    def count_attempt(self, provider: str, outcome: str, first_byte_s: float | None) -> None:
        """Count one upstream call; `outcome` is "ok" or the error's stable code."""
        self._attempts[provider, outcome] += 1
        if first_byte_s is not None:
            self._observe(self._first_bytes, provider, first_byte_s)

    def count_tokens(self, endpoint: str, provider: str, usage: TokenCounts) -> None:
        """Add the tokens of one answer."""
        tokens = self._tokens
        if usage.input_tokens:
            tokens[endpoint, provider, "input"] += usage.input_tokens
        if usage.output_tokens:
            tokens[endpoint, provider, "output"] += usage.output_tokens
        if usage.cache_read_tokens:
            tokens[endpoint, provider, "cache_read"] += usage.cache_read_tokens
        if usage.cache_write_tokens:
            tokens[endpoint, provider, "cache_write"] += usage.cache_write_tokens
        if usage.reasoning_tokens:
            tokens[endpoint, provider, "reasoning"] += usage.reasoning_tokens

    def count_refusal(self, reason: str) -> None:
        """Count a request or a connection that was refused for want of room."""
        self._refusals[reason] += 1

    def count_refused_request(self, dialect: str, status: int) -> None:
        """Count a request that was refused before it began: it has taken no time."""
        self._requests["", dialect, status] += 1

    def measure(self, name: str, read: Callable[[], float]) -> None:
        """Take the value of `read` for a level, one of `_LEVELS`, from now on."""
        self._measured[name] = read

    def watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Show the value of `read` as the gauge `lockgate_<name>` from now on."""
        self._watched[f"lockgate_{name}"] = (GaugeMetricFamily, help_text, read)

    def watch_total(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Show the value of `read`, which never goes back, as `lockgate_<name>_total`."""
        self._watched[f"lockgate_{name}"] = (CounterMetricFamily, help_text, read)

    def watch_table(
        self, name: str, help_text: str, labels: Sequence[str], read: Callable[[], _Rows]
    ) -> None:
        """Show the rows of `read`, label values and a number each, as `lockgate_<name>`."""
        self._tables[f"lockgate_{name}"] = (help_text, labels, read)

    @staticmethod
    def _observe(family: dict[str, Histogram], label: str, value: float) -> None:
        histogram = family.get(label)
        if histogram is None:
            histogram = family[label] = Histogram(_ANSWER_BOUNDS_S)
        histogram.observe(value)

    # --- adding up processes --------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return what was counted here, without what is watched, as JSON's own kinds."""
        return {
            "requests": [[*labels, count] for labels, count in self._requests.items()],
            "attempts": [[*labels, count] for labels, count in self._attempts.items()],
            "tokens": [[*labels, count] for labels, count in self._tokens.items()],
            "durations": {label: row.dump() for label, row in self._durations.items()},
            "first_bytes": {label: row.dump() for label, row in self._first_bytes.items()},
            "overhead": self._overhead.dump(),
            "in_flight": self.in_flight,
            "refusals": dict(self._refusals),
            "levels": {name: self._read_level(name) for name in _LEVELS},
        }

    def add(self, dumped: Mapping[str, Any]) -> None:
        """Add what another process has counted (`dump`), made to be of the right kinds.

        Raises:
            LookupError, TypeError, ValueError: it is not of that shape.
        """
        for endpoint, dialect, status, count in dumped["requests"]:
            self._requests[str(endpoint), str(dialect), int(status)] += int(count)
        for provider, outcome, count in dumped["attempts"]:
            self._attempts[str(provider), str(outcome)] += int(count)
        for endpoint, provider, kind, count in dumped["tokens"]:
            self._tokens[str(endpoint), str(provider), str(kind)] += int(count)
        for family, rows in (
            (self._durations, dumped["durations"]),
            (self._first_bytes, dumped["first_bytes"]),
        ):
            for label, row in rows.items():
                family.setdefault(label, Histogram(_ANSWER_BOUNDS_S)).add(row)
        self._overhead.add(dumped["overhead"])
        self.in_flight += int(dumped["in_flight"])
        for reason, count in dumped["refusals"].items():
            self._refusals[str(reason)] += int(count)
        for name, (_, join) in _LEVELS.items():
            self._levels[name] = join(self._levels[name], float(dumped["levels"].get(name, 0.0)))

    def _read_level(self, name: str) -> float:
        read = self._measured.get(name)
        return _LEVELS[name][1](self._levels[name], 0.0 if read is None else float(read()))

    # --- reading --------------------------------------------------------------------------

    def render(self, others: Iterable[Mapping[str, Any]] = ()) -> bytes:
        """Return all numbers in Prometheus' text format 0.0.4, with those of `others` added."""
        total = Metrics()
        total._watched, total._tables = self._watched, self._tables
        for dumped in (self.dump(), *others):
            total.add(dumped)
        return generate_latest(total._registry)

    def families(self) -> Iterator[Metric]:
        """Return the numbers as Prometheus metric families."""
        yield from self._counters()
        yield from self._histograms()
        for name, (family, help_text, read) in self._watched.items():
            yield family(name, help_text, value=read())
        for name, (help_text, labels, read_rows) in self._tables.items():
            table = GaugeMetricFamily(name, help_text, labels=labels)
            for values, number in read_rows():
                table.add_metric(values, number)
            yield table
        yield GaugeMetricFamily(
            "lockgate_requests_in_flight", "Client requests being served", value=self.in_flight
        )
        for name, (help_text, _) in _LEVELS.items():
            yield GaugeMetricFamily(f"lockgate_{name}", help_text, value=self._read_level(name))

    def _counters(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "lockgate_requests", "Client requests", labels=["endpoint", "dialect", "status"]
        )
        for (endpoint, dialect, status), count in self._requests.items():
            requests.add_metric([endpoint, dialect, str(status)], count)
        yield requests
        attempts = CounterMetricFamily(
            "lockgate_attempts", "Calls of model providers", labels=["provider", "outcome"]
        )
        for attempt_labels, count in self._attempts.items():
            attempts.add_metric(list(attempt_labels), count)
        yield attempts
        tokens = CounterMetricFamily(
            "lockgate_tokens", "Tokens booked", labels=["endpoint", "provider", "kind"]
        )
        for token_labels, count in self._tokens.items():
            tokens.add_metric(list(token_labels), count)
        yield tokens
        refusals = CounterMetricFamily(
            "lockgate_refused", "Requests and connections without room", labels=["reason"]
        )
        for reason, refused in self._refusals.items():
            refusals.add_metric([reason], refused)
        yield refusals

    def _histograms(self) -> Iterator[Metric]:
        yield _histogram_family(
            "lockgate_request_duration_seconds", "Whole client request", "endpoint", self._durations
        )
        yield _histogram_family(
            "lockgate_first_byte_seconds", "Provider's first byte", "provider", self._first_bytes
        )
        overhead = HistogramMetricFamily(
            "lockgate_overhead_seconds", "Time spent in the gateway itself"
        )
        overhead.add_metric([], self._overhead.buckets(), self._overhead.sum)
        yield overhead


class _Reader(Collector):
    """Lets prometheus-client's exposition read a `Metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families()


def _histogram_family(
    name: str, help_text: str, label: str, rows: dict[str, Histogram]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, help_text, labels=[label])
    for value, histogram in rows.items():
        family.add_metric([value], histogram.buckets(), histogram.sum)
    return family
