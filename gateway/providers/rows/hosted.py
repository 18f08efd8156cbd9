"""Vendors with an API in OpenAI's format, and how each differs from it.

Sources, read in November 2026: docs.mistral.ai/api, console.groq.com/docs/openai,
api-docs.deepseek.com, docs.x.ai, openrouter.ai/docs, docs.perplexity.ai,
inference-docs.cerebras.ai/resources/openai, platform.kimi.ai/docs (Moonshot); the references of
chat completions of docs.together.ai (and its OpenAPI file), docs.fireworks.ai, docs.sambanova.ai,
docs.qwencloud.com, docs.z.ai and huggingface.co/docs/inference-providers. Traffic recorded there
where there is some. Rows that say "assumed" rest on a vendor's claim to be compatible.

Rule: as `gateway.providers.rows`; `unsupported` holds what a vendor refuses, leaves out unsaid, or
does not name in its reference: it is reported or refused here, and never sent in hope.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.entities import Dialect, Quirks, SchemaSupport, ToolIds
from gateway.providers.provider import Provider
from gateway.providers.rows.fields import API_KEY, CHAT_ONLY, COMPATIBLE, KEY_MODE, api_base

_RESPONSES: Final = frozenset({Dialect.OPENAI_RESPONSES})
_MESSAGES: Final = frozenset({Dialect.ANTHROPIC_MESSAGES})
_EMBEDDINGS: Final = frozenset({Dialect.OPENAI_EMBEDDINGS})
_COMPLETIONS: Final = frozenset({Dialect.OPENAI_COMPLETIONS})
# What only OpenAI's own account and models have: `store`, `metadata`, `prompt_cache_key`, ...
_OPENAI_ONLY: Final = frozenset(
    {"store", "metadata", "cache_key", "verbosity", "prediction", "modalities", "service_tier"}
)
_NUMBERS: Final = frozenset({"logprobs", "logit_bias"})
_FORCED: Final = frozenset({"tool_choice_required", "tool_choice_named"})


def _host(
    name: str,
    title: str,
    url: str | None,
    dialects: frozenset[Dialect],
    quirks: Quirks,
    **more: Any,
) -> Provider:
    config = (api_base(url, text=more.pop("base_help", "")), KEY_MODE)
    return Provider(name, title, dialects, url, (API_KEY,), config, quirks=quirks, **more)


HOSTED_ROWS: Final = (
    _host(
        "mistral",
        "Mistral AI",
        "https://api.mistral.ai/v1",
        COMPATIBLE - _COMPLETIONS,
        Quirks(
            # It refuses fields that it does not know (422 extra_forbidden).
            unsupported=(_OPENAI_ONLY - {"prediction", "metadata"})
            | _NUMBERS
            | {"user", "image_detail", "name"},
            renamed=(("seed", "random_seed"),),
            reasoning_request="",  # its thinking models think unasked
            tool_ids=ToolIds.NINE,
            stream_usage=False,  # it says the usage unasked
            required_word="any",
        ),
    ),
    _host(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        (CHAT_ONLY | _RESPONSES | {Dialect.OPENAI_RAW}),
        Quirks(
            # Refused by status 400: logprobs, logit_bias, messages[].name, n over 1.
            unsupported=(_OPENAI_ONLY - {"service_tier"}) | _NUMBERS | {"name", "candidates"},
            reasoning_field="reasoning",
            max_tokens_field="max_completion_tokens",
            max_stop=4,
        ),
    ),
    _host(
        "together",
        "Together AI",
        "https://api.together.xyz/v1",
        COMPATIBLE,
        Quirks(
            # Its `logprobs` is a number of tokens, not a yes. Its Responses API is for some models
            # only, others answer it malformed: such requests are translated.
            unsupported=_OPENAI_ONLY | {"logprobs", "user", "serial_calls"},
            reasoning_field="reasoning",
        ),
    ),
    _host(
        "fireworks",
        "Fireworks AI",
        "https://api.fireworks.ai/inference/v1",
        COMPATIBLE | _RESPONSES,
        Quirks(unsupported=_OPENAI_ONLY - {"prediction", "metadata"}, max_stop=4),
    ),
    _host(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        CHAT_ONLY | _MESSAGES,
        Quirks(
            unsupported=_OPENAI_ONLY
            | {"logit_bias", "candidates", "seed", "serial_calls", "user", "image", "image_url"},
            reasoning_request="thinking",
            schema=SchemaSupport.JSON_OBJECT,
            max_stop=16,
        ),
        other_bases=((Dialect.ANTHROPIC_MESSAGES, "https://api.deepseek.com/anthropic"),),
    ),
    _host(
        "xai",
        "xAI",
        "https://api.x.ai/v1",
        CHAT_ONLY | _RESPONSES | {Dialect.OPENAI_RAW},
        Quirks(
            # Its thinking models, which are all that it still offers, refuse stop and penalties.
            unsupported=(_OPENAI_ONLY - {"store"})
            | {"logit_bias", "presence_penalty", "frequency_penalty", "stop"},
            max_tokens_field="max_completion_tokens",
        ),
        hub_dialects=(Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES),
    ),
    _host(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        COMPATIBLE | _RESPONSES | _MESSAGES,
        Quirks(
            unsupported=_OPENAI_ONLY - {"metadata", "prediction", "modalities", "verbosity"},
            reasoning_field="reasoning",
            reasoning_request="reasoning",
            max_stop=4,
        ),
        trial_path="/key",  # its list of models is for anybody
    ),
    _host(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        CHAT_ONLY,
        Quirks(
            # No tools in chat completions: its models search the web by themselves.
            unsupported=_OPENAI_ONLY
            | _NUMBERS
            | _FORCED
            | {"tools", "tool_choice_none", "serial_calls", "allowed_tools", "seed", "candidates"}
            | {"user", "stop", "name", "json_object"},
            stream_usage=False,
        ),
        trial_path="/async/chat/completions",
        notes="It answers from the web and takes no tools.",
    ),
    _host(
        "cerebras",
        "Cerebras",
        "https://api.cerebras.ai/v1",
        CHAT_ONLY | _COMPLETIONS,
        Quirks(
            # Refused by status 400: the penalties and logit_bias.
            unsupported=_OPENAI_ONLY
            | {"logit_bias", "presence_penalty", "frequency_penalty"}
            | {"image", "image_url", "name", "candidates"},
            reasoning_field="reasoning",
            max_tokens_field="max_completion_tokens",
            max_stop=4,
        ),
    ),
    _host(
        "sambanova",
        "SambaNova",
        "https://api.sambanova.ai/v1",
        CHAT_ONLY | _COMPLETIONS | _EMBEDDINGS,
        Quirks(
            # It takes the penalties for compatibility's sake, and does nothing with them.
            unsupported=_OPENAI_ONLY
            | _NUMBERS
            | {"candidates", "presence_penalty", "frequency_penalty", "user", "name"},
            reasoning_field="reasoning",
            max_stop=4,
        ),
        trial_is_open=True,
    ),
    _host(
        "nvidia",
        "NVIDIA NIM",
        "https://integrate.api.nvidia.com/v1",
        COMPATIBLE - {Dialect.OPENAI_RAW},
        # Assumed: each model has a page of its own, and what it takes differs.
        Quirks(unsupported=_OPENAI_ONLY | {"user", "name", "candidates"}),
        trial_is_open=True,
        notes="Also for containers of one's own, at their api_base.",
    ),
    _host(
        "databricks",
        "Databricks",
        None,
        COMPATIBLE - {Dialect.OPENAI_RAW},
        # Assumed: its reference differs between models of its own and of other vendors.
        Quirks(unsupported=_OPENAI_ONLY | {"user", "name", "seed", "serial_calls"}, max_stop=4),
        trial_path="",  # the base URL itself lists the endpoints
        base_help="The workspace's, such as https://dbc-1234.cloud.databricks.com/serving-endpoints.",
    ),
    _host(
        "huggingface",
        "Hugging Face",
        "https://router.huggingface.co/v1",
        CHAT_ONLY | _RESPONSES,
        Quirks(
            unsupported=_OPENAI_ONLY | {"user", "name", "logit_bias", "candidates", "serial_calls"},
            max_stop=4,
        ),
        trial_is_open=True,
        notes="Inference providers: who serves a model decides what of a request it takes.",
    ),
    _host(
        "moonshot",
        "Moonshot AI",
        "https://api.moonshot.ai/v1",
        CHAT_ONLY | _MESSAGES,
        Quirks(
            unsupported=(_OPENAI_ONLY - {"cache_key"})
            | _NUMBERS
            | {"seed", "user", "serial_calls", "tool_choice_required"},
            reasoning_request="thinking",
            max_stop=5,
        ),
        other_bases=((Dialect.ANTHROPIC_MESSAGES, "https://api.moonshot.ai/anthropic"),),
    ),
    _host(
        "qwen",
        "Qwen (DashScope)",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        CHAT_ONLY | _EMBEDDINGS,
        Quirks(
            unsupported=_OPENAI_ONLY | {"logit_bias", "user", "name", "tool_choice_required"},
            reasoning_request="enable_thinking",
            # The newest models take a schema; the others refuse the request because of it.
            schema=SchemaSupport.JSON_OBJECT,
        ),
        notes="Keys belong to a region: api_base is that of Singapore unless another is given.",
    ),
    _host(
        "zai",
        "Z.ai",
        "https://api.z.ai/api/paas/v4",
        CHAT_ONLY | _EMBEDDINGS | _MESSAGES,
        Quirks(
            # tool_choice is auto only; one stop sequence; answers in JSON, but not by a schema.
            unsupported=_OPENAI_ONLY
            | _NUMBERS
            | _FORCED
            | {"tool_choice_none", "serial_calls", "allowed_tools", "candidates", "seed"}
            | {"presence_penalty", "frequency_penalty", "user", "name"},
            reasoning_request="thinking",
            schema=SchemaSupport.JSON_OBJECT,
            max_stop=1,
            stream_usage=False,
        ),
        other_bases=((Dialect.ANTHROPIC_MESSAGES, "https://api.z.ai/api/anthropic"),),
    ),
    _host(
        "deepinfra",
        "DeepInfra",
        "https://api.deepinfra.com/v1/openai",
        COMPATIBLE,
        # Assumed: it says "compatible" and no more.
        Quirks(unsupported=_OPENAI_ONLY | {"logprobs", "serial_calls", "name"}),
        trial_is_open=True,
    ),
)
