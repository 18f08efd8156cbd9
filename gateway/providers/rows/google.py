"""Google: the Gemini API with a key, and Vertex AI with an account of Google Cloud.

Sources: ai.google.dev/api, cloud.google.com/vertex-ai/docs/reference/rest, the paths of Anthropic's
and Google's own SDKs; read in November 2026.

Rule: as `gateway.providers.rows`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.entities import Dialect
from gateway.providers.provider import API_KEY_MODE, AuthKind, AuthMode, Field, Layout, Provider
from gateway.providers.rows.anthropic import ANTHROPIC_QUIRKS
from gateway.providers.rows.fields import API_KEY, CHAIN, KEY_MODE, PROJECT, api_base, auth_mode

_URL: Final = "https://generativelanguage.googleapis.com"
_ACCOUNT: Final = "service_account"

GEMINI_ROW: Final = Provider(
    name="gemini",
    title="Google Gemini",
    dialects=frozenset({Dialect.GEMINI}),
    base_url=_URL,
    secret_fields=(API_KEY,),
    config_fields=(api_base(_URL), KEY_MODE),
    auth=(AuthMode(API_KEY_MODE, "API key", header="x-goog-api-key", prefix=""),),
    trial_path="/v1beta/models?pageSize=1",
    hub_dialects=(Dialect.GEMINI,),
)
VERTEX_ROW: Final = Provider(
    name="vertex",
    title="Google Vertex AI",
    # Which of them a model speaks, its publisher says: Google, Anthropic, or another.
    dialects=frozenset({Dialect.GEMINI, Dialect.ANTHROPIC_MESSAGES, Dialect.OPENAI_CHAT}),
    base_url="https://{location}-aiplatform.googleapis.com",
    secret_fields=(
        Field(
            name="service_account",
            title="Service account key",
            secret=True,
            required=True,
            default=None,
            help="The JSON key file of a service account, as a whole.",
            modes=(_ACCOUNT,),
            multiline=True,
        ),
    ),
    config_fields=(
        auth_mode(_ACCOUNT, CHAIN),
        replace(
            PROJECT,
            required=True,
            header=None,
            help="The id of the Google Cloud project that is billed.",
            pattern=r"[a-z0-9][a-z0-9.:\-]{0,98}",  # also of the form example.com:project
        ),
        Field(
            name="location",
            title="Location",
            secret=False,
            required=False,
            default="global",
            help="Such as us-central1 or europe-west4; global where Google chooses.",
            pattern=r"[a-z][a-z0-9\-]{0,39}",
        ),
        # What the machine is given goes to the vendor only.
        replace(
            api_base(
                None, required=False, text="Only where another than Google's own is to be used."
            ),
            modes=(_ACCOUNT,),
        ),
    ),
    auth=(
        AuthMode(_ACCOUNT, "Service account", AuthKind.GOOGLE_ACCOUNT),
        AuthMode(CHAIN, "Application default credentials", AuthKind.GOOGLE_CHAIN),
    ),
    trial_path="/v1beta1/publishers/google/models?pageSize=1",
    hub_dialects=(Dialect.GEMINI, Dialect.ANTHROPIC_MESSAGES, Dialect.OPENAI_CHAT),
    quirks=replace(ANTHROPIC_QUIRKS, flat_count=True),
    layout=Layout.VERTEX,
    notes="Models of Google by their name, of Anthropic as claude-..., of others as "
    "publisher/model. Application default credentials need the extra vertex.",
)
