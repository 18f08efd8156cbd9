"""The stream watch of every dialect that is framed as server-sent events.

Rule: until the commit point each event is parsed; after it bytes are searched, and
only an event that may hold counts, an error or the end is parsed. Of the others the
brackets are looked at: a parse of each would double what a watch costs, and what breaks
events is a cut in their middle, which takes the closing bracket away.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, ClassVar, Final, Protocol

from gateway.dialects.spec import StreamFailure, StreamWatch, load_object
from gateway.dialects.sse import BlockSplitter, parse_block
from gateway.errors import LockgateError, UpstreamMalformedError

_OBJECT: Final = b"data: {"
_CLOSING: Final = ord("}")
_LINES_BYTES: Final = 256  # the lines before an event's data are shorter
DONE: Final = b"[DONE]"  # the end of OpenAI's older streams; some servers end all of theirs so


class Splitter(Protocol):
    """Cuts a stream into blocks, one for each event."""

    @property
    def cut(self) -> bool:
        """Whether the first block of the last `feed` lacks its middle."""
        ...

    @property
    def pending(self) -> bytes:
        """The bytes of a block that has begun and not ended."""
        ...

    @property
    def is_pending(self) -> bool:
        """Whether a block has begun and not ended."""
        ...

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the blocks that `chunk` completes."""
        ...


class SseWatch(StreamWatch):
    """Base of the watches; a dialect says what content, errors, counts and ends look like.

    `text` matches the output text within an event, one group, behind `text_anchor`; each
    event that has to be parsed even after the commit point holds one of `of_interest`;
    `end_mark` tells the end in an event too long to be kept whole, where such a one can be.
    Plain substrings come first because finding one costs a tenth of a pattern's search.
    """

    text: ClassVar[re.Pattern[bytes]]
    text_anchor: ClassVar[bytes]
    of_interest: ClassVar[tuple[bytes, ...]]
    end_mark: ClassVar[re.Pattern[bytes] | None] = None

    __slots__ = ("_blocks", "_ended")

    def __init__(self) -> None:
        super().__init__()
        self._blocks: Splitter = BlockSplitter()
        self._ended = False

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the answer, cut anywhere."""
        if self.is_over:
            return
        blocks = self._blocks.feed(chunk)
        cut = self._blocks.cut
        for block in blocks:
            self._remember(block)
            if self.committed:
                self._follow(block, cut=cut)
                if self.malformed is not None:
                    return
            else:
                self._open(block, cut=cut)
                if self.failure is not None:
                    return
            cut = False  # only the first can be
            anchor = block.find(self.text_anchor)
            if anchor >= 0:
                self.output_chars += sum(map(len, self.text.findall(block, anchor)))

    def conclude(self) -> None:
        """Look at what an end before the commit point has left without its blank line.

        An error there is one, and so is an end; half an event and content are a cut.
        """
        data = self._find_data(self._blocks.pending)
        if data is None or self.committed or self.failure is not None:
            return
        self.committed = self.finished
        value = load_object(data)
        if value is not None:
            self.failure = self._find_failure(value, data)

    @property
    def finished(self) -> bool:
        """Whether the end marker has been seen, even without the blank line after it."""
        if self._has_ended() or self.malformed is not None or not self._blocks.is_pending:
            return self._has_ended()
        data = self._find_data(self._blocks.pending)
        return data is not None and self._is_end(data)

    @property
    def at_boundary(self) -> bool:
        """Whether the bytes so far end between two events."""
        return not self._blocks.is_pending

    def dump_failure(self, error: LockgateError, request_id: str) -> bytes:
        """Return the dialect's error event, after a blank line where an event is half sent."""
        event = self._dump_event(error, request_id)
        return event if self.at_boundary else b"\n\n" + event

    def _remember(self, block: bytes) -> None:
        """Keep of an event what is needed once the stream has ended."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is looked at."""
        return self.failure is not None or self.malformed is not None

    def _has_ended(self) -> bool:
        return self._ended

    def _find_data(self, block: bytes) -> bytes | None:
        """Return an event's data; None where it has none."""
        event = parse_block(block)
        return None if event is None else event.data

    def _open(self, block: bytes, *, cut: bool) -> None:
        """Look at an event before the commit point."""
        data = self._find_data(block)
        if data is None:
            return
        value = load_object(data)
        if value is None:
            self._open_other(data, cut=cut)
            return
        self.failure = self._find_failure(value, data)
        if self.failure is None:
            self._see(value)
            self.committed = self._ended or self._has_content(value)

    def _open_other(self, data: bytes, *, cut: bool) -> None:
        if self._ends(data, cut=cut):
            self._ended = self.committed = True
        elif cut:
            self.committed = True  # too long to be anything but content
        elif data.strip():  # an empty one keeps the connection alive, no more
            self.failure = StreamFailure(
                None, UpstreamMalformedError.code, "an event of the stream is not JSON", data
            )

    def _follow(self, block: bytes, *, cut: bool) -> None:
        """Look at an event after the commit point."""
        for word in self.of_interest:
            if word in block:
                break
        else:
            # The first of the two is what nearly all events are: without a call.
            if not (block.startswith(_OBJECT) and block[-1] == _CLOSING) and not cut:
                self._check_brackets(block)
            return
        data = self._find_data(block)
        if data is None:
            return
        value = load_object(data)
        if value is None:
            self._ended = self._ended or self._ends(data, cut=cut)
            if not cut:
                self._check(block, is_object=False)
            return
        self.late_failure = self.late_failure or self._find_failure(value, data) is not None
        self._see(value)

    def _check_brackets(self, block: bytes) -> None:
        """Check an event unless it is an object from its first bracket to its last."""
        if not block.rstrip(b" ").endswith(b"}") or b"data: {" not in block[:_LINES_BYTES]:
            self._check(block)

    def _check(self, block: bytes, *, is_object: bool = True) -> None:
        """Note an event that nobody can read, unless there has been an end before it."""
        if self._has_ended() or self.late_failure:
            return
        data = (self._find_data(block) or b"").strip()
        if not data or data == DONE or self._is_end(data):
            return
        if not (is_object and data.startswith(b"{") and data.endswith(b"}")):
            self.malformed = block

    def _ends(self, data: bytes, *, cut: bool) -> bool:
        if cut and self.end_mark is not None:
            return self.end_mark.search(data) is not None
        return self._is_end(data)

    @abstractmethod
    def _has_content(self, value: dict[str, Any]) -> bool:
        """Tell whether an event carries a part of the answer."""

    @abstractmethod
    def _find_failure(self, value: dict[str, Any], data: bytes) -> StreamFailure | None:
        """Return the failure that an event reports, if it reports one."""

    @abstractmethod
    def _see(self, value: dict[str, Any]) -> None:
        """Take counts and the end out of an event."""

    @abstractmethod
    def _is_end(self, data: bytes) -> bool:
        """Tell, without a change of state, whether an event's data ends the answer."""

    @abstractmethod
    def _dump_event(self, error: LockgateError, request_id: str) -> bytes:
        """Return an error as one event."""
