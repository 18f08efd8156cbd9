"""Kinds of values that settings have, and the parsers of their texts.

Rule: a parser raises ValueError with a sentence that goes behind the name of the setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from gateway.secret import Secret
from gateway.settings.fields import Address, OriginPattern

_MAX_PORT = 65535

# Ports of protocols that are not HTTP, some of which obey a line of text that is put into a request
# (Fetch Standard, section 2.9 "port blocking", and the usual databases).
_NEVER_HTTP = frozenset(
    [
        *(*range(1, 80), *range(81, 443), *range(444, 800), 873, *range(989, 996)),
        *(1433, 1521, 1719, 1720, 1723, 2049, 3306, 3659, 4045, 4190, 5060, 5061, 5432),
        *(6000, 6379, 6566, *range(6665, 6670), 6679, 6697, 10080, 11211, 27017),
    ]
)

_PATTERN_HOST = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


def parse_address(text: str) -> Address:
    """Parse ``HOST:PORT`` (IPv6 in brackets). Raises ValueError with the reason."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address must stand in brackets, as in [::1]:8700")
    if not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise ValueError("must be HOST:PORT with a port of 0 to 65535")
    return Address(host, int(port))


def parse_origin_pattern(text: str) -> OriginPattern:
    """Parse ``scheme://host[:port]`` where the host may begin with ``*.``."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{text!r} must begin with http:// or https://")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"{text!r} must be an origin alone: scheme, host and port")
    host, port = _split_netloc(parts.netloc, text)
    default = 443 if parts.scheme == "https" else 80
    return OriginPattern(parts.scheme, host.strip("[]").lower(), default if port is None else port)


def _split_netloc(netloc: str, text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?P<host>\[[^\]]+\]|[^:\[\]]+)(:(?P<port>[0-9]{1,5}))?", netloc)
    if match is None or not _PATTERN_HOST.fullmatch(match["host"]):
        raise ValueError(f"{text!r} has no valid host and port")
    port = None if match["port"] is None else int(match["port"])
    if port is not None and not 0 < port <= _MAX_PORT:
        raise ValueError(f"{text!r} has a port outside of 1 to 65535")
    return match["host"], port


def parse_origins(text: str) -> tuple[OriginPattern, ...]:
    """Parse a comma-separated list of origins that may be private."""
    return tuple(parse_origin_pattern(part) for part in parse_words(text))


def parse_ports(text: str) -> tuple[int, ...]:
    """Parse a comma-separated list of ports that HTTP may have."""
    parse_port = parse_int(1, _MAX_PORT)
    ports = tuple(parse_port(word) for word in parse_words(text))
    odd = next((port for port in ports if port in _NEVER_HTTP), None)
    if odd is not None:
        raise ValueError(f"{odd} is a port of another protocol than HTTP")
    return ports


def parse_words(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_bool(text: str) -> bool:
    """Parse a yes or no."""
    words = dict.fromkeys(("true", "1", "yes", "on"), True)
    words |= dict.fromkeys(("false", "0", "no", "off"), False)
    if text.strip().lower() not in words:
        raise ValueError("must be true or false")
    return words[text.strip().lower()]


def parse_int(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within bounds, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text.strip()) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def parse_choice(*choices: str) -> Callable[[str], str]:
    """Return a parser of one of some words, in any case."""

    def parse(text: str) -> str:
        for choice in choices:
            if choice.lower() == text.strip().lower():
                return choice
        raise ValueError(f"must be one of {', '.join(choices)}")

    return parse


def parse_url(text: str) -> str:
    """Parse the base URL of a control plane."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise ValueError("must be an http:// or https:// URL without user and password")
    return text.rstrip("/")


def parse_path(text: str) -> Path:
    """Parse a path of this machine."""
    if not text.strip() or "\0" in text:
        raise ValueError("must be a path")
    return Path(text)


def parse_database_url(text: str) -> str:
    """Parse the URL of a database."""
    if not re.match(r"(sqlite:///|postgresql://|postgres://)", text):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    return text


def parse_token(text: str) -> Secret:
    """Parse a token that a person may have chosen."""
    least = 16  # shorter ones can be guessed online
    if len(text.strip()) < least or not text.strip().isascii():
        raise ValueError(f"must be at least {least} ASCII characters")
    return Secret(text.strip())


def parse_word(text: str) -> str:
    """Parse one word of visible ASCII."""
    if not re.fullmatch(r"[\x21-\x7e]{1,255}", text.strip()):
        raise ValueError("must be 1 to 255 visible ASCII characters")
    return text.strip()
