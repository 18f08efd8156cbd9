"""``python -m bench.judge``: an outside judge of how Lockgate treats a provider that fails.

llmock (PyPI, MIT) plays the provider: it fails as it is told, keeps a journal of every request and
gives a verdict on whoever called it: whether `Retry-After` was respected, what was retried that
cannot succeed, how often. It is installed into a folder of its own under `.bench/`. Beside its
verdict stands what the client of Lockgate saw, which the judge cannot know: it takes a stream that
was cut for one that was accepted, although the client was told.

Exit 1 where the judge finds a fault that the client was not told of, or a client got something
else than is promised.
"""

from __future__ import annotations

import argparse
import asyncio
import fnmatch
import json
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.faults.forms import FORMS, Form, Reading, check_error_body, find_code, read_body
from bench.figures import table
from bench.launches import Peer
from bench.peers import install
from bench.processes import free_port, start, wait_for_port
from bench.rest import Rest
from bench.session import Answer, Session
from bench.subjects import NotThereError, Subject, start_gateway
from bench.wire import Target

VERSION = "0.2.2"
_LLMOCK = Peer("llmock", f"llmock=={VERSION}", "bin/llmock", lambda *_: _none())
_START_LIMIT_S = 30
_BASES = {"openai": "/v1", "anthropic": "/anthropic", "gemini": "/gemini"}
_IDLE_MS = 1_000
_STALL_S = 4  # well beyond the limit of silence, so that a gateway without one would sit it out
_QUOTA_RPM = 3
_NOT_TO_BE_SEEN = {"retry_after_ignored", "retried_non_retryable", "retry_storm", "no_backoff"}
_KEY = "judge-provider-key"


def _none() -> Any:
    raise AssertionError("llmock is started here, not as a gateway")


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, and what the client is promised: statuses, a code, attempts."""

    name: str
    behaviour: dict[str, Any] | None
    streamed: bool
    status: int
    code: str = ""
    attempts: int = 1
    hint: bool = False
    told_in_stream: bool = False


def _fail(status: int, **more: Any) -> dict[str, Any]:
    return {"type": "fail", "status": status, **more}


def _break(kind: str, after: int, **more: Any) -> dict[str, Any]:
    return {"type": "stream_fault", "kind": kind, "after_chunks": after, **more}


_AFTER = -1  # stands for three events behind the preamble: before the end of every answer
CASES = (
    Case("healthy", None, False, 200),
    Case("healthy stream", None, True, 200),
    Case("429, retry-after 1", _fail(429, retry_after=1), False, 429, hint=True),
    Case("503, retry-after 1", _fail(503, retry_after=1), False, 503, hint=True),
    Case("529, retry-after 1", _fail(529, retry_after=1), False, 529, hint=True),
    Case("500 once", _fail(500), False, 200, attempts=2),
    Case("500 for good", _fail(500, times=2), False, 500, attempts=2),
    Case("400", _fail(400), False, 400),
    Case("401", _fail(401), False, 502, "credential_rejected"),
    Case("422", _fail(422), False, 422),
    Case(
        "disconnect",
        _break("disconnect", _AFTER),
        True,
        200,
        "upstream_truncated",
        told_in_stream=True,
    ),
    Case(
        "truncate", _break("truncate", _AFTER), True, 200, "upstream_truncated", told_in_stream=True
    ),
    Case(
        "stall",
        _break("stall", _AFTER, stall_seconds=_STALL_S),
        True,
        200,
        "upstream_stalled",
        told_in_stream=True,
    ),
    Case(
        "malformed",
        _break("malformed", _AFTER),
        True,
        200,
        "upstream_malformed",
        told_in_stream=True,
    ),
    Case("disconnect at once", _break("disconnect", 0), True, 502),
    Case("truncate at once", _break("truncate", 0), True, 502, "upstream_truncated"),
)


@dataclass(slots=True)
class Outcome:
    """What came of a case: what the client saw, what the judge saw, what is wrong."""

    name: str
    saw: str
    judged: str
    wrong: list[str] = field(default_factory=list)


class Judge:
    """llmock while it runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call its control API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_llmock/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read())


@contextmanager
def start_judge(log: Path, *words: str) -> Iterator[Judge]:
    """Run llmock. Raises NotThereError where it does not install or start."""
    home, port = install(_LLMOCK), free_port()
    command = [str(home / _LLMOCK.program), "serve", "--host", "127.0.0.1", "--port", str(port)]
    with start([*command, *words], log=log, wait_s=10) as process:
        if not wait_for_port(port, process, _START_LIMIT_S):
            raise NotThereError(f"llmock did not start: {log.read_text()[-300:]}")
        yield Judge(f"http://127.0.0.1:{port}")


class Client:
    """An application that calls Lockgate; one endpoint per case and provider."""

    def __init__(self, gateway: Subject, judge: Judge) -> None:
        self._gateway = gateway
        self._rest: Rest = gateway.rest
        self._serial = 0
        self._key = self._rest.create("api-keys", {"name": "judge"})["value"]
        self._secrets = {
            provider: self._rest.create(
                "secrets",
                {
                    "secret_name": provider,
                    "provider": provider,
                    "secret_value": {"api_key": _KEY},
                    "auth_config": {"api_base": judge.url + path},
                },
            )["secret_id"]
            for provider, path in _BASES.items()
        }

    def make(self, form: Form) -> str:
        """Make a fresh endpoint; return its name."""
        self._serial += 1
        name = f"judge-{self._serial}"
        model = {
            "name": name,
            "provider": form.provider,
            "model_name": f"{name}-model",
            "secret_id": self._secrets[form.provider],
        }
        made = self._rest.create("model-definitions", model)["model_definition_id"]
        endpoint = {
            "name": name,
            "model_mappings": [{"model_definition_id": made}],
            "limits": {"idle_timeout_ms": _IDLE_MS, "first_byte_timeout_ms": 10_000},
        }
        self._rest.create("endpoints", endpoint)
        return name

    def ask(self, form: Form, endpoint: str, words: str = "this") -> Answer:
        """Send one request, as an application without retries of its own.

        The judge takes equal words for a retry.
        """
        target = Target(self._gateway.url, self._key, endpoint, form.build_path(endpoint))
        return asyncio.run(_ask(target, form.dump(endpoint, words)))


async def _ask(target: Target, body: bytes) -> Answer:
    session = Session(target)
    try:
        return await session.ask(body)
    finally:
        session.close()


def run_case(case: Case, form: Form, judge: Judge, client: Client) -> Outcome:
    """Let llmock fail, ask once, hear both sides."""
    judge.call("POST", "reset")
    if case.behaviour is not None:
        behaviour = dict(case.behaviour)
        if behaviour.get("after_chunks") == _AFTER:
            behaviour["after_chunks"] = form.preamble + 3
        judge.call("POST", "scenario", {"behaviors": [behaviour]})
    answer = client.ask(form, client.make(form))
    verdict = judge.call("GET", "verdict")
    seen = judge.call("GET", "requests")["requests"]
    reading = read_body(form, answer.body) if answer.status == 200 else Reading()
    told = [find_code(form, error) for error in reading.errors]
    if answer.status >= 400:
        error, shape = check_error_body(form, answer.status, answer.body)
        told = [find_code(form, error)]
        reading.shape = shape if case.code else []  # else it is llmock's own body
    name = f"{case.name} / {form.name}"
    outcome = Outcome(name, _describe(answer, reading, told), _describe_verdict(verdict))
    outcome.wrong = list(_find_wrong(case, answer, reading, told, verdict, len(seen)))
    return outcome


def _describe(answer: Answer, reading: Reading, told: list[str | None]) -> str:
    words = [str(answer.status)]
    if hint := answer.find_header("retry-after"):
        words.append(f"Retry-After {hint}")
    if reading.text:
        words.append(f"{len(reading.text)} characters")
    words += [f"error {code}" for code in told]
    if answer.status == 200:
        words.append("ended" if reading.ended else "no end marker")
    return ", ".join(words)


def _describe_verdict(verdict: dict[str, Any]) -> str:
    words = [f"{verdict['attempts']} attempts"]
    words += [f"{one['severity']}: {one['code']}" for one in verdict["findings"]]
    return ", ".join(words)


def _find_wrong(
    case: Case,
    answer: Answer,
    reading: Reading,
    told: list[str | None],
    verdict: dict[str, Any],
    attempts: int,
) -> Iterator[str]:
    if answer.status != case.status or not answer.whole:
        yield f"status {answer.status}, expected {case.status}: {answer.body[:160]!r}"
    if case.code and told != [case.code]:
        yield f"told {told}, expected {case.code}"
    if attempts != case.attempts:
        yield f"{attempts} calls of the provider, expected {case.attempts}"
    if case.hint and not answer.find_header("retry-after"):
        yield "no Retry-After"
    if answer.status == 200 and case.told_in_stream == reading.ended:
        yield f"end marker: {reading.ended}"
    yield from reading.shape
    for one in verdict["findings"]:
        unseen = one["code"] == "truncated_stream_accepted" and not told
        if unseen or one["code"] in _NOT_TO_BE_SEEN:
            yield f"the judge: {one['code']}: {one['title']}"


def run_quota(judge: Judge, client: Client) -> Outcome:
    """Ask more than the provider's quota lets through."""
    form = FORMS[0]
    endpoint = client.make(form)
    answers = [client.ask(form, endpoint, f"{turn}") for turn in range(_QUOTA_RPM + 2)]
    statuses = [answer.status for answer in answers]
    hints = [one.find_header("retry-after") for one in answers if one.status == 429]
    seen = judge.call("GET", "requests")["requests"]
    outcome = Outcome(
        f"quota of {_QUOTA_RPM} a minute / {form.name}",
        f"{statuses}, Retry-After {hints}",
        _describe_verdict(judge.call("GET", "verdict")),
    )
    if statuses != [200] * _QUOTA_RPM + [429] * 2 or not all(hints):
        outcome.wrong.append(f"statuses {statuses}, hints {hints}")
    if len(seen) != len(answers):
        outcome.wrong.append(f"{len(seen)} calls of the provider for {len(answers)} requests")
    return outcome


def run_all(only: str) -> list[Outcome]:
    """Run every case in each form that llmock speaks, then the quota."""
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _start_pair(folder, "cases") as (judge, client):
            outcomes += [
                run_case(case, form, judge, client)
                for case in CASES
                for form in FORMS
                if form.streamed == case.streamed
                and form.dialect in _SPOKEN
                and form.kind != "array"
                and fnmatch.fnmatch(f"{case.name} / {form.name}", only)
            ]
        if fnmatch.fnmatch("quota", only):
            with _start_pair(folder, "quota", "--rpm", str(_QUOTA_RPM)) as (judge, client):
                outcomes.append(run_quota(judge, client))
    return outcomes


_SPOKEN = {"openai_chat", "openai_responses", "anthropic_messages", "gemini"}


@contextmanager
def _start_pair(folder: Path, name: str, *words: str) -> Iterator[tuple[Judge, Client]]:
    with start_judge(folder / f"{name}.llmock.log", *words) as judge:
        mock = Subject("llmock", judge.url, None)
        with start_gateway(mock, folder / name) as gateway:
            yield judge, Client(gateway, judge)


def main() -> None:
    """Parse the arguments, run, print; exit 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.judge", description=__doc__)
    parser.add_argument("--only", default="*", metavar="PATTERN", help="of the cases' names")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    try:
        outcomes = run_all(arguments.only)
    except NotThereError as error:
        parser.exit(1, f"bench.judge: {error}\n")
    rows = [(one.name, one.saw, one.judged, len(one.wrong)) for one in outcomes]
    print(table(("case", "the client saw", "llmock saw", "wrong"), rows))
    for one in outcomes:
        for what in one.wrong:
            print(f"\n{one.name}: {what}", end="")
    wrong = sum(bool(one.wrong) for one in outcomes)
    print(f"\ncases: {len(outcomes)}, wrong: {wrong}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        found = [{name: getattr(one, name) for name in Outcome.__slots__} for one in outcomes]
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
