"""Programs that operators run themselves, with an API in OpenAI's format.

Sources, read in November 2026: what each takes, in vLLM's
`entrypoints/openai/chat_completion/protocol.py`, SGLang's `entrypoints/chat_input/schema.py`,
llama.cpp's `common/chat.cpp`, the list of parameters at lmstudio.ai/docs/developer/openai-compat,
the schema of TGI in @huggingface/tasks.

Rule: as `gateway.providers.rows`; none has an address or needs a credential by itself.
"""

from __future__ import annotations

from typing import Final

from gateway.entities import Dialect, Quirks
from gateway.providers.provider import Provider
from gateway.providers.rows.fields import (
    CHAT_ONLY,
    COMPATIBLE,
    KEY_MODE,
    OPTIONAL_KEY,
    api_base,
)

# What they leave out unsaid: it belongs to OpenAI's own account and models.
_FOREIGN: Final = frozenset(
    {"store", "metadata", "cache_key", "verbosity", "prediction", "modalities", "service_tier"}
)
_TEXT: Final = COMPATIBLE - {Dialect.OPENAI_RAW}


def _run(
    name: str, title: str, port: int, dialects: frozenset[Dialect], quirks: Quirks
) -> Provider:
    base = api_base(None, text=f"Such as http://gpu-1.internal:{port}/v1.")
    return Provider(
        name,
        title,
        dialects,
        None,
        (OPTIONAL_KEY,),
        (base, KEY_MODE),
        quirks=quirks,
        is_self_hosted=True,
    )


SELF_HOSTED_ROWS: Final = (
    _run(
        "vllm",
        "vLLM",
        8000,
        COMPATIBLE | {Dialect.OPENAI_RESPONSES},
        Quirks(unsupported=_FOREIGN | {"user", "name"}),  # "this will be ignored by vLLM"
    ),
    _run("sglang", "SGLang", 30000, COMPATIBLE, Quirks(unsupported=_FOREIGN | {"user", "name"})),
    _run(
        "llamacpp",
        "llama.cpp",
        8080,
        COMPATIBLE,
        Quirks(
            # tool_choice is a word: auto, none or required.
            unsupported=_FOREIGN | {"user", "name", "tool_choice_named", "candidates"},
            reasoning_request="",
        ),
    ),
    _run(
        "lmstudio",
        "LM Studio",
        1234,
        _TEXT | {Dialect.OPENAI_RESPONSES},
        Quirks(
            # Its list names none of them, nor tools, which it has.
            unsupported=_FOREIGN
            | {"user", "name", "candidates", "logprobs", "tool_choice_named", "serial_calls"}
        ),
    ),
    _run(
        "tgi",
        "Text Generation Inference",
        8080,
        CHAT_ONLY | {Dialect.OPENAI_COMPLETIONS},
        Quirks(
            # Its schema has logit_bias and n, both "UNUSED".
            unsupported=_FOREIGN | {"user", "serial_calls", "candidates", "logit_bias"},
            reasoning_request="",
        ),
    ),
)
