"""Which top-level features a request asks for.

Rule: a value that asks for what happens anyway (one answer, no penalty) asks for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

from gateway.dialects.hub.loss import Feature, Losses
from gateway.dialects.hub.places import find_place
from gateway.dialects.hub.request import ChatRequest
from gateway.entities import Quirks

_ASKS: Final[tuple[tuple[Feature, Callable[[ChatRequest], Any]], ...]] = (
    (Feature.MAX_TOKENS, lambda asked: asked.max_tokens is not None),
    (Feature.TEMPERATURE, lambda asked: asked.temperature is not None),
    (Feature.TOP_P, lambda asked: asked.top_p is not None),
    (Feature.TOP_K, lambda asked: asked.top_k is not None),
    (Feature.STOP, lambda asked: asked.stop),
    (Feature.SEED, lambda asked: asked.seed is not None),
    (Feature.PRESENCE_PENALTY, lambda asked: asked.presence_penalty),
    (Feature.FREQUENCY_PENALTY, lambda asked: asked.frequency_penalty),
    (Feature.LOGIT_BIAS, lambda asked: asked.logit_bias),
    (Feature.LOGPROBS, lambda asked: asked.logprobs or asked.top_logprobs),
    (Feature.CANDIDATES, lambda asked: (asked.candidates or 1) > 1),
    (Feature.VERBOSITY, lambda asked: asked.verbosity is not None),
    (Feature.MODALITIES, lambda asked: set(asked.modalities) - {"text", "TEXT"} or asked.audio),
    (Feature.PREDICTION, lambda asked: asked.prediction),
    (Feature.USER, lambda asked: asked.user),
    (Feature.METADATA, lambda asked: asked.metadata),
    (Feature.SERVICE_TIER, lambda asked: asked.service_tier not in {None, "auto", "default"}),
    (Feature.STORE, lambda asked: asked.store),
    (Feature.CACHE_KEY, lambda asked: asked.cache_key),
    (Feature.PREVIOUS_ID, lambda asked: asked.previous_id),
)


def list_wanted(request: ChatRequest) -> Iterator[Feature]:
    """Yield the features that one field of a request asks for: no tools, parts or formats."""
    return (feature for feature, asks in _ASKS if asks(request))


def lose_unknown(
    request: ChatRequest, known: AbstractSet[Feature], quirks: Quirks, losses: Losses
) -> frozenset[Feature]:
    """Note what of a request's fields a target does not know; return what it does.

    Args:
        request: the client's.
        known: what the target's dialect expresses.
        quirks: of the server, which may know less.
        losses: notes them, the fields without a name in the hub and of messages included.
    """
    kept = []
    for feature in list_wanted(request):
        if feature in known and feature.value not in quirks.unsupported:
            kept.append(feature)
        else:
            losses.lose(feature, find_place(request.dialect, feature))
    lose_extra(request.extra, "", losses)
    for message in request.messages:
        lose_extra(message.extra, f"{message.at}.", losses)
        if message.name is not None:
            losses.lose(Feature.NAME, f"{message.at}.name")
    return frozenset(kept)


def lose_extra(names: Iterable[str], place: str, losses: Losses) -> None:
    """Note fields that the hub has no name for."""
    for name in names:
        losses.lose(Feature.EXTRA, place + name)
