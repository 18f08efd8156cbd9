"""When a body is late; what comes of it is tested with the connection."""

from __future__ import annotations

import pytest

from gateway.proxy.front.intake import Intake


def receive(size: int) -> Intake:
    """A body of 900 KiB of which so much has come; a handler waits for it since 0."""
    intake = Intake()
    intake.begin(b"", 900 << 10)
    intake.expect(1 << 20, whole_by_s=600.0, at_s=0.0)
    assert intake.feed(b"x" * size) == b""
    return intake


@pytest.mark.parametrize(
    ("size", "at_s", "silent_s", "is_late"),
    [
        (0, 9.0, 9.0, False),
        (0, 11.0, 11.0, True),  # silence
        (4, 29.0, 1.0, False),
        (4, 31.0, 1.0, True),  # a byte every nine seconds
        (100 << 10, 125.0, 1.0, False),
        (100 << 10, 135.0, 1.0, True),
        (899 << 10, 601.0, 1.0, True),  # the end
    ],
)
def test_a_body_has_to_come_at_a_least_rate(
    size: int, at_s: float, silent_s: float, is_late: bool
) -> None:
    assert receive(size).is_late(at_s, silent_s, idle_s=10.0) is is_late


def test_a_body_that_no_handler_waits_for_is_not_late() -> None:
    intake = Intake()
    intake.begin(b"", 100)
    assert not intake.is_late(1e6, 1e6, idle_s=10.0)


def test_the_rest_of_a_refused_body_is_dropped_and_no_more() -> None:
    intake = Intake()
    intake.begin(b"", 5)
    assert intake.skip(b"abc") == b""
    assert intake.skip(b"deGET") == b"GET"
    assert intake.wanted == 0
