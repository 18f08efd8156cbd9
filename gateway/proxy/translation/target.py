"""What the table of providers says of a target that is asked in another dialect.

Rule: a dialect serves if it has both halves, the client's and the provider's, and the provider a
path for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.dialects import CODECS
from gateway.dialects.hub import Codec
from gateway.dialects.hub.codec import Json
from gateway.entities import Dialect, Purpose
from gateway.errors import DialectMismatchError
from gateway.providers import (
    Provider,
    call_path,
    change_fields,
    find_body_change,
    list_hub_dialects,
    list_spoken,
    upstream_url,
)
from gateway.proxy.credentials import Wiring
from gateway.proxy.operations import Operation

Settings = Mapping[str, Any] | None


def find_upstream(
    operation: Operation, provider: Provider, model: str, auth_config: Settings
) -> Codec | None:
    """Return the wire format in which a model is asked for a client; None where none fits.

    The first one of the provider's that has what the purpose needs.
    """
    purpose = operation.purpose
    if purpose is None or not _has_client(CODECS.get(operation.dialect), purpose):
        return None
    for dialect in _iter_dialects(provider, model, auth_config, purpose):
        codec = CODECS.get(dialect)
        if (
            codec is not None
            and _has_upstream(codec, purpose)
            # What cannot be counted is estimated.
            and (
                purpose is Purpose.COUNT or _has_path(provider, codec, purpose, model, auth_config)
            )
        ):
            return codec
    return None


def build_url(wiring: Wiring, dialect: Dialect, purpose: Purpose, *, stream: bool) -> str:
    """Return where a target is asked in a dialect that is not the client's."""
    model, settings = wiring.target.upstream_model, wiring.sealed.auth_config
    path = call_path(wiring.provider, dialect, purpose, model, stream=stream, auth_config=settings)
    return upstream_url(wiring.provider, wiring.base, dialect, path)


def change_body(provider: Provider, dialect: Dialect, purpose: Purpose, body: Json) -> Json:
    """Return a body as a provider wants it that speaks the dialect with a difference."""
    return change_fields(body, find_body_change(provider, dialect, purpose))


def can_count(codec: Codec, provider: Provider, model: str, auth_config: Settings) -> bool:
    """Tell whether a provider counts tokens."""
    upstream = codec.upstream
    if upstream is None or None in (upstream.dump_count, upstream.parse_count):
        return False
    return _has_path(provider, codec, Purpose.COUNT, model, auth_config)


def _iter_dialects(
    provider: Provider, model: str, auth_config: Settings, purpose: Purpose
) -> Iterator[Dialect]:
    """Yield the dialects that a provider may be asked in, the best first."""
    yield from list_hub_dialects(provider, model, auth_config)
    # OpenAI's vectors are a dialect of their own, beside whichever its chats are sent as.
    if purpose is Purpose.EMBED and Dialect.OPENAI_EMBEDDINGS in list_spoken(
        provider, model, auth_config
    ):
        yield Dialect.OPENAI_EMBEDDINGS


def _has_upstream(codec: Codec, purpose: Purpose) -> bool:
    """Tell whether a dialect's providers can be asked for this; counts can be estimated."""
    half = codec.upstream_embeddings if purpose is Purpose.EMBED else codec.upstream
    return half is not None


def _has_path(
    provider: Provider, codec: Codec, purpose: Purpose, model: str, auth_config: Settings
) -> bool:
    try:
        call_path(provider, codec.name, purpose, model, stream=False, auth_config=auth_config)
    except DialectMismatchError:
        return False
    return True


def _has_client(codec: Codec | None, purpose: Purpose) -> bool:
    if codec is None:
        return False
    return (codec.client_embeddings if purpose is Purpose.EMBED else codec.client) is not None
