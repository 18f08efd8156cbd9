"""How far a streamed answer has come: whether a client may see it yet, and what it amounts to.

Rule: an answer has begun with its first content; an error before that is no part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.dialects.estimate import estimate_tokens
from gateway.dialects.hub.content import Reasoning, Refusal, Text, ToolCall
from gateway.dialects.hub.events import (
    ChoiceEnded,
    Counted,
    Ended,
    Event,
    Failed,
    Logprobs,
    PartAdded,
    PartBegun,
    PartDelta,
)
from gateway.dialects.spec import StreamFailure, Usage


class Progress:
    """Looks at the events of one answer.

    Attributes:
        committed: the first content, or an end, has been seen.
        failure: an error came before that.
        late_failure: an error came after it.
        ended: the provider's own end has been seen.
        output_chars: of the text so far.
    """

    __slots__ = (
        "_counted",
        "_is_counted",
        "committed",
        "ended",
        "failure",
        "late_failure",
        "output_chars",
    )

    def __init__(self) -> None:
        self.committed = False
        self.ended = False
        self.failure: StreamFailure | None = None
        self.late_failure: StreamFailure | None = None
        self.output_chars = 0
        self._counted: Usage | None = None
        self._is_counted = True  # no text has come since

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be read."""
        return self.failure is not None or self.late_failure is not None

    @property
    def usage(self) -> Usage | None:
        """The provider's counts; the output is estimated where text came after the last ones."""
        usage = self._counted
        if usage is None or self.ended or self._is_counted:
            return usage
        made = max(usage.output_tokens or 0, estimate_tokens(self.output_chars))
        return usage._replace(output_tokens=made, estimated=True)

    def take(self, events: Sequence[Event]) -> Sequence[Event]:
        """Look at the next events; return those that a client may see: what is before an error."""
        for index, event in enumerate(events):
            kind = type(event)
            if kind is PartDelta:
                size = len(event.text)  # type: ignore[union-attr]
                if size:
                    self.output_chars += size
                    self.committed = True
                    self._is_counted = False
            elif kind is Counted:
                self._counted = event.usage  # type: ignore[union-attr]
                self._is_counted = True
            elif kind is Failed:
                self._fail(event.failure)  # type: ignore[union-attr]
                return events[:index]
            else:
                self._look(event)
        return events

    def _fail(self, failure: StreamFailure) -> None:
        if self.committed:
            self.late_failure = failure
        else:
            self.failure = failure

    def _look(self, event: Event) -> None:
        if isinstance(event, Ended):
            self.ended = self.committed = True
        elif isinstance(event, ChoiceEnded | Logprobs):
            self.committed = True
        elif isinstance(event, PartBegun):
            size = _count_part(event)
            if size:
                self.output_chars += max(0, size)
                self.committed = True
                self._is_counted = False
        elif isinstance(event, PartAdded):
            self.committed = self.committed or _is_content(event)


_MEDIA: Final = -1  # content without letters to count


def _count_part(event: PartBegun) -> int:
    """Return the letters that a part begins with, `_MEDIA` where it is content without any."""
    part = event.part
    if isinstance(part, ToolCall):  # nothing can be done with a name alone
        return len(part.arguments)
    if isinstance(part, Reasoning):
        return len(part.text) or (_MEDIA if part.encrypted else 0)
    if isinstance(part, Text | Refusal):
        return len(part.text)
    return _MEDIA


def _is_content(event: PartAdded) -> bool:
    return bool(event.signature or event.encrypted or event.citation or event.transcript)
