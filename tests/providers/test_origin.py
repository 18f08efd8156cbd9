from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidValueError
from gateway.providers import (
    is_address_metadata,
    is_address_public,
    is_origin_allowed,
    parse_base_url,
    parse_origin,
)
from gateway.settings import parse_origin_pattern


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com:443"),
        ("HTTPS://API.OpenAI.com:443/v1/", "https://api.openai.com:443"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com.:8443", "https://example.com:8443"),
        ("https://b\u00fccher.de/x", "https://xn--bcher-kva.de:443"),
        ("https://XN--BCHER-KVA.de", "https://xn--bcher-kva.de:443"),
        ("https://\uff11\uff12\uff17.0.0.1", "https://127.0.0.1:443"),
        ("https://example\u3002com", "https://example.com:443"),
        ("https://[2606:4700:0:0::1]:443/", "https://[2606:4700::1]:443"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_an_origin_has_one_spelling(url: str, origin: str) -> None:
    assert parse_origin(url) == origin
    assert parse_origin(origin) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com",
        "//api.openai.com",
        "ftp://example.com",
        "file:///etc/passwd",
        "https://",
        "https:///v1",
        "https://user@example.com",
        "https://user:pass@example.com",
        "https://example.com:443@evil.example",
        "https://example.com?x=1",
        "https://example.com/v1#x",
        "https://example.com\\@evil.com",
        "https://exa mple.com",
        "https://example.com\r\nHost: evil",
        "https://example.com\t",
        "https://example.com\x00",
        " https://example.com",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:99999999",
        "https://example.com:x",
        "https://-a.com",
        "https://a..com",
        "https://[fe80::1%25eth0]",
        "https://[::1",
        "https://[::ffff:8.8.8.8]",
        "https://[1.2.3.4]",
        "https://exa%6dple.com",
        "https://fa\u00df.de",
        "https://a\u200db.com",
        "https://example.com/v1/../../x",
        "https://example.com/%2E%2e/x",
        "https://" + "a." * 130 + "com",
        "https://example.com/" + "x" * 2_100,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_origin(url)
    assert caught.value.field == "auth_config.api_base"
    assert "example" not in caught.value.detail


@given(st.text(max_size=40).map("https://".__add__))
def test_no_url_breaks_the_parser(url: str) -> None:
    try:
        parsed = parse_base_url(url)
    except InvalidValueError:
        return
    assert parsed.url.isascii() or not parsed.path.isascii()
    assert parse_base_url(parsed.url) == parsed


def test_the_url_leaves_the_default_port_out() -> None:
    assert parse_base_url("https://Example.com:443/v1//").url == "https://example.com/v1"
    assert parse_base_url("https://example.com:8443/").url == "https://example.com:8443"


@pytest.mark.parametrize(
    "origin",
    ["https://api.openai.com:443", "https://8.8.8.8:443", "https://[2606:4700::1]:8443"],
)
def test_public_https_is_allowed(origin: str) -> None:
    assert is_origin_allowed(origin, ())


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "api.localhost",
        "intranet",
        "printer.local",
        "metadata.google.internal",
        "x.svc.cluster.local",
        "nas.home.arpa",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.1",
        "017700000001",
        "0X7F000001",
        "localhost.",
        "255.255.255.255",
        "224.0.0.1",
        "[ff02::1]",
        "[2001::1]",
        "[100::1]",
        "[::127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1%25eth0]",
        "fd00:ec2::254",
        "100.100.100.200",
        "user@api.openai.com",
        "2130706433",
        "0x7f.0.0.1",
        "0x7f000001",
        "0177.0.0.1",
        "1.2.3.4.5",
        "10.0.0.8",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::808:808]",
        "[2002:a00:1::]",
    ],
)
def test_what_is_not_surely_public_is_refused(host: str) -> None:
    assert not is_origin_allowed(f"https://{host}:443", ())


@pytest.mark.parametrize("port", [21, 22, 25, 80, 3306, 5432, 6379, 8080, 9443, 11211, 27017])
def test_a_public_host_at_an_odd_port_is_refused_until_the_operator_adds_it(port: int) -> None:
    origin = f"https://api.example.com:{port}"
    assert not is_origin_allowed(origin, ())
    assert is_origin_allowed(origin, (), {443, port})
    assert is_origin_allowed(origin, (parse_origin_pattern(origin),))


def test_plain_http_is_refused_even_where_public() -> None:
    assert not is_origin_allowed("http://api.openai.com:80", ())
    assert not is_origin_allowed("not an origin", ())


@pytest.mark.parametrize(
    ("pattern", "allowed", "refused"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "http://127.0.0.1:9001"),
        ("https://10.1.2.3", "https://10.1.2.3:443", "http://10.1.2.3:443"),
        (
            "http://*.svc.cluster.local:8000",
            "http://a.b.svc.cluster.local:8000",
            "http://svc.cluster.local:8000",
        ),
        ("http://*.local:80", "http://a.local:80", "http://alocal:80"),
        ("http://[::1]:80", "http://[0:0::1]:80", "http://[::2]:80"),
    ],
)
def test_the_operators_list_allows_exactly_its_origins(
    pattern: str, allowed: str, refused: str
) -> None:
    patterns = (parse_origin_pattern(pattern),)
    assert is_origin_allowed(allowed, patterns)
    assert not is_origin_allowed(refused, patterns)


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("8.8.8.8", True),
        ("172.15.255.255", True),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("100.100.100.200", False),
        ("192.0.0.192", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:4700::1111", True),
        ("2001:db8::1", False),
        ("2001::1", False),
        ("ff02::1", False),
        ("::ffff:8.8.8.8", False),
        ("fd00::1", False),
        ("2606:4700::1%eth0", False),
        ("example.com", False),
        ("127.1", False),
        ("", False),
    ],
)
def test_addresses(ip: str, public: bool) -> None:
    assert is_address_public(ip) is public


@pytest.mark.parametrize(
    "ip",
    [
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fe80::a9fe:a9fe%eth0",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_metadata_services_in_all_their_forms(ip: str) -> None:
    assert is_address_metadata(ip)
    assert not is_address_public(ip)


@pytest.mark.parametrize("ip", ["10.0.0.1", "127.0.0.1", "fd00::1", "::1", "8.8.8.8", "x", ""])
def test_what_is_no_metadata_service(ip: str) -> None:
    assert not is_address_metadata(ip)
