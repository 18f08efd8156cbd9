"""The header that says what was left out."""

from __future__ import annotations

from gateway.proxy.translation.course import build_dropped_lines


def test_nothing_left_out_is_no_line() -> None:
    assert build_dropped_lines(()) == b""


def test_places_are_listed_in_order() -> None:
    lines = build_dropped_lines(("seed", "messages[0].content[1].cache_control"))
    assert lines == b"x-lockgate-dropped: seed, messages[0].content[1].cache_control\r\n"


def test_what_a_client_names_cannot_break_the_line() -> None:
    lines = build_dropped_lines(("a\r\nSet-Cookie: b", "é,\u20ac\0"))
    assert lines.count(b"\r\n") == 1
    assert lines == b"x-lockgate-dropped: a??Set-Cookie:?b, ????\r\n"


def test_the_line_stays_short() -> None:
    lines = build_dropped_lines(tuple(f"{'x' * 500}{number}" for number in range(1000)))
    assert len(lines) < 4_000
    assert lines.endswith(b"..., +976 more\r\n")
