"""Pages and their cursors."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.cursor import CursorCodec
from gateway.errors import InvalidValueError

KEY = b"k" * 32


async def walk(control: Any, path: str, **params: Any) -> Any:
    names, cursor, pages = [], None, 0
    while True:
        query = params | ({"cursor": cursor} if cursor else {})
        reply = await control.get(path, params=query)
        assert reply.status == 200, reply.json
        names += [row["name"] for row in reply.json["items"]]
        pages += 1
        cursor = reply.json["next_cursor"]
        if cursor is None:
            return names, pages


async def test_pages_join_to_the_whole_in_order_of_creation(control: Any) -> None:
    for number in range(7):
        await control.add_key(f"k{number}")
    for limit, pages in [(1, 7), (3, 3), (7, 1), (500, 1)]:
        found = await walk(control, "/api-keys", limit=limit)
        assert found == ([f"k{number}" for number in range(7)], pages)


async def test_what_is_added_or_deleted_meanwhile_moves_nothing(control: Any) -> None:
    keys = [await control.add_key(f"k{number}") for number in range(4)]
    first = (await control.get("/api-keys", params={"limit": 2})).json
    await control.call("DELETE", f"/api-keys/{keys[0]['key_id']}")
    await control.add_key("k4")
    query = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await control.get("/api-keys", params=query)).json
    assert [row["name"] for row in second["items"]] == ["k2", "k3"]


async def test_a_cursor_fits_its_own_list_and_filters_only(control: Any) -> None:
    for name in ("a", "b"):
        await control.add_secret(name)
        await control.add_key(name)
    query = {"limit": 1, "provider": "openai"}
    cursor = (await control.get("/secrets", params=query)).json["next_cursor"]
    assert (await control.get("/secrets", params=query | {"cursor": cursor})).status == 200
    for path, params in [
        ("/secrets", {"cursor": cursor}),
        ("/secrets", {"cursor": cursor, "provider": "gemini"}),
        ("/api-keys", {"cursor": cursor}),
        ("/resources/a/b/endpoints", {"cursor": cursor}),
        ("/audit", {"cursor": cursor}),
        ("/secrets", query | {"cursor": cursor[:-2] + "AA"}),
        ("/secrets", query | {"cursor": "AAAA"}),
        ("/secrets", query | {"cursor": "%%%"}),
        ("/secrets", query | {"cursor": ""}),
    ]:
        reply = await control.get(path, params=params)
        assert (reply.status, reply.json["code"], reply.json["field"]) == (
            422,
            "invalid_value",
            "cursor",
        )


def test_two_lists_with_the_same_filters_do_not_share_cursors() -> None:
    query = {"limit": 5, "cursor": None}
    cursor = CursorCodec(KEY, "/resources/job/1", query).dump((1, "e-1"))
    with pytest.raises(InvalidValueError):
        CursorCodec(KEY, "/resources/job/2", query).parse(cursor)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1.5", "x", "", "1e2", "9" * 40])
async def test_limit_is_bounded(control: Any, limit: Any) -> None:
    reply = await control.get("/secrets", params={"limit": limit})
    assert (reply.status, reply.json["field"]) == (422, "limit")


@given(st.integers(0, 2**53), st.text(max_size=200))
def test_a_position_comes_back(created_at: Any, row_id: Any) -> None:
    row_id = row_id.encode(errors="replace").decode()
    codec = CursorCodec(KEY, "list", {"q": "x", "limit": 5, "cursor": None})
    assert codec.parse(codec.dump((created_at, row_id))) == (created_at, row_id)


@given(st.binary(max_size=120))
def test_no_other_bytes_are_a_cursor(raw: bytes) -> None:
    codec = CursorCodec(KEY, "list", {"limit": 5})
    with pytest.raises(InvalidValueError):
        codec.parse(base64.urlsafe_b64encode(raw).decode().rstrip("="))
