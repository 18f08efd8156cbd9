"""The row of Cohere's version 2.

Rule: it is asked for only, no client is understood in it.
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.cohere import embeddings
from gateway.dialects.cohere.answer import parse_answer, parse_error
from gateway.dialects.cohere.features import LOSSES
from gateway.dialects.cohere.reader import ChatReader
from gateway.dialects.cohere.request_out import dump_request
from gateway.dialects.hub import Codec, UpstreamCodec
from gateway.entities import Dialect

CODEC: Final = Codec(
    Dialect.COHERE_CHAT,
    upstream=UpstreamCodec(
        losses=LOSSES,
        dump_request=dump_request,
        parse_answer=parse_answer,
        reader=ChatReader,
        parse_error=parse_error,
    ),
    upstream_embeddings=embeddings.CODEC,
)
