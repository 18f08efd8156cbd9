"""The parts that a message consists of, whatever its wire format.

Rule: a part that only one dialect knows is an `Opaque`: it is carried or reported, never dropped
unsaid. `at` is where the client wrote the part, for messages and reports; it is no content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias


class Family(StrEnum):
    """Who issues signatures and encrypted reasoning: nobody else takes them back."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"  # also where Bedrock or Vertex serve Claude
    GEMINI = "gemini"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Media:
    """Where the bytes of an image, a document, audio or video are; one of the last four is set.

    Attributes:
        media_type: such as ``image/png``; None where the client did not say.
        data: base64, standard alphabet.
        url: http(s), or ``gs://`` and ``s3://`` where the vendor reads those.
        file_id: of a file kept by the vendor of the client's dialect.
        text: of a plain-text document.
    """

    media_type: str | None = None
    data: str | None = field(default=None, repr=False)
    url: str | None = None
    file_id: str | None = None
    text: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CacheMark:
    """The input up to here shall be cached; `ttl` is the vendor's word, such as ``1h``."""

    ttl: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """What a piece of text rests on; `raw` is the vendor's own object, of `origin`."""

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    start: int | None = None  # characters within the part's text
    end: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    origin: Family = Family.OTHER


@dataclass(frozen=True, slots=True)
class Text:
    """Plain text. `signature`: Gemini signs text parts too."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheMark | None = None
    signature: str | None = None
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Image:
    """An image; `detail` is OpenAI's low, high or auto."""

    media: Media
    detail: str | None = None
    cache: CacheMark | None = None
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound; `transcript` and `id` where the model has spoken it (OpenAI)."""

    media: Media
    transcript: str | None = None
    id: str | None = None
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Video:
    """A film."""

    media: Media
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A file to be read, PDF mostly.

    `raw`: as it stands on the wire of its dialect, where that says more than the hub.
    """

    media: Media
    name: str | None = None
    context: str | None = None  # Anthropic: said about the document, not cited from
    citations: bool | None = None  # whether the answer shall cite from it
    cache: CacheMark | None = None
    at: str = field(default="", compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model's call of a tool.

    Attributes:
        id: the call's; "" where the vendor gives none.
        name: the tool's.
        arguments: JSON text of an object, as the model wrote it (it may be broken); the free text
            of a `custom` tool.
        custom: a call of OpenAI's custom tools, which take free text.
        signature: Gemini's thoughtSignature of the call, which has to come back with it.
        item_id: the id of the Responses item, besides the call's.
        extra: fields without a name here, for the dialect that they came from.
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    signature: str | None = None
    item_id: str | None = None
    cache: CacheMark | None = None
    at: str = field(default="", compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back; `name` where the client said it (Gemini), else look it up by id.

    `structured`: the object that Gemini's clients send in place of parts.
    """

    call_id: str
    parts: tuple[Part, ...]
    name: str | None = None
    is_error: bool = False
    custom: bool = False
    structured: Mapping[str, Any] | None = None
    cache: CacheMark | None = None
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """The model's thoughts.

    Attributes:
        text: readable; "" where the vendor shows none.
        signature: over the text: Anthropic's, Bedrock's; Gemini's of a thought part.
        encrypted: unreadable reasoning: OpenAI's encrypted_content, Anthropic's redacted data.
        redacted: Anthropic's redacted_thinking: `encrypted` is all there is.
        summary: the text is a summary of them (OpenAI), a paragraph each in `texts`.
        origin: who signed or encrypted it.
        id: of the Responses item.
    """

    text: str = ""
    signature: str | None = None
    encrypted: str | None = None
    redacted: bool = False
    summary: bool = False
    texts: tuple[str, ...] = ()
    origin: Family = Family.OTHER
    id: str | None = None
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model's words on why it does not answer (OpenAI)."""

    text: str
    at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A part that only the dialect `family` knows, as it stands on the wire; `kind` is its type."""

    family: Family
    kind: str
    value: Mapping[str, Any] = field(repr=False)
    at: str = field(default="", compare=False)


Part: TypeAlias = (
    Text | Image | Audio | Video | Document | ToolCall | ToolResult | Reasoning | Refusal | Opaque
)
