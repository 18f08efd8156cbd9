"""When a provider wants to be asked again: what it says of that, in all its forms.

Rule: a hint is advice, never an order: what is absurd is cut to size, what is no number is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

_MAX_PARSED_BYTES: Final = 1 << 20  # no provider's error is longer; a longer body is no error
_MAX_RETRY_AFTER_S: Final = 3_600.0  # longer hints are quota windows, not advice to wait
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")
# What is left of a limit and when it is whole again, per limit. Sources: OpenAI's "Rate limits in
# headers" (Groq, Mistral and Azure have the same), Anthropic's "Response headers".
_LIMITS: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)
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
    resets = [
        reset_s
        for left, reset in _LIMITS
        if headers.get(left, "").strip() == "0"
        and (reset_s := parse_reset(headers.get(reset, ""), now_s)) is not None
    ]
    return _clamp(max(resets)) if resets else None


def parse_reset(text: str, now_s: float) -> float | None:
    """Parse when a limit is whole again: ``6m0s``, ``20ms``, seconds, or an RFC 3339 time.

    Returns seconds from `now_s` (since the epoch); None where it is none of these.
    """
    text = text.strip()
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    seconds = _parse_number(text)
    if seconds is not None:
        return seconds
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() - now_s if moment.tzinfo is not None else None


def parse_retry_after(headers: Mapping[str, str], body: bytes, now_s: float) -> float | None:
    """Return the seconds, 0..3600, after which the provider wants to be asked again, if it said.

    Looks at ``retry-after-ms`` (OpenAI, Azure; 0 means look further), ``retry-after`` (float
    seconds or an HTTP date, RFC 9110 section 10.2.3) and google.rpc.RetryInfo in the body.
    `headers` is case-insensitive or has lower-case names; `now_s` is seconds since the epoch.
    """
    delay_ms = _parse_number(headers.get("retry-after-ms"))
    if delay_ms:
        return _clamp(delay_ms / 1_000)
    given = headers.get("retry-after")
    delay_s = _parse_number(given)
    if delay_s is None and given:
        delay_s = _parse_date(given, now_s)
    if delay_s is None:
        delay_s = _read_retry_info(body)
    return None if delay_s is None else _clamp(delay_s)


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


def load_error(body: bytes) -> Mapping[str, Any]:
    """Return the object that describes the error: all vendors nest it, some servers do not."""
    if len(body) > _MAX_PARSED_BYTES:
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if isinstance(value, list) and value:  # Gemini wraps the error of a stream in an array
        value = value[0]
    error = value.get("error", value) if isinstance(value, dict) else {}
    return error if isinstance(error, dict) else {"message": error}
