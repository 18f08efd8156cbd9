"""Logs: one line per event on stderr, ``key=value``, with credentials struck out.

Rule: the code that logs hands over no header, body or credential; the redaction
here is a second net for the day when something slips through the first.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

from aiohttp.http_exceptions import HttpProcessingError

from gateway.secret import MASK

ACCESS_LOGGER: Final = "lockgate.access"

# Shapes of credentials, ours and the vendors'. The name in front of a value stays readable.
_CREDENTIALS: Final = re.compile(
    r"(?P<name>(?:authorization|x-api-key|x-goog-api-key|api[-_]key|cookie)['\"]?\s*[:=]\s*['\"]?"
    r"(?:bearer\s+|basic\s+)?|\bbearer\s+|[?&]key=)(?P<value>[^\s'\",&}\])]{4,})"
    r"|\b(?P<token>(?:lg|lgadm|sk|pk|gsk|xai|AIza)[-_]?[A-Za-z0-9_-]{16,})",
    re.IGNORECASE,
)
_PLAIN_VALUE: Final = re.compile(r"[^\s\"=\\]+")
_FIELDS: Final = "fields"  # the attribute that `extra={"fields": {...}}` sets on a record


class RedactingFormatter(logging.Formatter):
    """Renders a record as one line of ``key=value`` pairs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; line breaks inside of values are escaped, credentials masked."""
        pairs: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            pairs["stack"] = self.formatException(record.exc_info)
        line = " ".join(f"{name}={_dump_value(value)}" for name, value in pairs.items())
        return redact(line)


def is_no_rubbish(record: logging.LogRecord) -> bool:
    """Tell whether a record of aiohttp's server is about more than bytes that are no HTTP.

    Such a record quotes the line or the piece of body at fault, keys and prompts included, and
    anybody can cause one; the sender was answered with 400.
    """
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


def redact(text: str) -> str:
    """Mask whatever looks like a credential."""
    return _CREDENTIALS.sub(lambda match: f"{match['name'] or ''}{MASK}", text)


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """Send Lockgate's logs of `level` and above, and others' warnings, to `stream` (stderr).

    Other libraries stay at WARNING whatever the level: some of them log the parameters of
    what they do, and those are not ours to show.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(RedactingFormatter())
    logging.getLogger("aiohttp.server").addFilter(is_no_rubbish)
    root = logging.getLogger()
    for old in tuple(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("lockgate").setLevel(level)


def _dump_value(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    if _PLAIN_VALUE.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\r", "\\r").replace("\n", "\\n") + '"'
