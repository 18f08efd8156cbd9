"""``python -m bench.micro``: what single steps cost, each called by itself.

Rule: real functions of the pure packages only; what is missing in a version is a row that says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.figures import table
from bench.many import build_endpoint, build_model
from bench.mock import PLAIN, STREAM_PARTS
from bench.wire import dump_body
from gateway.clock import SystemClock
from gateway.dialects import DIALECTS, parse_head
from gateway.entities import (
    Configuration,
    Dialect,
    SealContext,
    SealedSecret,
    SecretId,
    UsageRow,
)
from gateway.routing.plan import plan
from gateway.routing.snapshot import build_snapshot
from gateway.secret import Secret
from gateway.vault import aead
from gateway.vault.envelope import RecordOpener, RecordSealer
from gateway.vault.keyring import build_key_file_protection, create_installation, open_keyring

_ROUND_S = 0.1
_ROUNDS = 5
_CHAT = DIALECTS[Dialect.OPENAI_CHAT]
_SECRET_ID = SecretId("s-" + "0" * 32)


@dataclass(frozen=True, slots=True)
class Step:
    """A function to call; `parts` is how many units one call does (chunks of a stream)."""

    name: str
    call: Callable[[], object]
    parts: int = 1


def time_call(
    call: Callable[[], object], round_s: float = _ROUND_S, rounds: int = _ROUNDS
) -> float:
    """Return the seconds of one call: the best of some rounds, since noise only adds."""
    call()
    count, took_s = 1, 0.0
    while (took_s := _repeat(call, count)) < round_s / 2 and count < 10_000_000:
        count *= max(2, int(round_s / max(took_s, 1e-7) / 2))
    return min([took_s, *(_repeat(call, count) for _ in range(rounds - 1))]) / count


def _repeat(call: Callable[[], object], count: int) -> float:
    turns = range(count)
    gc.disable()
    started = time.perf_counter()
    for _ in turns:
        call()
    took_s = time.perf_counter() - started
    gc.enable()
    return took_s


def build_configuration(count: int) -> Configuration:
    """Return a configuration with `count` endpoints."""
    sealed = SealedSecret(
        secret_id=_SECRET_ID,
        secret_name="bench",
        provider="openai_compatible",
        auth_config={},
        secret_version=1,
        kek_term=1,
        record=b"",
    )
    models = [build_model(_SECRET_ID, number) for number in range(count)]
    endpoints = tuple(
        build_endpoint(f"endpoint-{number}", (models[number], models[number - 1]))
        for number in range(count)
    )
    return Configuration(epoch=1, endpoints=endpoints, secrets=(sealed,), api_keys=())


def measure_snapshot_s(count: int) -> float:
    """Return the seconds that building a snapshot of `count` endpoints takes."""
    configuration = build_configuration(count)
    return time_call(lambda: build_snapshot(configuration), rounds=3)


def iter_steps() -> Iterator[Step]:
    """Yield all steps."""
    yield from _iter_routing()
    yield from _iter_vault()
    yield from _iter_bodies()
    yield from _iter_streams()
    yield from _iter_edges()


def _iter_routing() -> Iterator[Step]:
    route = build_snapshot(build_configuration(2)).endpoints["endpoint-0"]
    draws = SystemClock().monotonic_s() % 1
    yield Step(
        "plan: first target of two", lambda: next(plan(route, lambda: draws, lambda _: True))
    )
    for count in (10, 1_000, 10_000):
        configuration = build_configuration(count)
        yield Step(
            f"build_snapshot, {count:,} endpoints",
            lambda configuration=configuration: build_snapshot(configuration),
        )


def _iter_vault() -> Iterator[Step]:
    unlocking = Secret(aead.random_bytes(aead.KEY_BYTES))
    meta, term = create_installation(unlocking, build_key_file_protection(), created_at=1)
    keyring = open_keyring(unlocking, meta, (term,))
    sealer, opener = RecordSealer(keyring), RecordOpener(keyring)
    context = SealContext(
        table="secrets",
        row_id=_SECRET_ID,
        name="bench",
        field="secret_value",
        version=1,
        provider="openai",
        origin="https://api.example.com",
    )
    value = Secret(b'{"api_key": "sk-0123456789abcdef0123456789abcdef"}')
    record = sealer.seal(context, value)
    yield Step("seal a credential", lambda: sealer.seal(context, value))
    yield Step("open a credential", lambda: opener.open(context, record))


def _iter_bodies() -> Iterator[Step]:
    for size, name in ((600, "600 B"), (10_000, "10 KB"), (1_000_000, "1 MB")):
        body = dump_body("chat", stream=False, size=size)
        yield Step(f"parse_head, {name}", lambda body=body: parse_head(body))
        names = ("cut_model", "replace_model")
        yield _find_step(f"put the model's name in, {name}", "gateway.dialects", names, body, "gpt")


def _iter_streams() -> Iterator[Step]:
    events = [data for part in STREAM_PARTS for data in part.split(b"\r\n")[1::2] if data]

    def watch() -> None:
        watching = _CHAT.watch()
        for event in events:
            watching.feed(event)

    yield Step("watch a stream, per chunk", watch, len(events))
    answer = PLAIN.partition(b"\r\n\r\n")[2]
    yield Step("parse_usage, 600 B answer", lambda: _CHAT.parse_usage(answer))


def _iter_edges() -> Iterator[Step]:
    """Steps of the edges: found by name, since they may move."""
    row = UsageRow(
        request_id="0" * 32,
        attempt=1,
        endpoint_id="e-" + "0" * 32,
        endpoint_name="bench",
        model_definition_id="d-" + "0" * 32,
        model_definition_name="one",
        provider="openai",
        api_key_id="k-" + "0" * 32,
        client_dialect="openai_chat",
        upstream_dialect="openai_chat",
        started_at=1_700_000_000_000,
    )
    yield _find_step("dump a ledger row", "gateway.store.usage", ("_dump",), row)
    headers = "gateway.proxy.headers"
    yield _find_step("our answer headers: target", headers, ("build_target_lines",), *"abc")
    values = ("0" * 32, b"x-lockgate-endpoint: a\r\n", 1, 0.0001)
    yield _find_step("our answer headers: the rest", headers, ("build_own_lines",), *values)


def _find_step(name: str, module: str, functions: tuple[str, ...], *values: object) -> Step:
    import importlib

    try:
        owner = importlib.import_module(module)
        function = next((name for name in functions if hasattr(owner, name)), functions[0])
        found = getattr(owner, function)
        found(*values)
    except (ImportError, AttributeError, TypeError) as error:
        reason = error

        def refuse() -> None:
            raise LookupError(str(reason))

        return Step(name, refuse)
    return Step(name, lambda: found(*values))


def measure(only: str = "", *, quick: bool = False) -> list[dict[str, Any]]:
    """Time the steps whose names hold `only`."""
    rows = []
    for step in iter_steps():
        if only not in step.name:
            continue
        try:
            took_s = time_call(step.call, 0.02 if quick else _ROUND_S, 2 if quick else _ROUNDS)
        except LookupError as error:
            rows.append({"step": step.name, "us": None, "note": str(error)})
        else:
            rows.append({"step": step.name, "us": took_s / step.parts * 1e6, "note": ""})
    return rows


def _show(us: float | None) -> str:
    if us is None:
        return "-"
    return (
        f"{us * 1000:.0f} ns" if us < 1 else f"{us:.2f} µs" if us < 1000 else f"{us / 1000:.2f} ms"
    )


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.micro", description=__doc__)
    parser.add_argument("--only", default="", help="steps whose names hold this")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = measure(arguments.only, quick=arguments.quick)
    if not rows:
        parser.error(f"no step's name holds {arguments.only!r}")
    if arguments.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        table(("step", "time", ""), [(row["step"], _show(row["us"]), row["note"]) for row in rows])
    )


if __name__ == "__main__":
    main()
