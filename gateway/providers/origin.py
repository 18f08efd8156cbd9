"""Origins and addresses: where a credential may be sent.

Rule: an origin has one spelling only (lower case, punycode, explicit port), so
that equality of strings is equality of places; what is not surely public is not
public.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from gateway.errors import InvalidValueError
from gateway.settings import OriginPattern

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_MAX_PORT: Final = 65_535
# Every vendor's API is at 443; 8443 is where self-hosted ones stand beside something else. At any
# other port a key could be made to talk to what is no HTTP server: the operator adds what he has.
PUBLIC_PORTS: Final = frozenset({443, 8443})
_MAX_URL: Final = 2_048  # what intermediaries on the way commonly accept
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^/:@\[\]?#%]+)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^?#]*)?"
)
_HOST_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_MAX_HOST: Final = 253  # RFC 1035 section 2.3.4, in text form
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
# IDNA 2003 and 2008 map these to different hosts: the reader and the resolver could disagree.
_AMBIGUOUS = re.compile("[\u00df\u03c2\u200c\u200d]")
_BAD_CHARACTERS = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_DOT_SEGMENTS = frozenset({".", "..", "%2e", "%2e%2e", ".%2e", "%2e."})

# Names that the public DNS will never hold, or that point inside by habit: RFC 6761, RFC 6762,
# RFC 8375, ICANN's reservation of .internal (2024), and the tables of common routers.
_INSIDE_SUFFIXES: Final = frozenset(
    [
        "localhost",
        "local",
        "localdomain",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "private",
        "arpa",
        "test",
        "invalid",
        "example",
        "onion",
        "alt",
        "svc",
        "consul",
        "docker",
    ]
)

# IANA IPv4 Special-Purpose Address Registry, plus multicast and class E.
_INSIDE_V4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's host agent: public by number, private by use
    )
)
# Of IPv6 only 2000::/3 is global unicast; within it the IANA registry takes these out.
# Mapped IPv4, NAT64, unique local, link local and multicast are outside of it.
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_INSIDE_V6: Final = tuple(
    IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# Where machines of clouds get credentials: never an upstream, whatever name leads there. Link-local
# holds the usual one and ECS's; then AWS and Google by IPv6, Azure, Alibaba, Oracle.
_METADATA_V4: Final = tuple(
    IPv4Network(block)
    for block in ("169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")
)
_METADATA_V6: Final = tuple(
    IPv6Network(block) for block in ("fd00:ec2::/32", "fd20:ce::254/128", "fe80::a9fe:a9fe/128")
)
_NAT64: Final = tuple(IPv6Network(block) for block in ("64:ff9b::/96", "64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A checked base URL in its one spelling."""

    scheme: str
    host: str  # ASCII, an IPv6 address without brackets
    port: int
    path: str  # "" or begins with a slash, never ends with one

    @property
    def origin(self) -> str:
        """The origin with its port always written out."""
        return f"{self.scheme}://{_bracket(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """The URL, with the port only where it is not the scheme's own."""
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{_bracket(self.host)}{port}{self.path}"


def parse_base_url(url: str, *, field: str = "auth_config.api_base") -> BaseUrl:
    """Parse an absolute http or https URL without user, query and fragment.

    Non-ASCII host names are turned into punycode, here and only here.

    Raises:
        InvalidValueError: not such a URL; `field` is the one given, the message holds no URL.
    """
    match = None
    if len(url) <= _MAX_URL and not _BAD_CHARACTERS.search(url):
        match = _URL.fullmatch(url)
    if match is None:
        raise InvalidValueError(
            "must be an http or https URL with a host, without user, query, fragment, "
            "blanks or backslashes",
            field=field,
        )
    scheme = match["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise InvalidValueError("must begin with https:// or http://", field=field)
    path = (match["path"] or "").rstrip("/")
    if any(segment.lower() in _DOT_SEGMENTS for segment in path.split("/")):
        raise InvalidValueError("must not have dot segments in its path", field=field)
    port = _parse_port(match["port"], _DEFAULT_PORTS[scheme], field)
    return BaseUrl(scheme, _parse_host(match["host"], field), port, path)


def parse_origin(url: str, *, field: str = "auth_config.api_base") -> str:
    """Return ``scheme://host:port`` of a URL in its one spelling.

    Raises:
        InvalidValueError: as `parse_base_url`.
    """
    return parse_base_url(url, field=field).origin


def is_origin_allowed(
    origin: str, patterns: Sequence[OriginPattern], ports: Container[int] = PUBLIC_PORTS
) -> bool:
    """Tell whether an upstream may have this origin: https and public, or the operator's own.

    Judges the spelling alone; a public name may still resolve to a private address, so
    `is_address_public` decides again when connecting. `ports` are those of public ones.
    """
    try:
        parsed = parse_base_url(origin)
    except InvalidValueError:
        return False
    if any(matches_pattern(parsed, pattern) for pattern in patterns):
        return True
    return parsed.scheme == "https" and parsed.port in ports and _is_host_public(parsed.host)


def is_address_public(ip: str) -> bool:
    """Tell whether an IP address (as `inet_ntop` writes it) is reachable on the public internet.

    False for anything that is no address, and for scoped, mapped and translated ones: what
    they lead to depends on the network.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _INSIDE_V4)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    return not any(address in block for block in _INSIDE_V6)


def is_address_metadata(ip: str) -> bool:
    """Tell whether a cloud hands out credentials at this IP address, in whatever form it stands."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if any(address in block for block in _METADATA_V6):
            return True
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and any(address in block for block in _NAT64):
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None:
            return False
        address = inner
    return any(address in block for block in _METADATA_V4)


def matches_pattern(parsed: BaseUrl, pattern: OriginPattern) -> bool:
    """Tell whether an entry of the operator's list covers this URL's origin."""
    if (parsed.scheme, parsed.port) != (pattern.scheme, pattern.port):
        return False
    if pattern.host.startswith("*."):
        return parsed.host.endswith(pattern.host[1:]) and _find_ip(parsed.host) is None
    address = _find_ip(pattern.host)
    return parsed.host == (pattern.host if address is None else str(address))


def _parse_port(text: str | None, default: int, field: str) -> int:
    port = default if text is None else int(text)
    if not 0 < port <= _MAX_PORT:
        raise InvalidValueError("must have a port of 1 to 65535", field=field)
    return port


def _parse_host(text: str, field: str) -> str:
    if text.startswith("["):
        return _parse_ipv6(text[1:-1], field)
    host = _encode_host(text, field).removesuffix(".")
    if len(host) > _MAX_HOST or not _HOST_NAME.fullmatch(host):
        raise InvalidValueError("has no valid host name", field=field)
    return host


def _parse_ipv6(text: str, field: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        raise InvalidValueError("has no valid IPv6 address", field=field) from None
    if address.ipv4_mapped is not None:  # Python versions spell it differently
        raise InvalidValueError("has a mapped IPv4 address: write it as IPv4", field=field)
    return str(address)


def _encode_host(text: str, field: str) -> str:
    if text.isascii():
        return text.lower()
    if _AMBIGUOUS.search(text):
        raise InvalidValueError("has an ambiguous host name: write it as xn--...", field=field)
    try:
        return text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidValueError("has no valid host name", field=field) from None


def _find_ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_host_public(host: str) -> bool:
    address = _find_ip(host)
    if address is not None:
        return is_address_public(str(address))
    labels = host.split(".")
    if len(labels) == 1 or labels[-1] in _INSIDE_SUFFIXES:
        return False
    # A name whose last label is a number is an odd spelling of an IPv4 address to
    # inet_aton and to browsers (URL Standard, "ends in a number checker").
    return not _NUMERIC_LABEL.fullmatch(labels[-1])


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
