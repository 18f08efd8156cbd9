"""``python -m bench.fuzz``: mutated requests at a gateway before a provider that reads strictly.

Every connection must be answered or closed in time, no answer may be a fault of the gateway's, each
accepted request must be exactly one request upstream, and whatever comes there must be well-formed,
with the stored credential and never the client's. Exit 1 on any finding; the same seed gives the
same requests.

Behind each mutated request goes a good one with a name of its own: its answer tells that all before
it was answered. Where it does not come, the gateway waits for the rest of something, or has closed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import loops
from bench import rest as control
from bench.load import positive
from bench.mutate import build_seeds, mutate
from bench.processes import raise_file_limit
from bench.strict import ANTHROPIC_KEY, GEMINI_KEY, OPENAI_KEY
from bench.subjects import NotThereError, Subject, start_gateway, start_mock
from bench.wire import Target

_QUIET_S = 2.0  # without the last answer: the gateway waits for more, or hangs
_WAIT_S = 25.0  # then it has to give up by itself: its limits are 10 s, the machine may be busy
_WATCHED = 256  # connections at a time whose giving up is waited for; others are cut
_CUT_SHARE = 0.1  # of all requests: the client hangs up in the middle
_PROVIDER_KEYS = tuple(key.encode() for key in (OPENAI_KEY, ANTHROPIC_KEY, GEMINI_KEY))
_CLIENTS_5XX = (501, 505)  # method and version unknown: the caller's fault
_FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, head in lower case, body with its framing."""

    status: int
    head: bytes
    body: bytes

    def find(self, name: bytes) -> bytes:
        """Return a header's value, empty where it is not there."""
        return self.head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0]


def take_answers(buffer: bytes) -> tuple[list[Answer], bytes]:
    """Return the whole answers in a buffer and what is left of it.

    Raises:
        ValueError: it is no answer.
    """
    answers: list[Answer] = []
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        head = buffer[: end + 2].lower()
        if not re.match(rb"http/1\.[01] [1-5][0-9][0-9] ", head):
            raise ValueError("an answer begins oddly")
        start, status = end + 4, int(head[9:12])
        after = _find_body_end(buffer, start, status, head)
        if after < 0:
            break
        answers.append(Answer(status, head, buffer[start:after]))
        buffer = buffer[after:]
    return answers, buffer


def _find_body_end(buffer: bytes, start: int, status: int, head: bytes) -> int:
    """Return where an answer ends, -1 where its end is not there yet."""
    # An answer to HEAD has a length and no body; no body of a gateway begins like this.
    if status == 100 or buffer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "), start):
        return start
    length = re.search(rb"\r\ncontent-length: ([0-9]+)\r\n", head)
    if length is not None:
        after = start + int(length[1])
        return after if after <= len(buffer) else -1
    if b"\r\ntransfer-encoding: chunked\r\n" not in head:
        if b"\r\nconnection: close\r\n" not in head:
            raise ValueError("an answer without framing")
        return -1  # to a client of HTTP/1.0: it ends with the connection
    at = start
    while (end := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:end], 16)
        at = end + 2 + size + 2
        if size == 0:
            return at if at <= len(buffer) else -1
    return -1


@dataclass(slots=True)
class Findings:
    """Counts, and what should not have been."""

    counts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def note(self, what: str, sent: bytes = b"") -> None:
        """Note a finding; the first few with what was sent."""
        self.counts["findings"] += 1
        if len(self.found) < 20:
            self.found.append(f"{what}: {sent[:3000]!r}" if sent else what)


class Fuzzer:
    """Sends the requests; each lane has one connection at a time."""

    def __init__(self, target: Target, requests: int, seed: int, *, cuts: bool) -> None:
        self._target = target
        self._left = requests
        self._draw = random.Random(seed)
        self._cuts = cuts
        self._seeds = build_seeds(target.key)
        self._watching: set[asyncio.Task[None]] = set()
        self._taken: set[bytes] = set()
        self._number = 0
        self.findings = Findings()

    @property
    def accepted(self) -> int:
        """How many calls of the provider came back as answers."""
        return len(self._taken)

    async def run(self, lanes: int) -> Findings:
        """Run until no request is left and every watched connection has ended."""
        await asyncio.gather(*(self._run_lane() for _ in range(lanes)))
        await asyncio.gather(*self._watching)
        return self.findings

    async def _run_lane(self) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while self._left > 0:
            self._left -= 1
            sent = mutate(self._draw, self._draw.choice(self._seeds), self._seeds)
            if streams is None:
                streams = await asyncio.open_connection(*self._target.place)
            if self._cuts:
                await self._cut(streams, sent)
                streams = None
            elif not await self._ask(streams, sent):
                streams = None
        if streams is not None:
            streams[1].transport.abort()

    async def _cut(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], sent: bytes
    ) -> None:
        """Hang up within a request, or right behind it."""
        self.findings.counts["cut"] += 1
        writer = streams[1]
        writer.write(sent[: self._draw.randrange(len(sent) + 1)])
        with suppress(ConnectionError):
            await writer.drain()
        if self._draw.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()

    async def _ask(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], sent: bytes
    ) -> bool:
        """Send one request and the good one behind it; tell whether the connection stays."""
        reader, writer = streams
        self._number += 1
        last = b"end-%d" % self._number
        good = (
            b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n"
            b"x-lockgate-request-id: %b\r\n\r\n" % (self._target.key.encode(), last)
        )
        try:
            await self._send(writer, sent + good)
            async with asyncio.timeout(_QUIET_S):
                stays = await self._read(reader, last, sent)
        except TimeoutError:
            self._leave(streams, sent)
            return False
        if not stays:
            writer.transport.abort()
        return stays

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        cut = self._draw.randrange(len(data)) if self._draw.random() < 0.3 else 0
        with suppress(ConnectionError):
            for piece in (data[:cut], data[cut:]):
                writer.write(piece)
                await asyncio.sleep(0)

    async def _read(self, reader: asyncio.StreamReader, last: bytes, sent: bytes) -> bool:
        """Read answers until the last one; False where the connection ends before."""
        buffer = b""
        while True:
            try:
                data = await reader.read(1 << 16)
            except ConnectionError:
                data = b""
            if not data:
                self.findings.counts["closed"] += 1
                self._look_at_end(buffer, sent)
                return False
            try:
                answers, buffer = take_answers(buffer + data)
            except ValueError as error:
                self.findings.note(f"{error} {(buffer + data)[:300]!r}", sent)
                return False
            for answer in answers:
                self._look(answer, sent)
                if answer.find(b"x-lockgate-request-id") == last:
                    self.findings.counts["answered"] += 1
                    return b"\r\nconnection: close\r\n" not in answer.head

    def _look_at_end(self, buffer: bytes, sent: bytes) -> None:
        """Look at what stood before the end of a connection: nothing, or an answer without end."""
        if not buffer:
            return
        head, mark, body = buffer.partition(b"\r\n\r\n")
        head = head.lower() + b"\r\n"
        is_to_head = not body and b"\r\ncontent-length: " in head
        is_to_old = b"\r\nconnection: close\r\n" in head and b"\r\ntransfer-encoding: " not in head
        if mark and (is_to_head or (is_to_old and b"\r\ncontent-length: " not in head)):
            self._look(Answer(int(head[9:12]), head, body), sent)
        else:
            self.findings.note(f"half an answer {buffer[:200]!r}", sent)

    def _look(self, answer: Answer, sent: bytes) -> None:
        if answer.status == 100:
            return
        self.findings.statuses[answer.status] += 1
        if answer.status >= 500 and answer.status not in _CLIENTS_5XX:
            self.findings.note(f"status {answer.status} {answer.body[:200]!r}", sent)
        if any(key in answer.head + answer.body for key in _PROVIDER_KEYS):
            self.findings.note("a provider's key in an answer", sent)
        if answer.find(b"x-lockgate-attempts") == b"" and answer.status >= _FIRST_ERROR:
            self.findings.note(f"an answer that is not ours {answer.head[:200]!r}", sent)
        number = answer.find(b"x-request-id")
        if not number:
            return
        if number in self._taken or answer.find(b"x-lockgate-attempts") != b"1":
            self.findings.note("a request that was sent twice", sent)
        self._taken.add(number)

    def _leave(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], sent: bytes
    ) -> None:
        """Let the gateway give a connection up by itself, or cut it where many wait already."""
        self.findings.counts["waited for more"] += 1
        if len(self._watching) >= _WATCHED:
            streams[1].transport.abort()
            return
        task = asyncio.create_task(self._watch(streams, sent))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _watch(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], sent: bytes
    ) -> None:
        self.findings.counts["seen giving up"] += 1
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._read(streams[0], b"", sent)
        except TimeoutError:
            self.findings.note("a connection that is neither answered nor closed", sent)
        streams[1].transport.abort()


def set_up(gateway: Subject, mock: Subject) -> str:
    """Create an endpoint of each vendor and a client's key; return the key."""
    rest = gateway.rest
    for endpoint, provider, key, model, base in (
        ("chat", "openai", OPENAI_KEY, "gpt-strict", f"{mock.url}/v1"),
        ("claude", "anthropic", ANTHROPIC_KEY, "claude-strict", mock.url),
        ("gem", "gemini", GEMINI_KEY, "gemini-strict", mock.url),
    ):
        secret = rest.create(
            "secrets",
            {
                "secret_name": endpoint,
                "provider": provider,
                "secret_value": {"api_key": key},
                "auth_config": {"api_base": base},
            },
        )
        definition = rest.create(
            "model-definitions",
            {
                "name": endpoint,
                "provider": provider,
                "model_name": model,
                "secret_id": secret["secret_id"],
            },
        )
        control.create_endpoint(rest, endpoint, {definition["model_definition_id"]: 1})
    return control.create_key(rest, "fuzz")


def _ask_mock(mock: Subject, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{mock.url}{path}", timeout=30) as response:
        return json.load(response)


def run_fuzz(requests: int, seed: int, *, lanes: int, workers: int = 1) -> dict[str, Any]:
    """Run everything and return counts and findings."""
    cut = int(requests * _CUT_SHARE)
    with tempfile.TemporaryDirectory() as name, start_mock("bench.strict") as mock:
        data = Path(name) / "data"
        with start_gateway(mock, data, workers=workers) as gateway:
            key = set_up(gateway, mock)
            _ask_mock(mock, f"/key/{key}")
            target = Target(gateway.url, key, "chat")
            fuzzer = Fuzzer(target, requests - cut, seed, cuts=False)
            findings = loops.run(fuzzer.run(lanes))
            calls = _ask_mock(mock, "/stats")["calls"]
            if calls != fuzzer.accepted:
                findings.note(f"{calls} requests upstream, {fuzzer.accepted} accepted")
            cutter = Fuzzer(target, cut, seed + 1, cuts=True)
            loops.run(cutter.run(lanes))
            after = Fuzzer(target, 50, seed + 2, cuts=False)  # it still serves
            findings.found += loops.run(after.run(10)).found
            stats = _ask_mock(mock, "/stats")
        log = (data.parent / f"{data.name}.log").read_text().strip()
    if log:
        findings.note(f"the gateway's log: {log[-2000:]}")
    for fault in stats["faults"]:
        findings.note(f"upstream: {fault}")
    return {
        "requests": requests,
        "seed": seed,
        "cut": cut,
        **{
            name: findings.counts[name]
            for name in ("answered", "closed", "waited for more", "seen giving up")
        },
        "statuses": dict(sorted(findings.statuses.items())),
        "accepted": fuzzer.accepted,
        "upstream": calls,
        "upstream in all": stats["calls"],
        "findings": len(findings.found),
        "examples": findings.found,
    }


def main() -> None:
    """Parse the arguments, run, print; exit 1 on any finding."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--requests", type=positive, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=positive, default=256)
    parser.add_argument("--workers", type=positive, default=1)
    arguments = parser.parse_args()
    raise_file_limit()
    try:
        found = run_fuzz(
            arguments.requests, arguments.seed, lanes=arguments.lanes, workers=arguments.workers
        )
    except NotThereError as error:
        parser.exit(1, f"bench.fuzz: {error}\n")
    examples = found.pop("examples")
    for name, value in found.items():
        print(f"{name}: {value}")
    for example in examples:
        print(f"- {example}")
    sys.exit(1 if examples else 0)


if __name__ == "__main__":
    main()
