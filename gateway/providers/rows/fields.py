"""Inputs that rows of several families share.

Rule: one name means one thing, whatever the provider.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.entities import Dialect
from gateway.providers.provider import API_KEY_MODE, DEFAULT_CHAIN_MODE, Field

API_KEY: Final = Field(
    name="api_key",
    title="API key",
    secret=True,
    required=True,
    default=None,
    help="The key as the provider's console shows it, without a scheme such as Bearer.",
)
OPTIONAL_KEY: Final = replace(
    API_KEY,
    required=False,
    help="Only where the server or a proxy before it wants one; without a scheme such as Bearer.",
)
ORGANIZATION: Final = Field(
    name="organization",
    title="Organization",
    secret=False,
    required=False,
    default=None,
    help="Sent as OpenAI-Organization.",
    header="openai-organization",
)
PROJECT: Final = Field(
    name="project",
    title="Project",
    secret=False,
    required=False,
    default=None,
    help="Sent as OpenAI-Project; of vertex the project that is billed.",
    header="openai-project",
)
# What of OpenAI's a compatible server has as a rule.
COMPATIBLE: Final = frozenset(
    {
        Dialect.OPENAI_CHAT,
        Dialect.OPENAI_COMPLETIONS,
        Dialect.OPENAI_EMBEDDINGS,
        Dialect.OPENAI_RAW,
    }
)
OPENAI: Final = COMPATIBLE | {Dialect.OPENAI_RESPONSES}
CHAT_ONLY: Final = frozenset({Dialect.OPENAI_CHAT})


def api_base(default: str | None, *, required: bool | None = None, text: str = "") -> Field:
    """Return the field of the base URL; it is required where there is no default."""
    return Field(
        name="api_base",
        title="Base URL",
        secret=False,
        required=default is None if required is None else required,
        default=default,
        help=text or "What the vendor's SDK calls its base URL.",
    )


def auth_mode(*names: str) -> Field:
    """Return the field that chooses between ways of authentication; the first is the default."""
    return Field(
        name="auth_mode",
        title="Way of authentication",
        secret=False,
        required=False,
        default=names[0],
        help="How the credential is presented.",
        choices=names,
    )


def api(default: str | None) -> Field:
    """Return the field that chooses between OpenAI's two APIs for translated requests."""
    return Field(
        name="api",
        title="API of translated requests",
        secret=False,
        required=False,
        default=default,
        help="What requests of other formats are translated to: chat completions, or responses.",
        choices=("chat", "responses"),
    )


KEY_MODE: Final = auth_mode(API_KEY_MODE)
CHAIN: Final = DEFAULT_CHAIN_MODE
