"""When a provider wants to be asked again: what it says of that, in all its forms.

Rule: a hint is advice, never an order: what is absurd is cut to size, what is no number is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

_MAX_PARSED_BYTES: Final = 1 << 20  # no provider's error is longer; a longer body is no error
_MAX_RETRY_AFTER_S: Final = 3_600.0  # longer hints are quota windows, not advice to wait
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
# What is left of a limit and when it is whole again, per limit. Sources, read in 2026-11: OpenAI's
# "Rate limits in headers" (Groq and Azure have the same), Anthropic's "Response headers",
# OpenRouter's "Limits", draft-ietf-httpapi-ratelimit-headers (older Mistral with its own name).
_LIMITS: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
    ("ratelimitbysize-remaining", "ratelimitbysize-reset"),
)
# Mistral names the window and not its end: it is over after at most the whole of it.
_WINDOWS: Final = (
    ("x-ratelimit-remaining-req-minute", 60.0),
    ("x-ratelimit-remaining-tokens-minute", 60.0),
)
_DELAYS_MS: Final = ("retry-after-ms", "x-ms-retry-after-ms")  # OpenAI and Azure; Azure's SDKs
# A number above these is no span but a moment: seconds, milliseconds since 1970. As a span it would
# be 31 years; as milliseconds the lower one is 1970, the upper one as seconds the year 33658.
_EPOCH_S: Final = 1e9
_EPOCH_MS: Final = 1e12
_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")


def find_hint(headers: Mapping[str, str], body: bytes, now_s: float) -> float | None:
    """Return the seconds, 0..3600, that a target is to be left alone, if the provider said.

    Its advice to wait comes first (see `parse_retry_after`); else the latest moment at which a
    limit that is used up is whole again.
    """
    delay_s = parse_retry_after(headers, body, now_s)
    if delay_s is not None:
        return delay_s
    resets = [*_iter_resets(headers, now_s), *_iter_resets(_read_headers(body), now_s)]
    return _clamp(max(resets)) if resets else None


def _iter_resets(headers: Mapping[str, str], now_s: float) -> Iterator[float]:
    for left, reset in _LIMITS:
        if headers.get(left, "").strip() == "0":
            reset_s = parse_reset(headers.get(reset, ""), now_s)
            if reset_s is not None:
                yield reset_s
    for left, window_s in _WINDOWS:
        if headers.get(left, "").strip() == "0":
            yield window_s


def parse_reset(text: str, now_s: float) -> float | None:
    """Parse when a limit is whole again: ``6m0s``, ``20ms``, seconds, a moment.

    A moment is an RFC 3339 time, or seconds or milliseconds since 1970 (OpenRouter).

    Returns seconds from `now_s` (since the epoch); None where it is none of these.
    """
    text = text.strip()
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    seconds = _parse_number(text)
    if seconds is not None:
        return _read_span(seconds, now_s)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() - now_s if moment.tzinfo is not None else None


def parse_retry_after(headers: Mapping[str, str], body: bytes, now_s: float) -> float | None:
    """Return the seconds, 0..3600, after which the provider wants to be asked again, if it said.

    Looks at ``retry-after-ms`` and Azure's other name for it (0 means look further),
    ``retry-after`` (float seconds or an HTTP date, RFC 9110 section 10.2.3) and
    google.rpc.RetryInfo in the body.
    `headers` is case-insensitive or has lower-case names; `now_s` is seconds since the epoch.
    """
    for name in _DELAYS_MS:
        delay_ms = _parse_number(headers.get(name))
        if delay_ms:
            return _clamp(delay_ms / 1_000)
    given = headers.get("retry-after")
    delay_s = _parse_number(given)
    if delay_s is None and given:
        delay_s = _parse_date(given, now_s)
    if delay_s is None:
        delay_s = _read_retry_info(body)
    return None if delay_s is None else _clamp(delay_s)


def _read_span(number: float, now_s: float) -> float:
    if number >= _EPOCH_MS:
        return number / 1_000 - now_s
    return number - now_s if number >= _EPOCH_S else number


def _clamp(delay_s: float) -> float:
    return min(max(delay_s, 0.0), _MAX_RETRY_AFTER_S)


def _parse_number(text: str | None) -> float | None:
    try:
        value = float(text) if text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _parse_date(text: str, now_s: float) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() - now_s
    except (ValueError, OverflowError):
        return None


def _read_retry_info(body: bytes) -> float | None:
    details = load_error(body).get("details")
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        match = _DURATION.fullmatch(delay) if isinstance(delay, str) else None
        if match is not None:
            return float(match[1])
    return None


def _read_headers(body: bytes) -> Mapping[str, str]:
    """Return the headers that OpenRouter repeats in the body of an error."""
    metadata = load_error(body).get("metadata")
    headers = metadata.get("headers") if isinstance(metadata, dict) else None
    if not isinstance(headers, dict):
        return {}
    return {name.lower(): value for name, value in headers.items() if isinstance(value, str)}


def load_error(body: bytes) -> Mapping[str, Any]:
    """Return the object that describes the error: all vendors nest it, some servers do not.

    Of an event ``response.failed`` it is the response's.
    """
    if len(body) > _MAX_PARSED_BYTES:
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(value, list) and value:  # Gemini wraps the error of a stream in an array
        value = value[0]
    if not isinstance(value, dict):
        return {}
    if "error" not in value and isinstance(value.get("response"), dict):
        value = value["response"]
    error = value.get("error", value)
    return error if isinstance(error, dict) else {"message": error}
