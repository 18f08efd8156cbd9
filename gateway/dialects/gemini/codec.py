"""Gemini as a row of the table of wire formats."""

from __future__ import annotations

from typing import Final

from gateway.dialects.gemini import embeddings
from gateway.dialects.gemini.answer_in import parse_answer, parse_count, parse_error
from gateway.dialects.gemini.answer_out import dump_answer
from gateway.dialects.gemini.reader import GeminiReader
from gateway.dialects.gemini.request_in import parse_request
from gateway.dialects.gemini.request_out import LOSSES, dump_count, dump_request
from gateway.dialects.gemini.writer import GeminiArrayWriter, GeminiWriter
from gateway.dialects.hub import (
    ClientCodec,
    ClientEmbeddingCodec,
    Codec,
    UpstreamCodec,
    UpstreamEmbeddingCodec,
)
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
    upstream=UpstreamCodec(
        LOSSES,
        dump_request,
        parse_answer,
        GeminiReader,
        parse_error,
        dump_count,
        parse_count,
    ),
    client_embeddings=ClientEmbeddingCodec(embeddings.parse_request, embeddings.dump_answer),
    upstream_embeddings=UpstreamEmbeddingCodec(
        embeddings.LOSSES, embeddings.dump_request, embeddings.parse_answer
    ),
)
