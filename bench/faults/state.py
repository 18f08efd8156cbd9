"""The sequences: what the gateway learns of a target in one request and minds in the next.

Each is a short story told to a fresh endpoint: its upstreams fail on demand, then recover. The
gateway runs with the intervals of `ENV`, so that a story takes seconds.

Rule: as in `rows.py`, what is expected is what was promised.
"""

from __future__ import annotations

import asyncio
import fnmatch
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults.forms import FORMS, check_error_body, find_code
from bench.faults.rows import Site
from bench.faults.sites import Sites
from bench.faults.stage import KEY, Stage
from bench.faults.start import start_beside
from bench.session import Answer
from bench.subjects import NotThereError, Subject

OPEN_MS = 2_000
QUARANTINE_MS = 2_000
ENV = {"LOCKGATE_CIRCUIT_OPEN_MS": str(OPEN_MS), "LOCKGATE_QUARANTINE_MS": str(QUARANTINE_MS)}
_SPARE_S = 0.3  # behind the end of an interval, before the target is expected back
_REFUSAL_S = 0.02
_COOLS = "429, 503, 529: cools for clamp(Retry-After, 1..60 s)"
_REFUSED = "401, 403, quota, model not found: quarantined 60 s, doubled"
_OPEN = "every target open or cooling: 503 and Retry-After of the soonest, in 20 ms"
_CIRCUIT = "circuit: opens at 5 failures in a row, half-open lets one through"
_TYPED = "context window, content policy: next only if the endpoint opts in"
_RESTRAINT = "at most 3 attempts; retries and attempts bounded"
_CHAT = FORMS[0]


@dataclass(slots=True)
class Finding:
    """What came of one sequence; `wrong` is empty where all is as promised."""

    line: str
    name: str
    wrong: list[str] = field(default_factory=list)


class Story:
    """One endpoint over fresh targets, and the checks on the way.

    The first target is `a`, the others `b`, `c` and so on; each is a model of the simulator.
    """

    def __init__(self, stage: Stage, finding: Finding, serial: int) -> None:
        self.stage = stage
        self._finding = finding
        self._stem = f"s{serial}"
        self._asked = 0
        self._endpoint = ""
        self.models: list[str] = []
        self.secret_id = ""
        self.answer: Answer | None = None
        self.took_s = 0.0

    async def open(self, targets: int, **fields: object) -> None:
        """Make the endpoint; the first target has a credential of its own."""
        self.models = [f"{self._stem}-{'abcdef'[number]}" for number in range(targets)]
        self.secret_id = await self.stage.make_secret("openai", Site.SIMULATOR)
        made = [
            await self.stage.make_model(
                "openai", Site.SIMULATOR, model, "" if number else self.secret_id
            )
            for number, model in enumerate(self.models)
        ]
        self._endpoint = await self.stage.make_endpoint(*made, **fields)

    def fail(self, target: str, fault: str, times: int | None = None) -> None:
        """Let a target fail from now on, or for some calls."""
        model = self.models["abcdef".index(target)]
        self.stage.sites.simulator.set_fault(fault, times=times, model=model)

    def recover(self) -> None:
        """Let all targets be well again."""
        self.stage.sites.simulator.clear_faults()

    async def ask(self) -> Answer:
        """Send a request."""
        self._asked += 1
        began_s = time.monotonic()
        self.answer = await self.stage.ask(_CHAT, self._endpoint, self._marker)
        self.took_s = time.monotonic() - began_s
        return self.answer

    @property
    def _marker(self) -> str:
        return f"marker-{self._stem}_{self._asked}"

    def expect(self, what: str, status: int, calls: str, code: str = "") -> None:
        """Check status, code and which targets the last request called, such as "ab"."""
        answer = self.answer
        assert answer is not None
        seen = "".join(
            letter * self.stage.sites.calls.count(model, self._marker)
            for letter, model in zip("abcdef", self.models, strict=False)
        )
        if answer.status != status:
            self.note(f"{what}: status {answer.status}, expected {status}")
        if seen != calls:
            self.note(f"{what}: called {seen or 'none'!r}, expected {calls or 'none'!r}")
        if code:
            error, _ = check_error_body(_CHAT, answer.status, answer.body)
            if find_code(_CHAT, error) != code:
                self.note(f"{what}: code {find_code(_CHAT, error)}, expected {code}")

    def expect_hint(self, what: str, least_s: int, most_s: int) -> None:
        """Check the Retry-After of the last request."""
        assert self.answer is not None
        hint = self.answer.find_header("retry-after")
        if not hint.isdigit() or not least_s <= int(hint) <= most_s:
            self.note(f"{what}: Retry-After {hint!r}, expected {least_s} to {most_s}")

    def note(self, what: str) -> None:
        """Note a deviation."""
        self._finding.wrong.append(what)


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds + _SPARE_S)


# --- the stories --------------------------------------------------------------------------


async def _cool(story: Story, fault: str, cools_s: float) -> None:
    await story.open(2)
    story.fail("a", fault, times=1)
    await story.ask()
    ended_s = time.monotonic()
    story.expect("failing", 200, "ab")
    await story.ask()
    story.expect("while it cools", 200, "b")
    await _pause(cools_s - (time.monotonic() - ended_s))
    await story.ask()
    story.expect("after that", 200, "a")


async def _quarantine(story: Story, fault: str) -> None:
    await _cool(story, fault, QUARANTINE_MS / 1000)


async def _quarantine_doubled(story: Story) -> None:
    await story.open(2)
    story.fail("a", "status=401", times=2)
    await story.ask()
    await _pause(QUARANTINE_MS / 1000)
    await story.ask()
    story.expect("second refusal", 200, "ab")
    await _pause(QUARANTINE_MS / 1000)
    await story.ask()
    story.expect("in the doubled quarantine", 200, "b")
    await _pause(QUARANTINE_MS / 1000)
    await story.ask()
    story.expect("after it", 200, "a")


async def _new_value(story: Story) -> None:
    await story.open(2)
    story.fail("a", "status=401", times=1)
    await story.ask()
    story.expect("refused", 200, "ab")
    await story.ask()
    story.expect("in quarantine", 200, "b")
    path = f"secrets/{story.secret_id}"
    await story.stage.call("PATCH", path, {"secret_value": {"api_key": f"{KEY}-2"}})
    await story.ask()
    story.expect("with a new value", 200, "a")


async def _lone(story: Story, fault: str, status: int) -> None:
    """A lone target is asked every time, whatever it said."""
    await story.open(1)
    story.fail("a", fault)
    for number in range(7):
        await story.ask()
        story.expect(f"request {number + 1}", status, "a")


async def _all_cooling(story: Story) -> None:
    await story.open(2)
    story.fail("a", "status=429,retry-after=9")
    story.fail("b", "status=503,retry-after=4")
    await story.ask()
    story.expect("failing", 503, "ab")
    await story.ask()
    story.expect("all cooling", 503, "", "no_target")
    story.expect_hint("all cooling", 2, 4)
    if story.took_s > _REFUSAL_S:
        await story.ask()  # once more: one look at a busy machine's clock proves little
    if story.took_s > _REFUSAL_S:
        story.note(f"took {story.took_s * 1000:.0f} ms, bound 20 ms")


async def _open_circuit(story: Story, fault: str) -> None:
    await story.open(1)
    story.fail("a", fault)
    calls = 0
    for _ in range(6):
        await story.ask()
        calls += story.stage.sites.calls.count(story.models[0], story._marker)
    if calls > 6:
        story.note(f"{calls} calls in 6 requests, expected at most 6")
    await story.ask()
    story.expect("open", 503, "", "no_target")
    story.expect_hint("open", 1, 30)
    story.recover()
    await _pause(OPEN_MS / 1000 * 1.1)
    await story.ask()
    story.expect("half open", 200, "a")
    await story.ask()
    story.expect("and again", 200, "a")


async def _half_open_fails(story: Story) -> None:
    await story.open(2)
    story.fail("a", "reset")
    for _ in range(5):
        await story.ask()
    await story.ask()
    story.expect("open", 200, "b")
    await _pause(OPEN_MS / 1000 * 1.1)
    await story.ask()
    story.expect("the live request that fails", 200, "ab")
    await story.ask()
    story.expect("open again", 200, "b")


async def _opt_in(story: Story, fault: str, word: str) -> None:
    await story.open(2, resilience={"fallback_on": [word], "hedge": False})
    story.fail("a", fault)
    await story.ask()
    story.expect("opted in", 200, "ab")
    await story.ask()
    story.expect("not the target's fault", 200, "ab")


async def _no_opt_in(story: Story, fault: str) -> None:
    await story.open(2)
    story.fail("a", fault)
    await story.ask()
    story.expect("not opted in", 400, "a")


async def _three_attempts(story: Story) -> None:
    await story.open(5)
    for target in "abcde":
        story.fail(target, "status=500")
    await story.ask()
    story.expect("all fail", 500, "abc")


async def _one_retry(story: Story, status: int) -> None:
    await story.open(1)
    story.fail("a", f"status={status}", times=1)
    await story.ask()
    story.expect("fails once", 200, "aa")
    if story.took_s > 1.5:
        story.note(f"took {story.took_s:.2f} s, the retry comes within 0.5 s")


async def _no_storm(story: Story) -> None:
    await story.open(2)
    for target in "ab":
        story.fail(target, "status=500")
    calls = 0
    for _ in range(200):
        await story.ask()
        for model in story.models:
            calls += story.stage.sites.calls.count(model, story._marker)
    if calls > 220:
        story.note(f"{calls} calls for 200 requests that all fail, at most 220")


Tell = Callable[[Story], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story and the line that it stands for."""

    line: str
    name: str
    tell: Tell


def _build(line: str, name: str, tell: Callable[..., Awaitable[None]], *given: object) -> Scenario:
    return Scenario(line, name, lambda story: tell(story, *given))


_HINT = "retry-after=2"
SCENARIOS: tuple[Scenario, ...] = (
    *(
        _build(_COOLS, f"{status} cools for its hint", _cool, f"status={status},{_HINT}", 2)
        for status in (429, 503, 529)
    ),
    _build(_COOLS, "429 cools for 1 s at least", _cool, "status=429,retry-after=0.1", 1),
    _build(_COOLS, "a lone target's 429 is passed on", _lone, f"status=429,{_HINT}", 429),
    _build(_COOLS, "a lone target's 503 is passed on", _lone, f"status=503,{_HINT}", 503),
    _build(_REFUSED, "401 quarantines", _quarantine, "status=401"),
    _build(_REFUSED, "403 quarantines", _quarantine, "status=403"),
    _build(_REFUSED, "402 quarantines", _quarantine, "status=402"),
    _build(_REFUSED, "an empty account quarantines", _quarantine, "error=quota"),
    _build(_REFUSED, "a model not found quarantines", _quarantine, "error=no-model"),
    _build(_REFUSED, "quarantine doubles", _quarantine_doubled),
    _build(_REFUSED, "a new value ends it", _new_value),
    _build(_REFUSED, "a lone target's 401 is told each time", _lone, "status=401", 502),
    _build(_OPEN, "all cooling", _all_cooling),
    _build(_CIRCUIT, "opens on resets", _open_circuit, "reset"),
    _build(_CIRCUIT, "opens on 500", _open_circuit, "status=500"),
    _build(_CIRCUIT, "half open, and fails", _half_open_fails),
    _build(_TYPED, "context window, opted in", _opt_in, "error=context", "context_window_exceeded"),
    _build(_TYPED, "content policy, opted in", _opt_in, "error=policy", "content_policy"),
    _build(_TYPED, "context window, not opted in", _no_opt_in, "error=context"),
    _build(_TYPED, "content policy, not opted in", _no_opt_in, "error=policy"),
    _build(_RESTRAINT, "at most three attempts", _three_attempts),
    *(
        _build(_RESTRAINT, f"one retry of {status}", _one_retry, status)
        for status in (500, 502, 504)
    ),
    _build(_RESTRAINT, "no storm of attempts", _no_storm),
)


def list_scenarios(only: str = "*") -> list[Scenario]:
    """Return the stories whose name or line fits a pattern."""
    return [
        one
        for one in SCENARIOS
        if fnmatch.fnmatch(one.name, only) or fnmatch.fnmatch(one.line, only)
    ]


async def run_scenarios(stage: Stage, only: str = "*") -> list[Finding]:
    """Tell the stories one after the other: their plans of faults are the simulator's."""
    findings = []
    for serial, scenario in enumerate(list_scenarios(only)):
        finding = Finding(scenario.line, scenario.name)
        findings.append(finding)
        try:
            await scenario.tell(Story(stage, finding, serial))
        except RuntimeError as error:  # a write that the gateway refused
            finding.wrong.append(str(error))
        finally:
            stage.sites.simulator.clear_faults()
    return findings


@asynccontextmanager
async def start_for_state(sites: Sites, data: Path, tree: str | None) -> AsyncIterator[Subject]:
    """Run a gateway with short intervals; one worker, since each learns for itself.

    A checkout that does not know these settings runs without, and fails what it has not.
    """
    allowed = {"LOCKGATE_ALLOWED_PRIVATE_ORIGINS": sites.origins}
    try:
        async with start_beside(sites, data, env={**ENV, **allowed}, tree=tree) as gateway:
            yield gateway
            return
    except NotThereError as error:
        if "is not a setting" not in str(error):
            raise
        print(f"bench.faults: {error}", file=sys.stderr)
    async with start_beside(sites, data, env=allowed, tree=tree) as gateway:
        yield gateway
