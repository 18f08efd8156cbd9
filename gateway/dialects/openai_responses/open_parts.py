"""The parts of an answer while they are written as items of a stream.

Each has `grow` (more text), `learn` (more about it) and `end`; a part is written as it comes.

Rule: all that the ``.done`` events and items repeat is what the ``.delta`` ones have said.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from gateway.dialects.hub import PartAdded, Reasoning, Refusal, Text
from gateway.dialects.openai_responses.annotations import dump_annotation
from gateway.dialects.openai_responses.outlet import Outlet, build_frame
from gateway.dialects.openai_responses.reasoning import carry_proof, is_summary
from gateway.dialects.openai_responses.response import dump_logprobs
from gateway.dialects.spec import dump_json

_NO_LOGPROBS: Final = b',"logprobs":[]'


class OpenPart(Protocol):
    """A part that is being written."""

    def grow(self, text: str) -> None:
        """Write more of its text."""
        ...

    def learn(self, more: PartAdded) -> None:
        """Take in what comes besides its text."""
        ...

    def end(self) -> None:
        """Write its end."""
        ...


class OpenMessage:
    """A message item: the texts and refusals that follow one another.

    `left`: something else has begun behind it; it ends with the last of its parts.
    """

    __slots__ = ("_contents", "_outlet", "id", "left", "open", "place")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._contents: list[dict[str, Any] | None] = []
        self.open = 0
        self.left = False
        self.place, self.id = outlet.open_item("msg_")
        outlet.add_item(self.place, self._build("in_progress"))

    def begin(self, part: dict[str, Any]) -> dict[str, Any]:
        """Announce a part of the content; return where it is."""
        where = {
            "item_id": self.id,
            "output_index": self.place,
            "content_index": len(self._contents),
        }
        self._contents.append(None)
        self.open += 1
        self._outlet.say("response.content_part.added", **where, part=part)
        return where

    def finish(self, where: dict[str, Any], part: dict[str, Any]) -> None:
        """Announce that a part of the content is complete."""
        self._outlet.say("response.content_part.done", **where, part=part)
        self._contents[where["content_index"]] = part
        self.open -= 1
        self.close_if_left()

    def leave(self) -> None:
        """Note that something else has begun behind it."""
        self.left = True
        self.close_if_left()

    def close_if_left(self) -> None:
        """Write the message's end if nothing more can come."""
        if self.left and self.open == 0:
            self._outlet.end_item(self.place, self._build("completed"))

    def _build(self, status: str) -> dict[str, Any]:
        content = [part for part in self._contents if part is not None]
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": content,
        }


class OpenText:
    """A text of a message."""

    __slots__ = ("_frame", "_message", "_notes", "_outlet", "_size", "_texts", "_where", "logprobs")

    def __init__(self, outlet: Outlet, message: OpenMessage, part: Text) -> None:
        self._outlet, self._message = outlet, message
        self._texts: list[str] = []
        self._size = 0
        self._notes: list[dict[str, Any]] = []
        self.logprobs: list[dict[str, Any]] = []
        self._where = message.begin(self._build())
        self._frame = build_frame("response.output_text.delta", self._where, _NO_LOGPROBS)
        if part.text:
            self.grow(part.text)
        for citation in part.citations:
            self.learn(PartAdded(0, 0, citation=citation))

    def grow(self, text: str) -> None:
        """Write more of the text."""
        self._texts.append(text)
        self._size += len(text)
        self._outlet.say_delta(self._frame[0], text, self._frame[1])

    def grow_with(self, text: str, logprobs: object) -> None:
        """Write more of the text with what the model thought of its tokens."""
        tokens = dump_logprobs(logprobs)
        self.logprobs += tokens
        self._texts.append(text)
        self._size += len(text)
        tail = b',"logprobs":%b}\n\n' % dump_json(tokens)
        self._outlet.say_delta(self._frame[0], text, tail)

    def add_logprobs(self, tokens: object) -> None:
        """Take in what the model thought of tokens that have been written."""
        self.logprobs += dump_logprobs(tokens)

    def learn(self, more: PartAdded) -> None:
        """Write a citation; a signature of a text (Gemini's) has no place here."""
        if more.citation is None:
            return
        note = dump_annotation(more.citation, self._size)
        self._outlet.say(
            "response.output_text.annotation.added",
            **self._where,
            annotation_index=len(self._notes),
            annotation=note,
        )
        self._notes.append(note)

    def end(self) -> None:
        """Write the text's end."""
        whole = self._build()
        fields = {"text": whole["text"], "logprobs": self.logprobs}
        self._outlet.say("response.output_text.done", **self._where, **fields)
        self._message.finish(self._where, whole)

    def _build(self) -> dict[str, Any]:
        return {
            "type": "output_text",
            "text": "".join(self._texts),
            "annotations": self._notes,
            "logprobs": self.logprobs,
        }


class OpenRefusal:
    """A refusal within a message."""

    __slots__ = ("_frame", "_message", "_outlet", "_texts", "_where")

    def __init__(self, outlet: Outlet, message: OpenMessage, part: Refusal) -> None:
        self._outlet, self._message = outlet, message
        self._texts: list[str] = []
        self._where = message.begin(self._build())
        self._frame = build_frame("response.refusal.delta", self._where)
        if part.text:
            self.grow(part.text)

    def grow(self, text: str) -> None:
        """Write more of it."""
        self._texts.append(text)
        self._outlet.say_delta(self._frame[0], text, self._frame[1])

    def learn(self, more: PartAdded) -> None:
        """Nothing comes besides the text."""

    def end(self) -> None:
        """Write its end."""
        whole = self._build()
        self._outlet.say("response.refusal.done", **self._where, refusal=whole["refusal"])
        self._message.finish(self._where, whole)

    def _build(self) -> dict[str, Any]:
        return {"type": "refusal", "refusal": "".join(self._texts)}


# The events of thoughts by what they are: where they stand, and how their texts are called.
_SUMMARY: Final[dict[str, Any]] = {
    "index": "summary_index",
    "part": {"type": "summary_text"},
    "added": "response.reasoning_summary_part.added",
    "delta": "response.reasoning_summary_text.delta",
    "text_done": "response.reasoning_summary_text.done",
    "done": "response.reasoning_summary_part.done",
}
_RAW: Final[dict[str, Any]] = {
    "index": "content_index",
    "part": {"type": "reasoning_text"},
    "added": "response.content_part.added",
    "delta": "response.reasoning_text.delta",
    "text_done": "response.reasoning_text.done",
    "done": "response.content_part.done",
}


class OpenReasoning:
    """A reasoning item, its thoughts a summary of paragraphs or raw text."""

    __slots__ = (
        "_encrypted",
        "_frame",
        "_outlet",
        "_part",
        "_signature",
        "_texts",
        "_words",
        "id",
        "place",
    )

    def __init__(self, outlet: Outlet, part: Reasoning) -> None:
        self._outlet, self._part = outlet, part
        self._words = _SUMMARY if is_summary(part) else _RAW
        self._texts: list[list[str]] = []
        self._encrypted, self._signature = part.encrypted, part.signature
        self._frame = (b"", b"")
        self.place, self.id = outlet.open_item("rs_", part.id)
        outlet.add_item(self.place, self._build())
        for text in part.texts or ((part.text,) if part.text else ()):
            self._begin_paragraph()
            self.grow(text)

    def grow(self, text: str) -> None:
        """Write more of the thoughts."""
        if not self._texts:
            self._begin_paragraph()
        self._texts[-1].append(text)
        self._outlet.say_delta(self._frame[0], text, self._frame[1])

    def learn(self, more: PartAdded) -> None:
        """Take in a new paragraph, or what proves the thoughts to their vendor."""
        if more.paragraph:
            self._begin_paragraph()
        self._signature = more.signature or self._signature
        self._encrypted = more.encrypted or self._encrypted

    def end(self) -> None:
        """Write their end."""
        self._end_paragraph()
        self._outlet.end_item(self.place, self._build())

    def _begin_paragraph(self) -> None:
        self._end_paragraph()
        self._texts.append([])
        where = self._where()
        self._outlet.say(self._words["added"], **where, part=self._words["part"] | {"text": ""})
        self._frame = build_frame(self._words["delta"], where)

    def _end_paragraph(self) -> None:
        if not self._texts:
            return
        where, text = self._where(), "".join(self._texts[-1])
        self._outlet.say(self._words["text_done"], **where, text=text)
        self._outlet.say(self._words["done"], **where, part=self._words["part"] | {"text": text})

    def _where(self) -> dict[str, Any]:
        return {
            "item_id": self.id,
            "output_index": self.place,
            self._words["index"]: len(self._texts) - 1,
        }

    def _build(self) -> dict[str, Any]:
        texts = [self._words["part"] | {"text": "".join(pieces)} for pieces in self._texts]
        is_raw = self._words is _RAW
        item: dict[str, Any] = {
            "id": self.id,
            "type": "reasoning",
            "summary": [] if is_raw else texts,
        }
        if is_raw and texts:
            item["content"] = texts
        proof = Reasoning(
            signature=self._signature, encrypted=self._encrypted, origin=self._part.origin
        )
        item["encrypted_content"] = carry_proof(proof)
        return item
