from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from gateway.telemetry.logs import configure_logging, redact


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    ours = logging.getLogger("lockgate")
    before = root.handlers[:], root.level, ours.level
    yield io.StringIO()
    root.handlers[:], _, _ = before
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_one_line_of_pairs(stream: io.StringIO) -> None:
    configure_logging("INFO", stream)
    fields = {"endpoint": "chat", "ms": 1.23456, "note": 'a "b"\nc=d'}
    logging.getLogger("lockgate.access").info("request", extra={"fields": fields})
    line = stream.getvalue()
    assert line.count("\n") == 1
    assert "level=info logger=lockgate.access message=request endpoint=chat ms=1.235" in line
    assert 'note="a \\"b\\"\\nc=d"' in line


def test_a_stack_stays_on_its_line(stream: io.StringIO) -> None:
    configure_logging("INFO", stream)
    try:
        raise ValueError("canary")  # noqa: TRY301  its stack is what is tested
    except ValueError:
        logging.getLogger("lockgate.web").exception("failed")
    assert stream.getvalue().count("\n") == 1
    assert "ValueError: canary" in stream.getvalue()


def test_levels_are_ours_and_others_stay_quiet(stream: io.StringIO) -> None:
    configure_logging("DEBUG", stream)
    logging.getLogger("lockgate.proxy").debug("ours")
    logging.getLogger("aiosqlite").debug("INSERT of parameters")
    logging.getLogger("aiosqlite").warning("theirs")
    assert "ours" in stream.getvalue()
    assert "parameters" not in stream.getvalue()
    assert "theirs" in stream.getvalue()


def test_what_a_stranger_sent_instead_of_http_is_not_quoted(stream: io.StringIO) -> None:
    configure_logging("DEBUG", stream)
    theirs = logging.getLogger("aiohttp.server")
    for error in (BadHttpMessage("Invalid header: b'My-Key: canary'"), ValueError("a fault")):
        theirs.error("Error handling request", exc_info=error)
    assert "canary" not in stream.getvalue()
    assert "a fault" in stream.getvalue()


def test_a_second_call_does_not_log_twice(stream: io.StringIO) -> None:
    configure_logging("INFO", stream)
    configure_logging("INFO", stream)
    logging.getLogger("lockgate").info("once")
    assert stream.getvalue().count("once") == 1


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Bearer canary-0123456789", "canary-0123456789"),
        ("{'x-api-key': 'canary-0123456789'}", "canary-0123456789"),
        ("x-goog-api-key=canary-0123456789", "canary-0123456789"),
        ('{"api_key": "canary-0123456789"}', "canary-0123456789"),
        ("GET /v1/models?key=canary-0123456789&alt=sse", "canary-0123456789"),
        ("token lg-canarycanarycanarycanary was used", "canarycanary"),
        ("lgadm-canarycanarycanarycanary", "canarycanary"),
        ("Cookie: session=canary-0123456789", "canary-0123456789"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, gone: str) -> None:
    assert gone not in redact(text)
    assert "***" in redact(text)


def test_ordinary_text_is_left_alone() -> None:
    text = "the secret 'prod' is out of service: key-check failed; sk-short, tokens=12 ms=3.4"
    assert redact(text) == text
