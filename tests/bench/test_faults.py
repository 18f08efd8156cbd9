"""The comparison of the matrix sees what it is there to see."""

from __future__ import annotations

import pytest

from bench.faults.check import Seen, Verdict, build_text, judge
from bench.faults.forms import FORMS, Form, read_body
from bench.faults.rows import ROWS, Row
from bench.session import Answer

CHAT = next(form for form in FORMS if form.name == "openai_chat stream")
ARRAY = next(form for form in FORMS if form.name == "gemini array")
ROW = next(row for row in ROWS if row.name == "end after content")
TOLD = next(row for row in ROWS if row.name == "401")
ERROR = b'data: {"error":{"message":"m","type":"t","param":null,"code":"upstream_truncated"}}\n\n'
DONE = b"data: [DONE]\n\n"


def _chunk(text: str) -> bytes:
    return b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % text.encode()


def _judge(
    body: bytes,
    *,
    row: Row = ROW,
    form: Form = CHAT,
    status: int = 200,
    calls: int = 1,
    next_calls: int = 0,
    took_s: float = 0.0,
    booked: str | None = "upstream_truncated",
) -> Verdict:
    head = b"http/1.1 200 ok\r\nx-lockgate-request-id: marker-1\r\nx-lockgate-attempts: 1"
    answer = Answer(status, head, body, whole=True, began=True)
    row_of_ledger = {"attempt": 1, "status": 200, "error_code": booked}
    seen = Seen("m1", "e-1", "marker-1", answer, took_s, calls, next_calls, [row_of_ledger])
    return judge(row, form, seen, with_next=False, slack_s=0.5)


def _full() -> str:
    answer = Answer(200, b"", b"", whole=True, began=True)
    return build_text(CHAT, "m1", Seen("m1", "e-1", "marker-1", answer, 0, 1, 0))


def test_a_beginning_with_one_error_event_is_right() -> None:
    verdict = _judge(_chunk(_full()[:9]) + ERROR)
    assert verdict.deviations == []
    assert not verdict.silent_truncation
    assert not verdict.duplicated


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (_chunk("Hello") + ERROR + DONE, "an end marker"),
        (_chunk("Hello") + ERROR + ERROR, "error events"),
        (_chunk("Hello") + ERROR + _chunk(" from"), "not in order"),
        (_chunk("Hello"), "error events []"),
        (_chunk("Hullo") + ERROR, "expected a beginning"),
        (_chunk("Hello") + b"data: {half\n\n" + ERROR, "not in order"),
    ],
)
def test_every_other_end_is_not(body: bytes, said: str) -> None:
    assert any(said in one for one in _judge(body).deviations)


def test_a_cut_without_a_word_is_counted_and_so_is_text_that_stands_twice() -> None:
    assert _judge(_chunk("Hello") + DONE).silent_truncation
    assert _judge(_chunk("Hello") * 2 + ERROR).duplicated


def test_calls_time_and_ledger_are_compared() -> None:
    body = _chunk("Hello") + ERROR
    assert any("2 calls" in one for one in _judge(body, calls=2).deviations)
    assert any("of the other target" in one for one in _judge(body, next_calls=1).deviations)
    assert any("took" in one for one in _judge(body, took_s=1.1).deviations)
    assert any("ledger" in one for one in _judge(body, booked=None).deviations)


def test_an_error_has_its_dialects_shape_and_its_code() -> None:
    right = b'{"error":{"message":"m","type":"t","param":null,"code":"credential_rejected"}}'

    def look(body: bytes, status: int = 502) -> list[str]:
        return _judge(body, row=TOLD, status=status, booked="credential_rejected").deviations

    assert look(right) == []
    assert look(right.replace(b"credential_rejected", b"upstream_error"))
    assert look(right.replace(b',"param":null', b""))
    assert look(right, status=401)


def test_an_array_is_read_as_far_as_it_goes() -> None:
    part = b'{"candidates":[{"content":{"parts":[{"text":"ab"}]}}]}'
    closed, open_ended = (read_body(ARRAY, b"[" + part + end) for end in (b"]", b",\r\n"))
    assert (closed.text, closed.ended, closed.broken) == ("ab", True, 0)
    assert (open_ended.ended, open_ended.broken) == (False, 1)
    assert not read_body(ARRAY, b"[" + part).ended
    assert read_body(ARRAY, b'[{"error":{"code":500}}').errors == [{"code": 500}]


def test_every_row_applies_somewhere_and_has_a_name_of_its_own() -> None:
    assert all(row.list_forms() for row in ROWS)
    cells = [(row.name, form.name) for row in ROWS for form in row.list_forms()]
    assert len(set(cells)) == len(cells)
