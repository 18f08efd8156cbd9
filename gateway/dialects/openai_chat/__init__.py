"""OpenAI Chat Completions and the older Completions: watched, read and written.

    request_in, messages_in   a client's body -> hub      request_out, messages_out   hub -> provider
    answer_in, reader         a provider's -> hub         answer_out, writer          hub -> client

Rule: what compatible servers do otherwise is data (`Quirks`) on the way out, and read without
asking whose it is on the way in.
"""

from gateway.dialects.openai_chat.codec import CHAT_CODEC, COMPLETIONS_CODEC
from gateway.dialects.openai_chat.watch import CHAT_SPEC, COMPLETIONS_SPEC, ChatWatch

__all__ = ["CHAT_CODEC", "CHAT_SPEC", "COMPLETIONS_CODEC", "COMPLETIONS_SPEC", "ChatWatch"]
