"""What the table of providers says of a target that is asked in another dialect.

Rule: a dialect serves if it has both halves: the client's and the provider's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.dialects import CODECS
from gateway.dialects.hub import Codec, Destination
from gateway.entities import Dialect, Purpose, Quirks
from gateway.providers import Provider, gemini_suffix, upstream_url
from gateway.proxy.credentials import Wiring
from gateway.proxy.operations import Operation

_PATHS: Final[Mapping[tuple[Dialect, Purpose], str]] = {
    (Dialect.OPENAI_CHAT, Purpose.CHAT): "/chat/completions",
    (Dialect.OPENAI_EMBEDDINGS, Purpose.EMBED): "/embeddings",
    (Dialect.ANTHROPIC_MESSAGES, Purpose.CHAT): "/v1/messages",
    (Dialect.ANTHROPIC_MESSAGES, Purpose.COUNT): "/v1/messages/count_tokens",
}
_ACTIONS: Final = {
    (Purpose.CHAT, False): "generateContent",
    (Purpose.CHAT, True): "streamGenerateContent",
    (Purpose.COUNT, False): "countTokens",
    (Purpose.EMBED, False): "batchEmbedContents",
}
_HUB_DIALECTS: Final[Mapping[str, tuple[Dialect, ...]]] = {
    "openai": (Dialect.OPENAI_CHAT, Dialect.OPENAI_EMBEDDINGS),
    "openai_compatible": (Dialect.OPENAI_CHAT, Dialect.OPENAI_EMBEDDINGS),
    "anthropic": (Dialect.ANTHROPIC_MESSAGES,),
    "gemini": (Dialect.GEMINI,),
}


def find_upstream(
    operation: Operation, provider: Provider, auth_config: Mapping[str, Any] | None
) -> Codec | None:
    """Return the wire format in which a provider is asked for a client; None where none fits.

    The first one of the provider's that has what the purpose needs.
    """
    purpose = operation.purpose
    if purpose is None or not _has_client(CODECS.get(operation.dialect), purpose):
        return None
    for dialect in list_dialects(provider, auth_config):
        codec = CODECS.get(dialect)
        if codec is not None and has_upstream(codec, purpose):
            return codec
    return None


def list_dialects(provider: Provider, auth_config: Mapping[str, Any] | None) -> Iterable[Dialect]:
    """Return the dialects that a provider may be asked in, the best first."""
    del auth_config
    return _HUB_DIALECTS.get(provider.name, ())


def build_destination(provider: Provider, model: str) -> Destination:
    """Return where a request goes, as whoever writes it sees it."""
    return Destination(model, getattr(provider, "quirks", Quirks()))


def build_url(wiring: Wiring, dialect: Dialect, purpose: Purpose, stream: bool) -> str:
    """Return where a target is asked in a dialect that is not the client's."""
    if dialect is Dialect.GEMINI:
        action = _ACTIONS[purpose, stream]
        path = gemini_suffix("v1beta", wiring.target.upstream_model, action)
        query = "?alt=sse" if stream else ""
    else:
        path, query = _PATHS[dialect, purpose], ""
    return upstream_url(wiring.provider, wiring.base, dialect, path) + query


def has_upstream(codec: Codec, purpose: Purpose) -> bool:
    """Tell whether a dialect's providers can be asked for this; counts can be estimated."""
    half = codec.upstream_embeddings if purpose is Purpose.EMBED else codec.upstream
    return half is not None


def can_count(codec: Codec) -> bool:
    """Tell whether providers of a dialect count tokens."""
    upstream = codec.upstream
    return upstream is not None and None not in (upstream.dump_count, upstream.parse_count)


def _has_client(codec: Codec | None, purpose: Purpose) -> bool:
    if codec is None:
        return False
    return (codec.client_embeddings if purpose is Purpose.EMBED else codec.client) is not None
