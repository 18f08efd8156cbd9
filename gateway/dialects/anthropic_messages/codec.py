"""Anthropic Messages as a row of the table of wire formats."""

from __future__ import annotations

from typing import Final

from gateway.dialects.anthropic_messages.answer_out import dump_answer
from gateway.dialects.anthropic_messages.request_in import parse_request
from gateway.dialects.anthropic_messages.writer import MessagesWriter
from gateway.dialects.hub import ClientCodec, Codec
from gateway.entities import Dialect

CODEC: Final = Codec(
    name=Dialect.ANTHROPIC_MESSAGES,
    client=ClientCodec(parse_request, dump_answer, MessagesWriter),
)
