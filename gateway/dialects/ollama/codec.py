"""The row of Ollama's own API.

Rule: it is asked for only, no client is understood in it.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.hub import Codec, UpstreamCodec
from gateway.dialects.ollama import embeddings
from gateway.dialects.ollama.answer import parse_answer, parse_error
from gateway.dialects.ollama.features import LOSSES
from gateway.dialects.ollama.reader import ChatReader
from gateway.dialects.ollama.request_out import dump_request
from gateway.entities import Dialect

CODEC: Final = Codec(
    Dialect.OLLAMA_CHAT,
    upstream=UpstreamCodec(
        losses=LOSSES,
        dump_request=dump_request,
        parse_answer=parse_answer,
        reader=ChatReader,
        parse_error=parse_error,
    ),
    upstream_embeddings=embeddings.CODEC,
)
