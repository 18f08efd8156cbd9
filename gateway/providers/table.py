"""The providers as a table: one row says all that is peculiar to a vendor.

Rule: a provider that speaks a known dialect is one more row here, no code.
Sources of the rows: the vendors' API references, and recorded traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from gateway.entities import Dialect
from gateway.errors import InvalidValueError

API_KEY_MODE: Final = "api_key"


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a credential (`secret_value`) or of its settings (`auth_config`).

    `header` names the request header that carries the value upstream, where one does.
    """

    name: str
    title: str
    secret: bool
    required: bool
    default: str | None
    help: str
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor: which dialects it speaks, where it lives, where the credential goes.

    `credential_header` is lower case; `default_headers` apply where the client sent none.
    `trial_path` follows the base URL and lists the models.
    """

    name: str
    title: str
    dialects: frozenset[Dialect]
    base_url: str | None
    secret_fields: tuple[Field, ...]
    config_fields: tuple[Field, ...]
    auth_modes: tuple[str, ...]
    credential_header: str
    credential_prefix: str
    default_headers: tuple[tuple[str, str], ...] = ()
    trial_path: str = "/models"  # a GET there costs nothing and wants the credential


_API_KEY = Field(
    name="api_key",
    title="API key",
    secret=True,
    required=True,
    default=None,
    help="The key as the provider's console shows it, without a scheme such as Bearer.",
)
_AUTH_MODE = Field(
    name="auth_mode",
    title="Way of authentication",
    secret=False,
    required=False,
    default=API_KEY_MODE,
    help="How the credential is presented.",
)
_ORGANIZATION = Field(
    name="organization",
    title="Organization",
    secret=False,
    required=False,
    default=None,
    help="Sent as OpenAI-Organization.",
    header="openai-organization",
)
_PROJECT = Field(
    name="project",
    title="Project",
    secret=False,
    required=False,
    default=None,
    help="Sent as OpenAI-Project.",
    header="openai-project",
)
_OPENAI_DIALECTS = frozenset(
    {
        Dialect.OPENAI_CHAT,
        Dialect.OPENAI_COMPLETIONS,
        Dialect.OPENAI_RESPONSES,
        Dialect.OPENAI_EMBEDDINGS,
        Dialect.OPENAI_RAW,
    }
)


def _api_base(default: str | None) -> Field:
    return Field(
        name="api_base",
        title="Base URL",
        secret=False,
        required=default is None,
        default=default,
        help="What the vendor's SDK calls its base URL.",
    )


_OPENAI_URL: Final = "https://api.openai.com/v1"
_ANTHROPIC_URL: Final = "https://api.anthropic.com"
_GEMINI_URL: Final = "https://generativelanguage.googleapis.com"

_ROWS: Final = (
    Provider(
        name="openai",
        title="OpenAI",
        dialects=_OPENAI_DIALECTS,
        base_url=_OPENAI_URL,
        secret_fields=(_API_KEY,),
        config_fields=(_api_base(_OPENAI_URL), _AUTH_MODE, _ORGANIZATION, _PROJECT),
        auth_modes=(API_KEY_MODE,),
        credential_header="authorization",
        credential_prefix="Bearer ",
    ),
    Provider(
        name="anthropic",
        title="Anthropic",
        dialects=frozenset({Dialect.ANTHROPIC_MESSAGES}),
        base_url=_ANTHROPIC_URL,
        secret_fields=(_API_KEY,),
        config_fields=(_api_base(_ANTHROPIC_URL), _AUTH_MODE),
        auth_modes=(API_KEY_MODE,),
        credential_header="x-api-key",
        credential_prefix="",
        # The version that every SDK has sent since 2023; the API refuses a request without one.
        default_headers=(("anthropic-version", "2023-06-01"),),
        trial_path="/v1/models?limit=1",
    ),
    Provider(
        name="gemini",
        title="Google Gemini",
        dialects=frozenset({Dialect.GEMINI}),
        base_url=_GEMINI_URL,
        secret_fields=(_API_KEY,),
        config_fields=(_api_base(_GEMINI_URL), _AUTH_MODE),
        auth_modes=(API_KEY_MODE,),
        credential_header="x-goog-api-key",
        credential_prefix="",
        trial_path="/v1beta/models?pageSize=1",
    ),
    Provider(
        name="openai_compatible",
        title="OpenAI-compatible server",
        dialects=_OPENAI_DIALECTS,
        base_url=None,
        secret_fields=(_API_KEY,),
        config_fields=(_api_base(None), _AUTH_MODE, _ORGANIZATION, _PROJECT),
        auth_modes=(API_KEY_MODE,),
        credential_header="authorization",
        credential_prefix="Bearer ",
    ),
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({row.name: row for row in _ROWS})


def get_provider(name: str) -> Provider:
    """Return the row of a provider.

    Raises:
        InvalidValueError: unknown; the message names the known ones and the nearest.
    """
    found = PROVIDERS.get(name)
    if found is None:
        raise InvalidValueError(f"unknown provider{hint(name, PROVIDERS)}", field="provider")
    return found


def hint(name: str, known: Mapping[str, object]) -> str:
    """Return the end of a sentence that helps: the nearest known name and all of them."""
    nearest = get_close_matches(name, known, n=1)
    guess = f"; did you mean {nearest[0]!r}?" if nearest else ";"
    return f"{guess} Known: {', '.join(known)}"
