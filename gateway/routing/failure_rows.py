"""What belongs to which class: provider, status, mark or phrase; and the faults on the way.

The first row that fits decides. Rows that look at the body come before those that know a status
alone, which close the table; an answer that no row names is the client's fault.

Rule: a client must not be able to blame a target. A mark is a word that the provider put into a
field of its own. A phrase is compared with the beginning of the provider's sentence, where nothing
of a request can stand, and is used to blame only where the provider gives no mark.

`source` is the page that a row was taken from, all read in 2026-11; a thread of a public issue
tracker stands where a provider's page does not show the sentence. `openai_compatible` is whoever
speaks OpenAI's formats, so rows of such vendors name that provider; OpenRouter speaks the other
formats too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.errors import (
    LockgateError,
    UpstreamConnectError,
    UpstreamConnectTimeoutError,
    UpstreamDnsError,
    UpstreamError,
    UpstreamFirstByteTimeoutError,
    UpstreamMalformedError,
    UpstreamResetError,
    UpstreamStalledError,
    UpstreamTlsError,
    UpstreamTruncatedError,
)
from gateway.routing.failure_classes import (
    BLOCKED,
    CLIENT_FAULT,
    CONTENT_POLICY,
    CONTEXT_WINDOW,
    CREDENTIAL_REJECTED,
    EXCEEDS_ALLOWANCE,
    MODEL_UNAVAILABLE,
    OK,
    OPERATION_FORBIDDEN,
    OVERLOADED,
    QUOTA_EXHAUSTED,
    RATE_LIMITED,
    REDIRECT,
    REQUEST_TIMEOUT,
    SERVER_ERROR,
    UNSUPPORTED,
    Decision,
)
from gateway.routing.health import Blame

# The mark of a body that is a page and not an answer: no provider has a word like that.
PAGE: Final = "<page>"

_OPENAI: Final = frozenset({"openai", "openai_compatible"})
_COMPATIBLE: Final = frozenset({"openai_compatible"})
_ANTHROPIC: Final = frozenset({"anthropic", "openai_compatible"})
_GEMINI: Final = frozenset({"gemini"})
_GOOGLE: Final = frozenset({"gemini", "openai_compatible"})

_ERRORS: Final = range(400, 600)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: what fits all of it belongs to the class.

    Attributes:
        decision: the class.
        statuses: the HTTP statuses.
        source: where this is documented.
        marks: words of the provider's own fields, see `retry.py`.
        mark: the same as a pattern, found anywhere in a word.
        phrase: how the provider's sentence begins.
        providers: empty: all.

    A body fits if it has one of the marks or the phrase; a row without both fits any body.
    """

    decision: Decision
    statuses: range | frozenset[int]
    source: str
    marks: frozenset[str] = frozenset()
    mark: re.Pattern[str] | None = None
    phrase: re.Pattern[str] | None = None
    providers: frozenset[str] = frozenset()

    def fits(self, provider: str, marks: frozenset[str], sentence: str) -> bool:
        """Tell whether provider and body fit; the status is known to."""
        if self.providers and provider not in self.providers:
            return False
        if self.marks & marks:
            return True
        if self.phrase is not None and self.phrase.match(sentence):
            return True
        if self.mark is not None and any(self.mark.search(mark) for mark in marks):
            return True
        return not self.marks and self.mark is None and self.phrase is None


ROWS: Final = (
    Row(OK, range(100, 300), "RFC 9110, section 15"),
    Row(REDIRECT, range(300, 400), "RFC 9110, section 15.4"),
    # --- this one request is too much for the account -------------------------------------------
    Row(
        RATE_LIMITED,
        frozenset({402}),
        "openrouter.ai/docs/api_reference/limits",
        marks=frozenset({"openrouter_in_flight_budget", "in_flight_budget_exhausted"}),
    ),
    Row(
        EXCEEDS_ALLOWANCE,
        frozenset({402}),
        "openrouter.ai/docs/api_reference/limits",
        marks=frozenset({"weight_exceeds_budget"}),
        phrase=re.compile(r"This request requires more credits, or fewer max_tokens"),
    ),
    Row(
        EXCEEDS_ALLOWANCE,
        frozenset({429}),
        "github.com/Aider-AI/aider/issues/1880 (OpenAI)",
        phrase=re.compile(r"Request too large for \S"),
        providers=_OPENAI,
    ),
    Row(
        EXCEEDS_ALLOWANCE,
        frozenset({413}),
        "github.com/assafelovic/gpt-researcher/issues/985 (Groq)",
        marks=frozenset({"rate_limit_exceeded"}),
        providers=_OPENAI,
    ),
    Row(
        EXCEEDS_ALLOWANCE,
        frozenset({429}),
        "github.com/anthropics/claude-code/issues/64982",
        phrase=re.compile(r"(Extra usage is|Usage credits are) required for long context requests"),
        providers=_ANTHROPIC,
    ),
    # --- the account has nothing left -----------------------------------------------------------
    # Any status: inside of a stream these words come without one.
    Row(
        QUOTA_EXHAUSTED,
        _ERRORS,
        "help.openai.com/en/articles/6614457-troubleshooting-api-usage-and-spend-limits",
        marks=frozenset(
            {"insufficient_quota", "credit_balance_exhausted", "organization_usage_limit_exceeded"}
            | {"organization_spend_limit_exceeded", "project_spend_limit_exceeded"}
            | {"billing_not_active", "billing_hard_limit_reached", "insufficient_user_quota"}
        ),
    ),
    Row(
        QUOTA_EXHAUSTED,
        _ERRORS,
        "platform.claude.com/docs/en/api/errors, /rate-limits",
        marks=frozenset({"billing_error", "enforced_spend_limit_reached"}),
    ),
    Row(
        QUOTA_EXHAUSTED,
        frozenset({400, 429}),
        "platform.claude.com/docs/en/api/rate-limits",
        phrase=re.compile(
            r"Your credit balance is too low"
            r"|You have reached your specified (workspace )?API usage limits"
        ),
        providers=_ANTHROPIC,
    ),
    # A quota of the day is used up, or the plan has none ("limit: 0"): what RetryInfo says of
    # seconds beside it is about the quota of the minute.
    Row(
        QUOTA_EXHAUSTED,
        frozenset({429}),
        "ai.google.dev/gemini-api/docs/rate-limits, github.com/ogkalu2/comic-translate/issues/403",
        mark=re.compile(r"PerDay"),
        phrase=re.compile(
            r"You exceeded your current quota\b[\s\S]{0,2000}?\blimit: 0\b"
            r"|Your prepayment credits are depleted"
        ),
        providers=_GOOGLE,
    ),
    Row(
        QUOTA_EXHAUSTED,
        frozenset({400, 403}),
        "ai.google.dev/gemini-api/docs/troubleshooting, google/api/error_reason.proto",
        marks=frozenset({"BILLING_DISABLED"}),
        phrase=re.compile(r"Gemini API free tier is not available in your country"),
        providers=_GOOGLE,
    ),
    Row(
        QUOTA_EXHAUSTED,
        frozenset({403, 429}),
        "openrouter.ai/docs/guides/features/workspaces/workspace-budgets, /limits",
        marks=frozenset(
            {"openrouter_guardrail_budget", "openrouter_workspace_budget", "openrouter_key_limit"}
            | {"openrouter_free_tier_daily"}
        ),
        phrase=re.compile(r"Rate limit exceeded: free-models-per-day"),
    ),
    Row(
        QUOTA_EXHAUSTED,
        frozenset({403, 429}),
        "github.com/continuedev/continue/issues/10373 (xAI)",
        phrase=re.compile(r"Your team \S{1,80} has either used all available credits"),
        providers=_OPENAI,
    ),
    Row(
        QUOTA_EXHAUSTED,
        frozenset({412}),
        "docs.fireworks.ai/guides/inference-error-codes, pollinations/pollinations/issues/12136",
        phrase=re.compile(r"Account \S{1,80} is suspended"),
        providers=_OPENAI,
    ),
    # --- the model is not there, or not for us --------------------------------------------------
    Row(
        MODEL_UNAVAILABLE,
        frozenset({400, 403, 404, 410, 422}),
        "recorded answers of OpenAI and Groq; github.com/atiilla/sqlmap-ai/issues/3 (Groq)",
        marks=frozenset(
            {"model_not_found", "model_not_available", "model_decommissioned", "model_deprecated"}
            | {"model_not_supported", "unsupported_country_region_territory"}
        ),
    ),
    Row(
        MODEL_UNAVAILABLE,
        frozenset({400, 404}),
        "learn.microsoft.com/azure/foundry/openai/how-to/troubleshoot-errors",
        marks=frozenset({"DeploymentNotFound"}),
        providers=_OPENAI,
    ),
    Row(
        MODEL_UNAVAILABLE,
        frozenset({400, 404}),
        "github.com/mistralai/mistral-vibe/issues/617",
        marks=frozenset({"invalid_model"}),
        providers=_OPENAI,
    ),
    Row(
        MODEL_UNAVAILABLE,
        frozenset({404}),
        "platform.claude.com/docs/en/api/errors",
        phrase=re.compile(r"model: "),
        providers=_ANTHROPIC,
    ),
    Row(
        MODEL_UNAVAILABLE,
        frozenset({403, 404}),
        "ai.google.dev/gemini-api/docs/troubleshooting",
        phrase=re.compile(r"models/\S{1,300} is not (found|supported)|Publisher Model "),
        providers=_GOOGLE,
    ),
    Row(
        MODEL_UNAVAILABLE,
        frozenset({400}),
        "github.com/google-gemini/gemini-cli/issues/24641",
        phrase=re.compile(r"User location is not supported for the API use"),
        providers=_GOOGLE,
    ),
    Row(
        MODEL_UNAVAILABLE,
        frozenset({400, 403}),
        "docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html",
        phrase=re.compile(
            r"You don't have access to the model with the specified model ID"
            r"|Model access is denied due to "
            r"|The provided model identifier is invalid"
            r"|Invocation of model ID \S{1,200} with on-demand throughput"
        ),
        providers=_ANTHROPIC,
    ),
    # The name in it is the target's own, which has taken the place of the client's.
    Row(
        MODEL_UNAVAILABLE,
        frozenset({403, 404, 410}),
        "github.com/openai/openai-go/issues/565; recorded answers of OpenAI, Groq, Cohere",
        phrase=re.compile(
            r"Project .{0,80}does not have access to model "
            r"|Your organization must be verified to use the model "
            r"|((The|This) )?(requested )?[Mm]odel\b.{0,300}"
            r"(does not exist|do(es)? not have access|not found|deprecated|decommissioned"
            r"|no longer (available|supported)|not available)"
        ),
    ),
    # --- refused for what the request holds, whatever the status says ---------------------------
    Row(
        CLIENT_FAULT,
        frozenset({403}),
        "github.com/googleapis/python-genai/issues/1218",
        phrase=re.compile(
            r".{0,80}\baccess (to )?the File\b|CachedContent not found \(or permission denied\)"
        ),
        providers=_GOOGLE,
    ),
    Row(
        CONTENT_POLICY,
        frozenset({400, 403, 422}),
        "github.com/alan-turing-institute/t0-1/issues/69, github.com/jeffstric/ZJT/issues/480",
        marks=frozenset(
            {"content_policy_violation", "moderation_blocked", "cyber_policy_violation"}
            | {"image_content_policy_violation", "sensitive_content"}
        ),
        phrase=re.compile(r"Invalid prompt: your prompt was flagged"),
    ),
    Row(
        CONTENT_POLICY,
        frozenset({400, 403}),
        "learn.microsoft.com/azure/foundry/openai/how-to/troubleshoot-errors",
        marks=frozenset({"content_filter", "ResponsibleAIPolicyViolation"}),
        providers=_OPENAI,
    ),
    Row(
        CONTENT_POLICY,
        frozenset({403}),
        "openrouter.ai/docs/api_reference/errors-and-debugging",
        phrase=re.compile(r"(\S{1,200}|Your chosen model) requires moderation|Request blocked: "),
    ),
    Row(
        CONTENT_POLICY,
        frozenset({400}),
        "github.com/anthropics/claude-code/issues/58367",  # it has the plain type of every 400
        phrase=re.compile(r"Output blocked by content filtering policy"),
        providers=_ANTHROPIC,
    ),
    Row(
        CONTENT_POLICY,
        frozenset({400}),
        "github.com/666ghj/BettaFish/issues/108 (DeepSeek), agentscope-ai/QwenPaw/issues/1404",
        marks=frozenset({"data_inspection_failed", "DataInspectionFailed"}),
        phrase=re.compile(r"Content Exists Risk"),
        providers=_OPENAI,
    ),
    Row(
        CONTEXT_WINDOW,
        frozenset({400, 413, 422}),
        "github.com/ChatGPTNextWeb/NextChat/issues/625; openrouter.ai/docs/errors",
        marks=frozenset({"context_length_exceeded", "context_window_exceeded"}),
    ),
    # 500 in some versions: a client must not open a circuit with a long prompt.
    Row(
        CONTEXT_WINDOW,
        frozenset({400, 500}),
        "github.com/ggml-org/llama.cpp/pull/15780, /issues/19774",
        marks=frozenset({"exceed_context_size_error"}),
        phrase=re.compile(r"Context size has been exceeded"),
        providers=_OPENAI,
    ),
    # 403: Together's, which would otherwise stand for a rejected key.
    Row(
        CONTEXT_WINDOW,
        frozenset({400, 403, 413, 422}),
        "docs.together.ai/docs/error-codes, BerriAI/litellm/issues/4934, "
        "vllm-project/vllm/issues/20409; docs.cohere.com (too many tokens); recorded answers",
        phrase=re.compile(
            r"(This|The) (model|endpoint)'s maximum context length is \d"
            r"|(The )?[Pp]rompt is too long|Prompt contains \d+ tokens\b.{0,60}too large for model"
            r"|Input token count \+|Input validation error: .inputs. tokens \+ .max_new_tokens."
            r"|You passed \d+ input tokens and requested|too many tokens"
        ),
        providers=_OPENAI,
    ),
    Row(
        CONTEXT_WINDOW,
        frozenset({400, 413}),
        "docker/docker-agent/issues/569, aaif-goose/goose/pull/7504 (Bedrock)",
        phrase=re.compile(
            r"(The model returned the following errors: )?"
            r"(prompt is too long|input length and `max_tokens` exceed"
            r"|Input is too long for requested model)"
        ),
        providers=_ANTHROPIC,
    ),
    Row(
        CONTEXT_WINDOW,
        frozenset({400}),
        "github.com/google-gemini/gemini-cli/issues/6678",
        phrase=re.compile(r"The input token count\b.{0,80}exceeds the maximum"),
        providers=_GOOGLE,
    ),
    Row(
        BLOCKED,
        frozenset({403}),
        "github.com/run-llama/llama_index/issues/16796, OpenHands/OpenHands/issues/4480",
        marks=frozenset({PAGE}),
    ),
    # --- the credential ------------------------------------------------------------------------
    Row(
        OPERATION_FORBIDDEN,
        frozenset({401, 403}),
        "github.com/continuedev/continue/issues/10059 (OpenAI)",
        marks=frozenset({"missing_scope"}),
        phrase=re.compile(r"You have insufficient permissions for this operation"),
        providers=_OPENAI,
    ),
    Row(
        CREDENTIAL_REJECTED,
        frozenset({400}),
        "google/api/error_reason.proto",
        marks=frozenset({"API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED"}),
    ),
    Row(
        CREDENTIAL_REJECTED,
        frozenset({400}),
        "ai.google.dev/gemini-api/docs/troubleshooting",
        phrase=re.compile(r"API key (not valid|expired)"),
        providers=_GEMINI,
    ),
    Row(
        CREDENTIAL_REJECTED,
        frozenset({400}),
        "github.com/anthropics/claude-code/issues/9384",
        phrase=re.compile(r"This organization has been disabled"),
        providers=_ANTHROPIC,
    ),
    Row(
        CREDENTIAL_REJECTED,
        frozenset({400}),
        "github.com/openai/codex/issues/1352 (xAI)",
        phrase=re.compile(r"Incorrect API key provided: "),
        providers=_COMPATIBLE,
    ),
    Row(
        CREDENTIAL_REJECTED,
        frozenset({429}),
        "github.com/acheong08/ChatGPT/issues/533 (OpenAI)",
        phrase=re.compile(r"Your access was terminated"),
        providers=_OPENAI,
    ),
    # --- no room, with another status than 503 --------------------------------------------------
    Row(
        OVERLOADED,
        frozenset({498}),
        "console.groq.com/docs/flex-processing",
        marks=frozenset({"capacity_exceeded"}),
        providers=_OPENAI,
    ),
    Row(
        OVERLOADED,
        frozenset({429}),
        "github.com/continuedev/continue/issues/6185 (Mistral), github.com/pollinations/"
        "pollinations/issues/6260 (Azure), google-gemini/gemini-cli/issues/27548",
        marks=frozenset({"3505", "service_tier_capacity_exceeded", "MODEL_CAPACITY_EXHAUSTED"}),
        phrase=re.compile(
            r"Service tier capacity exceeded|The system is currently experiencing high demand"
            r"|No capacity available for model"
        ),
    ),
    # --- statuses alone: nothing after this looks at a body -------------------------------------
    Row(CREDENTIAL_REJECTED, frozenset({401, 403}), "RFC 9110, section 15.5.2 and .4"),
    Row(QUOTA_EXHAUSTED, frozenset({402}), "api-docs.deepseek.com/quick_start/error_codes"),
    # 499: whoever stands before the provider gave up; the client is still there.
    Row(REQUEST_TIMEOUT, frozenset({408, 499}), "openrouter.ai/docs/errors, google/rpc/code.proto"),
    Row(RATE_LIMITED, frozenset({429}), "RFC 6585, section 4"),
    Row(OVERLOADED, frozenset({503, 529}), "platform.claude.com/docs/en/api/errors"),
    Row(UNSUPPORTED, frozenset({501, 505}), "RFC 9110, section 15.6.2 and .6"),
    # Also Cloudflare's 520 to 526 and 530: the origin behind it does not answer.
    Row(SERVER_ERROR, range(500, 600), "RFC 9110, section 15.6"),
)


def _build_fault(error: type[UpstreamError]) -> Decision:
    return Decision(error.code, error.next_target, False, error, Blame.FAILURE)


# What goes wrong on the way, before the provider has said anything that could be passed on. A kept
# connection that was closed, an address that is not allowed and our own limits blame nobody.
FAULTS: Final[Mapping[type[LockgateError], Decision]] = MappingProxyType(
    {
        error: _build_fault(error)
        for error in (
            UpstreamConnectError,
            UpstreamConnectTimeoutError,
            UpstreamDnsError,
            UpstreamTlsError,
            UpstreamFirstByteTimeoutError,
            UpstreamStalledError,
            UpstreamResetError,
            UpstreamTruncatedError,
            UpstreamMalformedError,
        )
    }
)
