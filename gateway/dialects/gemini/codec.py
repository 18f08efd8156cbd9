"""Gemini as a row of the table of wire formats."""

from __future__ import annotations

from typing import Final

from gateway.dialects.gemini.answer_out import dump_answer
from gateway.dialects.gemini.request_in import parse_request
from gateway.dialects.gemini.writer import GeminiArrayWriter, GeminiWriter
from gateway.dialects.hub import ClientCodec, Codec
from gateway.entities import Dialect

CODEC: Final = Codec(
    name=Dialect.GEMINI,
    client=ClientCodec(
        parse_request,
        dump_answer,
        GeminiWriter,
        "text/event-stream",
        array_writer=GeminiArrayWriter,
    ),
)
