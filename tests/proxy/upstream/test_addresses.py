from __future__ import annotations

import asyncio

import pytest

from gateway.errors import UpstreamDnsError, UpstreamOriginError
from gateway.proxy.upstream.addresses import Addresses, resolve_by_system
from gateway.proxy.upstream.call import Origin
from gateway.settings import parse_origin_pattern
from tests.proxy.upstream.rig import Names

API = Origin("https", "api.example.com", 443)
PRIVATE = [
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:10.0.0.1",
    "::10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
    "2001:0:a00:1::1",
    "0.0.0.0",
    "::",
    "255.255.255.255",
    "224.0.0.1",
    "ff02::1",
    "fd00:ec2::254",
    "168.63.129.16",
]
METADATA = ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "100.100.100.200"]


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_public_name_with_a_private_address_is_refused(address: str) -> None:
    with pytest.raises(UpstreamOriginError):
        await Addresses((), Names(address)).find(API)


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_private_address_in_place_of_a_name_is_refused(address: str) -> None:
    names = Names("8.8.8.8")
    addresses = Addresses((), names)
    with pytest.raises(UpstreamOriginError):
        await addresses.find(Origin("https", address, 443))
    with pytest.raises(UpstreamOriginError):
        addresses.check_literal(Origin("https", address, 443))
    assert names.asked == []


async def test_private_addresses_beside_a_public_one_are_left_out() -> None:
    found = await Addresses((), Names("10.0.0.1", "8.8.8.8", "::1", "2606:4700::1")).find(API)
    assert [entry[4][0] for entry in found] == ["8.8.8.8", "2606:4700::1"]


async def test_a_name_that_turns_private_between_two_lookups_is_refused() -> None:
    names = Names("8.8.8.8")
    addresses = Addresses((), names, ttl_s=0.0)
    assert await addresses.find(API)
    names.addresses = ("10.0.0.1",)
    with pytest.raises(UpstreamOriginError):
        await addresses.find(API)


@pytest.mark.parametrize(
    "origin",
    [
        Origin("https", "api.example.com", 22),
        Origin("https", "api.example.com", 6379),
        Origin("https", "8.8.8.8", 25),
        Origin("http", "api.example.com", 443),
    ],
)
async def test_a_public_address_at_an_odd_port_is_refused_before_any_lookup(
    origin: Origin,
) -> None:
    names = Names("8.8.8.8")
    for ask in (Addresses((), names).find(origin), Addresses((), names, ports={443}).find(origin)):
        with pytest.raises(UpstreamOriginError):
            await ask
    with pytest.raises(UpstreamOriginError):
        Addresses((), names).check_literal(origin)
    assert names.asked == []


async def test_a_port_that_the_operator_adds() -> None:
    addresses = Addresses((), Names("8.8.8.8"), ports={9443})
    assert await addresses.find(Origin("https", "api.example.com", 9443))


@pytest.mark.parametrize("address", METADATA)
async def test_a_listed_name_never_leads_to_a_metadata_service(address: str) -> None:
    listed = parse_origin_pattern("http://*.svc.internal:80")
    origin = Origin("http", "llm.svc.internal", 80)
    with pytest.raises(UpstreamOriginError):
        await Addresses((listed,), Names(address)).find(origin)
    found = await Addresses((listed,), Names(address, "10.0.0.1")).find(origin)
    assert [entry[4][0] for entry in found] == ["10.0.0.1"]


async def test_an_address_that_is_listed_itself_is_meant() -> None:
    listed = parse_origin_pattern("http://169.254.169.254")
    assert await Addresses((listed,), Names()).find(Origin("http", "169.254.169.254", 80))


async def test_the_operators_list_opens_exactly_its_origin() -> None:
    pattern = parse_origin_pattern("http://*.svc.internal:8000")
    addresses = Addresses((pattern,), Names("10.0.0.1"))
    assert await addresses.find(Origin("http", "llm.svc.internal", 8000))
    for other in (
        Origin("http", "llm.svc.internal", 8001),
        Origin("https", "llm.svc.internal", 8000),
        Origin("http", "svc.example", 8000),
    ):
        with pytest.raises(UpstreamOriginError):
            await addresses.find(other)


async def test_a_listed_address_needs_no_resolver() -> None:
    names = Names()
    addresses = Addresses((parse_origin_pattern("http://[::1]:80"),), names)
    origin = Origin("http", "::1", 80)
    assert [entry[4][:2] for entry in await addresses.find(origin)] == [("::1", 80)]
    addresses.check_literal(origin)
    assert names.asked == []


async def test_many_ask_at_once_and_one_lookup_is_made() -> None:
    names = Names("8.8.8.8")
    names.open.clear()
    addresses = Addresses((), names)
    waiting = [asyncio.create_task(addresses.find(API)) for _ in range(10)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # whoever began it may leave
    await asyncio.sleep(0)
    names.open.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(result == found[1] for result in found[1:])
    await addresses.find(API)
    assert names.asked == [("api.example.com", 443)]


async def test_what_is_too_old_is_looked_up_again() -> None:
    names = Names("8.8.8.8")
    addresses = Addresses((), names, ttl_s=0.0)
    await addresses.find(API)
    await addresses.find(API)
    assert len(names.asked) == 2


async def test_what_was_not_found_is_looked_up_again() -> None:
    names = Names()
    addresses = Addresses((), names)
    with pytest.raises(UpstreamDnsError) as caught:
        await addresses.find(API)
    assert "example" not in caught.value.detail
    names.addresses = ("8.8.8.8",)
    assert await addresses.find(API)


async def test_a_lookup_that_nobody_waits_for_ends_with_the_addresses() -> None:
    names = Names("8.8.8.8")
    names.open.clear()
    addresses = Addresses((), names)
    waiting = asyncio.create_task(addresses.find(API))
    await asyncio.sleep(0)
    addresses.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_the_system_knows_localhost() -> None:
    found = await resolve_by_system("localhost", 80)
    assert {entry[4][0] for entry in found} <= {"127.0.0.1", "::1"}
    assert found


async def test_a_name_that_no_resolver_takes() -> None:
    with pytest.raises(UpstreamDnsError):
        await Addresses(()).find(Origin("https", "a" * 70 + ".example", 443))
