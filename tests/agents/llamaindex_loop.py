"""One agent loop of LlamaIndex with two tools: `python llamaindex_loop.py BASE_URL ENDPOINT`.

The api key is in LOCKGATE_KEY. It is run by `test_agents.py`, in an environment of its own.
"""

from __future__ import annotations

import asyncio
import os
import sys

from llama_index.core.agent.workflow import FunctionAgent  # type: ignore[import-not-found]
from llama_index.llms.openai_like import OpenAILike  # type: ignore[import-not-found]


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return "sunny-17" if city else ""


def get_time(city: str) -> str:
    """Tell the time in a city."""
    return "noon-12" if city else ""


async def main(base: str, endpoint: str) -> None:
    """Ask a question that wants both tools, and print the answer."""
    llm = OpenAILike(
        model=endpoint,
        api_base=f"{base}/v1",
        api_key=os.environ["LOCKGATE_KEY"],
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )
    agent = FunctionAgent(tools=[get_weather, get_time], llm=llm)
    answer = await agent.run(user_msg="What are weather and time in Rome?")
    sys.stdout.write(f"{answer}\n")


asyncio.run(main(*sys.argv[1:]))
