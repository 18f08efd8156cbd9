"""What a client can ask for: every route of the data plane that calls a model, as a table.

Rule: dialect, upstream path and place of the model's name all come from the
matched row, never from the request's URL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.entities import Dialect, Purpose


class Metering(StrEnum):
    """How the tokens of an operation are booked."""

    GENERATED = "generated"  # what the answer's usage says; estimated if it says nothing
    REPORTED = "reported"  # what the answer's usage says, else nothing
    FREE = "free"  # asking costs nothing, although the answer talks of tokens


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One thing that a client can ask for.

    `suffix` follows the provider's base URL; in Gemini's, `{version}` and the model come from
    the request. `action` is Gemini's word after the colon; `path` is then what stands before
    the slash and the model's name. `purpose` is what it is for, None where only a provider that
    has the very same path can serve it. `form`: the body is a form with files, not JSON; `method`
    is the upstream's. `is_lasting`: a row of a table, not made for one request. `is_reshaped`:
    for some target there is more to do than to put the model's name between the body's pieces.
    """

    dialect: Dialect
    path: str
    suffix: str
    metering: Metering = Metering.GENERATED
    action: str | None = None
    streams: bool = False  # whether the operation itself means a stream
    purpose: Purpose | None = Purpose.CHAT
    form: bool = False
    method: str = "POST"
    is_lasting: bool = True
    is_reshaped: bool = field(init=False)

    def __post_init__(self) -> None:
        reshaped = self.form or self.dialect is Dialect.ANTHROPIC_MESSAGES
        object.__setattr__(self, "is_reshaped", reshaped)


_OPENAI: Final = (
    Operation(Dialect.OPENAI_CHAT, "/v1/chat/completions", "/chat/completions"),
    Operation(Dialect.OPENAI_COMPLETIONS, "/v1/completions", "/completions"),
    Operation(Dialect.OPENAI_RESPONSES, "/v1/responses", "/responses"),
    Operation(
        Dialect.OPENAI_EMBEDDINGS,
        "/v1/embeddings",
        "/embeddings",
        Metering.REPORTED,
        purpose=Purpose.EMBED,
    ),
)
_ANTHROPIC: Final = (
    Operation(Dialect.ANTHROPIC_MESSAGES, "/v1/messages", "/v1/messages"),
    Operation(
        Dialect.ANTHROPIC_MESSAGES,
        "/v1/messages/count_tokens",
        "/v1/messages/count_tokens",
        Metering.FREE,
        purpose=Purpose.COUNT,
    ),
)
_GEMINI_ACTIONS: Final = (
    ("generateContent", Metering.GENERATED, False, Purpose.CHAT),
    ("streamGenerateContent", Metering.GENERATED, True, Purpose.CHAT),
    ("countTokens", Metering.FREE, False, Purpose.COUNT),
    ("embedContent", Metering.REPORTED, False, Purpose.EMBED),
    ("batchEmbedContents", Metering.REPORTED, False, Purpose.EMBED),
)


def list_gemini(version: str) -> tuple[Operation, ...]:
    """Return Gemini's operations under an API version, `v1` or `v1beta`."""
    return tuple(
        Operation(
            Dialect.GEMINI,
            f"/{version}/models",
            version,
            metering,
            action,
            streams,
            purpose,
        )
        for action, metering, streams, purpose in _GEMINI_ACTIONS
    )


_GEMINI: Final = (*list_gemini("v1beta"), *list_gemini("v1"))

# Each is paid by the call, names its model in its body, and neither reads nor keeps anything in
# the provider's account: whoever adds a row makes sure of it.
_RAW: Final = (
    *(
        Operation(Dialect.OPENAI_RAW, f"/v1/{path}", f"/{path}", Metering.REPORTED, purpose=None)
        for path in ("images/generations", "moderations", "rerank", "fim/completions")
    ),
    # As Cohere's SDK has it.
    Operation(Dialect.OPENAI_RAW, "/v2/rerank", "/v2/rerank", Metering.REPORTED, purpose=None),
    Operation(
        Dialect.OPENAI_RAW,
        "/v1/audio/speech",
        "/audio/speech",
        Metering.REPORTED,
        streams=True,
        purpose=None,
    ),
)
_FORMS: Final = tuple(
    Operation(
        Dialect.OPENAI_RAW, f"/v1/{path}", f"/{path}", Metering.REPORTED, form=True, purpose=None
    )
    for path in ("images/edits", "images/variations", "audio/transcriptions", "audio/translations")
)
_MEDIA: Final = (*_RAW, *_FORMS)

# Prefix and rows. The vendor's SDK, pointed at host + prefix, sends exactly the rows' paths.
OPERATIONS: Final[tuple[tuple[str, tuple[Operation, ...]], ...]] = (
    ("", (*_OPENAI, *_MEDIA, *_ANTHROPIC, *_GEMINI)),
    ("/anthropic", _ANTHROPIC),
    ("/gemini", _GEMINI),
    ("/gateway/openai", (*_OPENAI, *_MEDIA)),
    ("/gateway/anthropic", _ANTHROPIC),
    ("/gateway/gemini", _GEMINI),
    ("/gateway/mlflow", _OPENAI[:1]),
)

CHAT: Final = _OPENAI[0]
EMBEDDINGS: Final = _OPENAI[3]

# What `/gateway/proxy/{endpoint}/` passes through, by what follows. With or without the version:
# MLflow's clients write it, whoever thinks of the vendor's base URL does not.
PASSED: Final = {row.path[1:]: row for row in (*_OPENAI, *_MEDIA, *_ANTHROPIC)} | {
    row.suffix[1:]: row for row in (*_OPENAI, *_MEDIA)
}
# The same of Gemini's, by version and action; the model stands between them.
PASSED_ACTIONS: Final = {(row.suffix, row.action): row for row in _GEMINI}
