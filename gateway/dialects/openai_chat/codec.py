"""The rows of the two formats in the table of codecs."""

from __future__ import annotations

from typing import Final

from gateway.dialects.hub import ClientCodec, Codec, UpstreamCodec
from gateway.dialects.openai_chat import completions
from gateway.dialects.openai_chat.answer_in import parse_answer, parse_error
from gateway.dialects.openai_chat.answer_out import dump_answer
from gateway.dialects.openai_chat.reader import ChatReader
from gateway.dialects.openai_chat.request_in import parse_request
from gateway.dialects.openai_chat.request_out import LOSSES, dump_request
from gateway.dialects.openai_chat.writer import ChatWriter
from gateway.entities import Dialect

CHAT_CODEC: Final = Codec(
    Dialect.OPENAI_CHAT,
    client=ClientCodec(parse_request, dump_answer, ChatWriter),
    upstream=UpstreamCodec(LOSSES, dump_request, parse_answer, ChatReader, parse_error),
)
COMPLETIONS_CODEC: Final = Codec(
    Dialect.OPENAI_COMPLETIONS,
    client=ClientCodec(
        completions.parse_request, completions.dump_answer, completions.CompletionsWriter
    ),
)
