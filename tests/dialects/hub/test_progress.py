"""When a stream has begun for its client, and what it has cost so far."""

from __future__ import annotations

import pytest

from gateway.dialects import StreamFailure, Usage
from gateway.dialects.hub import (
    Begun,
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Family,
    Finish,
    Image,
    Media,
    Opaque,
    PartAdded,
    PartBegun,
    PartDelta,
    PartEnded,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.dialects.hub.progress import Progress

FAILURE = StreamFailure(529, "overloaded_error", "busy")


def follow(*events: Event) -> Progress:
    progress = Progress()
    progress.take(events)
    return progress


@pytest.mark.parametrize(
    "event",
    [
        Begun("a", "m"),
        Counted(Usage(3, 1)),
        PartBegun(0, 0, Text("")),
        PartBegun(0, 0, ToolCall("a", "look", "")),
        PartBegun(0, 0, Reasoning()),
        PartDelta(0, 0, ""),
        PartEnded(0, 0),
        PartAdded(0, 0, id="a", name="look"),
        PartAdded(0, 0, paragraph=True),
    ],
)
def test_what_is_no_content_begins_nothing(event: Event) -> None:
    assert not follow(event).committed


@pytest.mark.parametrize(
    "event",
    [
        PartDelta(0, 0, "a"),
        PartBegun(0, 0, Text("a")),
        PartBegun(0, 0, ToolCall("a", "look", "{}")),
        PartBegun(0, 0, Reasoning(encrypted="x", redacted=True)),
        PartBegun(0, 0, Image(Media(data="aa"))),
        PartBegun(0, 0, Opaque(Family.ANTHROPIC, "server_tool_use", {})),
        PartAdded(0, 0, signature="s"),
        ChoiceEnded(0, Finish.STOP),
        Ended(),
    ],
)
def test_content_and_ends_begin_it(event: Event) -> None:
    assert follow(event).committed


def test_an_error_is_early_or_late_and_hides_what_follows() -> None:
    early, late = Progress(), Progress()
    assert list(early.take([Begun("a", "m"), Failed(FAILURE), Ended()])) == [Begun("a", "m")]
    assert (early.failure, early.late_failure, early.ended) == (FAILURE, None, False)
    assert list(late.take([PartDelta(0, 0, "a"), Failed(FAILURE)])) == [PartDelta(0, 0, "a")]
    assert (late.failure, late.late_failure) == (None, FAILURE)
    assert early.is_over
    assert late.is_over


def test_counts_are_the_providers_when_the_stream_has_ended() -> None:
    progress = follow(Counted(Usage(9, 1)), PartDelta(0, 0, "a" * 400), Ended())
    assert progress.usage == Usage(9, 1)


def test_text_behind_the_last_counts_is_estimated_while_there_is_no_end() -> None:
    progress = follow(Counted(Usage(9, 1)), PartDelta(0, 0, "a" * 400))
    assert progress.usage == Usage(9, 100, estimated=True)
    progress.take([Counted(Usage(9, 77))])
    assert progress.usage == Usage(9, 77)


def test_without_counts_there_are_letters() -> None:
    progress = follow(
        PartDelta(0, 0, "four"), PartBegun(0, 1, ToolCall("a", "look", "{}")), Ended()
    )
    assert (progress.usage, progress.output_chars) == (None, 6)
