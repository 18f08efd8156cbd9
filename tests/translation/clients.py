"""The client formats, written by hand: what is asked, and what the answer says.

They use no code of the gateway's dialects: they are what it is judged by.
"""

from __future__ import annotations

from tests.translation.client_anthropic import AnthropicMessages
from tests.translation.client_chat import OpenAIChat, OpenAICompletions
from tests.translation.client_gemini import Gemini
from tests.translation.client_responses import OpenAIResponses

CLIENTS = (OpenAIChat(), OpenAICompletions(), OpenAIResponses(), AnthropicMessages(), Gemini())
