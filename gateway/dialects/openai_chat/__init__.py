"""OpenAI Chat Completions and the older Completions: watched, read and written.

    client -> hub      request_in, messages_in      hub -> provider    request_out, messages_out
    provider -> hub    answer_in, reader            hub -> client      answer_out, writer

Rule: what compatible servers do otherwise is data (`Quirks`) on the way out, and read without
asking whose it is on the way in.
"""

from gateway.dialects.openai_chat.codec import CHAT_CODEC, COMPLETIONS_CODEC
from gateway.dialects.openai_chat.watch import CHAT_SPEC, COMPLETIONS_SPEC, ChatWatch

__all__ = ["CHAT_CODEC", "CHAT_SPEC", "COMPLETIONS_CODEC", "COMPLETIONS_SPEC", "ChatWatch"]
