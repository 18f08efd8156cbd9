"""Amazon Bedrock.

Sources: docs.aws.amazon.com/bedrock/latest/APIReference (Converse, ListAsyncInvokes) and botocore's
model of the service, read in November 2026.

Rule: as `gateway.providers.rows`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.entities import Dialect
from gateway.providers.provider import API_KEY_MODE, BEARER, AuthKind, AuthMode, Field, Provider
from gateway.providers.rows.fields import API_KEY, CHAIN, api_base, auth_mode

_KEYS: Final = "access_keys"


def _key(name: str, title: str, text: str, *, required: bool = True) -> Field:
    return Field(name, title, True, required, None, text, modes=(_KEYS,))


BEDROCK_ROW: Final = Provider(
    name="bedrock",
    title="Amazon Bedrock",
    dialects=frozenset({Dialect.BEDROCK_CONVERSE}),
    base_url="https://bedrock-runtime.{region}.amazonaws.com",
    secret_fields=(
        replace(
            API_KEY,
            modes=(API_KEY_MODE,),
            help="A Bedrock API key: what AWS_BEARER_TOKEN_BEDROCK holds.",
        ),
        _key("access_key_id", "Access key id", "Of an IAM user or role, such as AKIA..."),
        _key("secret_access_key", "Secret access key", "The secret that belongs to the id."),
        _key(
            "session_token",
            "Session token",
            "Only of temporary keys; these end soon, so the default chain is better for them.",
            required=False,
        ),
    ),
    config_fields=(
        auth_mode(API_KEY_MODE, _KEYS, CHAIN),
        Field(
            name="region",
            title="Region",
            secret=False,
            required=True,
            default=None,
            help="Such as us-east-1; the credential is bound to it.",
            pattern=r"[a-z]{2,4}(-[a-z]{2,12}){1,3}-[0-9]{1,2}",
        ),
        # What the machine is given goes to the vendor only.
        replace(
            api_base(None, required=False, text="Only where another than AWS's own is to be used."),
            modes=(API_KEY_MODE, _KEYS),
        ),
    ),
    auth=(
        replace(BEARER, title="Bedrock API key"),
        AuthMode(_KEYS, "Access keys", AuthKind.AWS_KEYS),
        AuthMode(CHAIN, "Default chain of AWS", AuthKind.AWS_CHAIN),
    ),
    trial_path="/async-invoke?maxResults=1",  # the one list of this host
    hub_dialects=(Dialect.BEDROCK_CONVERSE,),
    notes="The default chain needs the extra bedrock.",
)
