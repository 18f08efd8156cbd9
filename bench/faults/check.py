"""Compares what came of a run with what its row promises.

Rule: pure: an observation in, deviations out, each a sentence of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from bench.faults.forms import Form, Json, Reading, check_error_body, find_code, read_body
from bench.faults.rows import Outcome, Row
from bench.faults.stage import KEY, NEXT
from bench.session import Answer
from gateway.simulator.exchange import Inquiry, Reply
from gateway.simulator.faults import HEALTHY, parse_fault
from gateway.simulator.routes import find_match

# What may be booked for an answer that is passed on broken: nothing, or what was noticed of it.
_OF_BROKEN = (None, "upstream_malformed", "upstream_truncated")
_VERSION = {"anthropic-version": "2023-06-01"}
_AT_ONCE_S = 0.5  # of a row that names no limit: nothing to wait for but a machine under load
_RETRY_S = 0.5  # a lone target's one retry comes within it


@dataclass(slots=True)
class Seen:
    """What was seen of one run.

    `calls` and `next_calls` are of the upstreams, `rows` of the ledger.
    """

    model: str
    endpoint: str
    marker: str
    answer: Answer
    took_s: float
    calls: int
    next_calls: int
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Verdict:
    """What deviates in a run, and what it says for the totals."""

    deviations: list[str]
    silent_truncation: bool = False
    duplicated: bool = False
    reached_next: bool | None = None  # None where no other target was to answer


def judge(row: Row, form: Form, seen: Seen, *, with_next: bool, slack_s: float | None) -> Verdict:
    """Compare one run with its row; `slack_s` None leaves the clock out."""
    # Another model's vectors are no substitute: those requests stay with their first target.
    moved = with_next and row.to_next and form.dialect != "openai_embeddings"
    outcome = Outcome.ANSWERED if moved else row.outcome
    reading = read_body(form, seen.answer.body) if seen.answer.status == 200 else Reading()
    full = build_text(form, NEXT if moved else seen.model, seen)
    verdict = Verdict(list(_check_always(form, seen)))
    found = verdict.deviations
    found += _OUTCOMES[outcome](row, form, seen, reading, full)
    found += _check_counts(row, form, seen, moved=moved)
    found += _check_ledger(row, seen, moved=moved)
    if slack_s is not None and not row.paced:
        retry_s = _RETRY_S * (row.calls[1] > row.calls[0])
        bound_s = (row.limit_ms / 1000 or _AT_ONCE_S) + slack_s + retry_s
        if seen.took_s > bound_s:
            found.append(f"took {seen.took_s:.2f} s, bound {bound_s:.2f} s")
    texts = (build_text(form, seen.model, seen), build_text(form, NEXT, seen))
    readable = seen.answer.status == 200 and not reading.broken
    verdict.silent_truncation = (
        readable and not reading.errors and reading.text not in texts and seen.answer.whole
    )
    verdict.duplicated = (
        bool(reading.text)
        and not reading.broken
        and not any(one.startswith(reading.text) for one in texts)
    )
    if moved and not row.after_content:
        verdict.reached_next = seen.answer.status == 200 and reading.text == full
    return verdict


def build_text(form: Form, model: str, seen: Seen) -> str:
    """Return what a healthy answer of a model says, by the simulator's own word."""
    body = orjson.loads(form.dump(model, seen.marker))
    path, _, query = form.build_path(model).partition("?")
    asked = dict([query.split("=")]) if query else {}
    match = find_match("POST", path, {}, asked)
    assert match is not None
    inquiry = Inquiry(
        "sim", model, body, HEALTHY, match.version, match.action, query=asked, headers=_VERSION
    )
    reply = match.surface.answer(inquiry)
    assert isinstance(reply, Reply), reply
    return read_body(form, b"".join(reply.frames)).text


# --- what the client got ------------------------------------------------------------------


def _check_always(form: Form, seen: Seen) -> Iterator[str]:
    answer = seen.answer
    if not answer.whole:
        yield f"no whole answer came (status {answer.status})"
    if answer.find_header("x-lockgate-request-id") != seen.marker.lower():
        yield "not the request's own id"
    raw = answer.head + answer.body
    for word in (KEY.encode(), b"Traceback", b"127.0.0.1"):
        if word.lower() in raw.lower():
            yield f"the answer holds {word.decode()!r}"


def _check_told(row: Row, form: Form, seen: Seen, _reading: Reading, _full: str) -> Iterator[str]:
    yield from _check_status(row.status, seen)
    if seen.answer.status >= 400:
        error, wrong = check_error_body(form, seen.answer.status, seen.answer.body)
        yield from wrong
        if (code := find_code(form, error)) != row.code:
            yield f"code {code}, expected {row.code}"


def _check_passed(row: Row, form: Form, seen: Seen, _reading: Reading, _full: str) -> Iterator[str]:
    yield from _check_status(row.status, seen)
    if seen.answer.status < 400:
        return
    error, wrong = check_error_body(form, seen.answer.status, seen.answer.body)
    yield from wrong
    words = _build_words(row, form, seen)
    if error.get("message") != words:
        yield f"message {error.get('message')!r}, the provider's is {words!r}"
    if row.hint:
        hint = seen.answer.find_header("retry-after")
        if not hint:
            yield "no Retry-After"


def _build_words(row: Row, form: Form, seen: Seen) -> str:
    """Return the message of the error that the upstream gave."""
    path, _, query = form.build_path("m").partition("?")
    match = find_match("POST", path, {}, {"alt": "sse"} if query else {})
    assert match is not None
    vendor = match.surface.vendor
    facts = {"model": seen.model, "version": match.version, "action": match.action, "key": KEY}
    if row.fault == "no-route":
        return vendor.build_problem("no-route", method="POST", path="/elsewhere").message
    fault = parse_fault(row.build_fault(form))
    if fault.status is not None:
        return vendor.build_status_problem(fault.status).message
    return vendor.build_problem(fault.error or "", **facts).message


def _check_answered(
    _row: Row, _form: Form, seen: Seen, reading: Reading, full: str
) -> Iterator[str]:
    yield from _check_status(200, seen)
    if seen.answer.status != 200:
        return
    if reading.text != full:
        yield f"text {reading.text[:60]!r} ({len(reading.text)}), expected {full[:60]!r}"
    if not reading.ended or reading.errors or reading.broken or reading.shape:
        yield f"not a whole answer: {_describe(reading)}"


def _check_as_it_is(row: Row, form: Form, seen: Seen, reading: Reading, full: str) -> Iterator[str]:
    """The provider's bytes; in a stream an error event in their place is as honest."""
    yield from _check_status(200, seen)
    if row.after_content:
        if not full.startswith(reading.text[:20]) or not reading.text:
            yield f"text {reading.text[:60]!r}, expected the beginning of {full[:60]!r}"
        if not reading.broken and not reading.errors:
            yield "the broken event vanished"
        if reading.errors and reading.ended:
            yield "an error event and an end marker"
    elif not reading.broken:
        yield f"not the provider's bytes: {seen.answer.body[:80]!r}"


def _check_event(row: Row, form: Form, seen: Seen, reading: Reading, full: str) -> Iterator[str]:
    yield from _check_beginning(seen, reading, full)
    codes = [find_code(form, error) for error in reading.errors]
    if codes != [row.code]:
        yield f"error events {codes}, expected one {row.code}"


def _check_relayed(_row: Row, form: Form, seen: Seen, reading: Reading, full: str) -> Iterator[str]:
    # A provider whose stream is an array closes it behind its error.
    closes = form.kind == "array" and bool(reading.errors)
    yield from _check_beginning(seen, reading, full, may_close=closes)
    if len(reading.errors) != 1:
        yield f"{len(reading.errors)} error events, expected the provider's one"
    elif str(find_code(form, reading.errors[0])).startswith("upstream_"):
        yield "an error event of ours in the place of the provider's"


def _check_beginning(
    seen: Seen, reading: Reading, full: str, *, may_close: bool = False
) -> Iterator[str]:
    yield from _check_status(200, seen)
    if seen.answer.status != 200:
        return
    if not reading.text or reading.text == full or not full.startswith(reading.text):
        yield f"text {reading.text[:60]!r}, expected a beginning of {full[:60]!r}"
    if reading.ended and not may_close:
        yield "an end marker"
    if reading.after_error or reading.broken or reading.shape:
        yield f"not in order: {_describe(reading)}"


def _check_status(status: int, seen: Seen) -> Iterator[str]:
    if seen.answer.status != status:
        yield f"status {seen.answer.status}, expected {status}: {seen.answer.body[:160]!r}"


def _describe(reading: Reading) -> str:
    return (
        f"ended={reading.ended} errors={len(reading.errors)} broken={reading.broken} "
        f"after the error={reading.after_error} {' '.join(reading.shape)}"
    )


_OUTCOMES: dict[Outcome, Any] = {
    Outcome.TOLD: _check_told,
    Outcome.PASSED: _check_passed,
    Outcome.ANSWERED: _check_answered,
    Outcome.AS_IT_IS: _check_as_it_is,
    Outcome.EVENT: _check_event,
    Outcome.RELAYED: _check_relayed,
}


# --- what was done for it -----------------------------------------------------------------


def _check_counts(row: Row, form: Form, seen: Seen, *, moved: bool) -> Iterator[str]:
    """Compare the calls of the upstreams and the attempts told with the row."""
    least, most = row.calls if not moved or row.again else (1, 1)
    if not row.seen:
        least = most = 0
    if not least <= seen.calls <= most:
        yield f"{seen.calls} calls of the first target, expected {least} to {most}"
    if seen.next_calls != moved:
        yield f"{seen.next_calls} calls of the other target, expected {int(moved)}"
    told = seen.answer.find_header("x-lockgate-attempts")
    attempts = _list_attempts(row, seen)
    if told not in map(str, attempts):
        yield f"x-lockgate-attempts {told!r}, expected {attempts[-1]}"
    elif told != str(len(seen.rows)):
        yield f"x-lockgate-attempts {told!r}, ledger has {len(seen.rows)}"


def _list_attempts(row: Row, seen: Seen) -> list[int]:
    """Return how many attempts there may have been: as many as calls that arrived.

    One that never arrives is an attempt too. The repeat of a call that met a dead connection may
    be an attempt of its own or a part of the one that it repeats: it is promised as a retry, not
    how it is counted.
    """
    if row.again:
        return [1 + seen.next_calls, seen.calls + seen.next_calls]
    return [(seen.calls if row.seen else 1) + seen.next_calls]


def _check_ledger(row: Row, seen: Seen, *, moved: bool) -> Iterator[str]:
    rows, attempts = seen.rows, _list_attempts(row, seen)
    if [one["attempt"] for one in rows] not in [list(range(1, most + 1)) for most in attempts]:
        yield f"ledger has {[one['attempt'] for one in rows]}, expected 1 to {attempts[-1]}"
        return
    answered = moved or (row.again and row.outcome is Outcome.ANSWERED)
    failed = rows[:-1] if answered else rows
    if answered and (rows[-1]["status"], rows[-1]["error_code"]) != (200, None):
        yield f"ledger: the answer is {rows[-1]['status']} {rows[-1]['error_code']}"
    for one in failed:
        yield from _check_booked(row, one)


def _check_booked(row: Row, booked: Json) -> Iterator[str]:
    code, status = booked["error_code"], booked["status"]
    if row.again:
        wrong = code != "upstream_reset"
    elif row.outcome in (Outcome.ANSWERED, Outcome.AS_IT_IS):
        wrong = code not in _OF_BROKEN
    elif row.booked or row.code:
        wrong = code != (row.booked or row.code)
    else:
        wrong = code is None
    if wrong:
        yield f"ledger: code {code}, expected {row.booked or row.code or row.outcome}"
    if row.outcome is Outcome.PASSED and status != row.status:
        yield f"ledger: status {status}, expected {row.status}"
    if not row.seen and status != 0:
        yield f"ledger: status {status} of a call that never arrived"
