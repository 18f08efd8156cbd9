"""What every store must do about admin tokens, audit, idempotent answers and the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gateway.entities import PageRequest
from gateway.errors import ConflictError, InvalidValueError, NotFoundError
from gateway.ports import Store, Transaction
from gateway.roles import Role
from tests.store import samples
from tests.store.samples import ALL, START, OpenStore


class Admin:
    async def test_tokens(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.admin.insert_token(samples.token(1))
            await tx.admin.insert_token(replace(samples.token(0), disabled=True))
            assert await tx.admin.list_tokens() == (
                replace(samples.token(0), disabled=True),
                samples.token(1),
            )

    async def test_tokens_change_and_go(self, store: Store) -> None:
        scoped = replace(
            samples.token(2), role=Role.EDITOR, scopes=("a*", "b"), expires_at=START + 9, version=3
        )
        async with store.write() as tx:
            await tx.admin.insert_token(samples.token(1))
            await tx.admin.insert_token(scoped)
        async with store.write() as tx:
            assert await tx.admin.get_token("t-2") == scoped
            await tx.admin.update_token(replace(scoped, role=Role.VIEWER, digest=b"other"))
            await tx.admin.note_token_used("t-2", START + 5)
            await tx.admin.note_token_used("t-9", START + 5)
            changed = replace(scoped, role=Role.VIEWER, last_used_at=START + 5)
            assert await tx.admin.get_token("t-2") == changed
            page = await tx.admin.list_token_page(PageRequest(limit=1))
            assert [row.token_id for row in page.items] == ["t-1"]
            page = await tx.admin.list_token_page(PageRequest(limit=1, after=page.next_after))
            assert (page.items, page.next_after) == ((changed,), None)
            found = await tx.admin.list_token_page(ALL, name=scoped.name)
            assert found.items == (changed,)
            with pytest.raises(ConflictError):
                await tx.admin.update_token(replace(scoped, name="token-1"))
        async with store.write() as tx:
            await tx.admin.delete_token("t-2")
            for call in (
                tx.admin.get_token("t-2"),
                tx.admin.delete_token("t-2"),
                tx.admin.update_token(scoped),
            ):
                with pytest.raises(NotFoundError):
                    await call

    async def test_ended_sessions(self, store: Store) -> None:
        async with store.write() as tx:
            assert await tx.admin.end_session("a", START + 1)
            assert not await tx.admin.end_session("a", START + 9)
            assert await tx.admin.end_session("b", START + 2)
            assert await tx.admin.list_ended_sessions(START) == {"a", "b"}
            assert await tx.admin.list_ended_sessions(START + 1) == {"b"}
            assert await tx.admin.delete_ended_sessions_before(START + 1) == 1
            assert await tx.admin.list_ended_sessions(START) == {"b"}

    async def test_usage_of_some_endpoints_only(self, store: Store) -> None:
        rows = [samples.usage(n, endpoint_name=name) for n, name in enumerate("abca")]
        async with store.write() as tx:
            await tx.usage.insert_many(rows)
            assert await tx.usage.list_endpoint_names() == {"a", "b", "c"}
            for names, found in [(["a", "c"], ["a", "c", "a"]), ([], []), (["d"], [])]:
                page = await tx.usage.list_page(ALL, names=names)
                assert [row["endpoint_name"] for row in page.items] == found
                page = await tx.usage.list_page(ALL, names=names, endpoint="a")
                assert [row["endpoint_name"] for row in page.items] == ["a"] * found.count("a")
                for group in ("endpoint", "day"):
                    sums = await tx.usage.summarize(group, limit=9, names=names)
                    assert sum(row["attempts"] for row in sums) == len(found)
                sums = await tx.usage.summarize("provider", limit=9, names=names, endpoint="b")
                assert sums == ()
            with pytest.raises(InvalidValueError):
                await tx.usage.list_page(ALL, names=[str(n) for n in range(10_001)])

    async def test_audit_comes_newest_first_with_numbers(self, store: Store) -> None:
        async with store.write() as tx:
            for n in range(3):
                await tx.admin.insert_audit(samples.audit(n))
            page = await tx.admin.list_audit(PageRequest(limit=2))
            rest = await tx.admin.list_audit(PageRequest(limit=2, after=page.next_after))
        rows = page.items + rest.items
        assert [replace(row, audit_id=0) for row in rows] == [samples.audit(n) for n in (2, 1, 0)]
        assert len({row.audit_id for row in rows}) == 3
        assert rest.next_after is None

    async def test_audit_filters(self, store: Store) -> None:
        sought = {
            "actor": "bob",
            "entity_type": "endpoint",
            "entity_id": "e-7",
            "action": "delete",
        }
        async with store.write() as tx:
            for n in range(3):
                await tx.admin.insert_audit(samples.audit(n))
            await tx.admin.insert_audit(samples.audit(9, **sought))
            since = await tx.admin.list_audit(ALL, since=START + 1, until=START + 9)
            everything = await tx.admin.list_audit(ALL, since=START + 9, **sought)
            for name, value in sought.items():
                page = await tx.admin.list_audit(ALL, **{name: value})  # type: ignore[arg-type]
                assert [row.at for row in page.items] == [START + 9], name
        assert [row.at - START for row in since.items] == [2, 1]
        assert len(everything.items) == 1

    async def test_idempotent_answers(self, store: Store) -> None:
        async with store.write() as tx:
            row = samples.answer(1)
            await tx.admin.insert_answer(row)
            await tx.admin.insert_answer(samples.answer(2))
            assert await tx.admin.find_answer(row.key, row.caller, row.route) == row
            assert await tx.admin.find_answer(row.key, "bob", row.route) is None
            with pytest.raises(ConflictError) as caught:
                await tx.admin.insert_answer(row)
            assert await tx.admin.delete_answers_before(START + 2) == 1
            assert await tx.admin.find_answer(row.key, row.caller, row.route) is None
        assert caught.value.field == "key"


def _without_id(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name != "usage_id"}


async def _read_all(tx: Transaction, filters: Mapping[str, Any]) -> list[str]:
    seen: list[str] = []
    page = PageRequest(limit=47)
    while True:
        found = await tx.usage.list_page(page, **filters)
        seen += [item["request_id"] for item in found.items]
        if found.next_after is None:
            return seen
        page = PageRequest(limit=47, after=found.next_after)


class Usage:
    async def test_rows_come_back_newest_first(self, store: Store) -> None:
        row = samples.usage(2, estimated=True, client_gone=True)
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1), row])
            await tx.usage.insert_many([])
            page = await tx.usage.list_page(ALL)
        newest = dict(page.items[0])
        assert isinstance(newest.pop("usage_id"), int)
        assert newest == row._asdict()
        assert [item["started_at"] - START for item in page.items] == [2, 1]

    async def test_filters(self, store: Store) -> None:
        sought = {
            "endpoint_id": "e-" + "9" * 32,
            "endpoint_name": "other",
            "model_definition_id": "d-" + "9" * 32,
            "model_definition_name": "large",
            "provider": "gemini",
            "api_key_id": "k-9",
            "status": 500,
            "error_code": "upstream_error",
        }
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1), samples.usage(9, **sought)])
            for filters in (
                {"endpoint": "other"},
                {"endpoint": "e-" + "9" * 32},
                {"model_definition": "large"},
                {"model_definition": "d-" + "9" * 32},
                {"provider": "gemini"},
                {"api_key_id": "k-9"},
                {"request_id": "request-9"},
                {"error": True},
                {"since": START + 2},
                {"error": True, "provider": "gemini", "until": START + 10},
            ):
                page = await tx.usage.list_page(ALL, **filters)
                assert [row["request_id"] for row in page.items] == ["request-9"], filters
            for filters in ({"error": False}, {"until": START + 9}):
                page = await tx.usage.list_page(ALL, **filters)
                assert [row["request_id"] for row in page.items] == ["request-1"], filters

    @pytest.mark.parametrize(("status", "code"), [(0, "upstream_dns"), (429, None)])
    async def test_no_answer_and_an_error_status_both_count_as_errors(
        self, store: Store, status: int, code: str | None
    ) -> None:
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1, status=status, error_code=code)])
            assert (await tx.usage.summarize("provider", limit=5))[0]["errors"] == 1

    async def test_summary_adds_up(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.usage.insert_many(
                [
                    samples.usage(1),
                    samples.usage(2, input_tokens=None, first_byte_ms=None, status=500),
                    samples.usage(3, provider="gemini", cache_read_tokens=4),
                ]
            )
            busiest, other = await tx.usage.summarize("provider", limit=5)
            limited = await tx.usage.summarize("provider", limit=1)
            filtered = await tx.usage.summarize("provider", limit=5, provider="gemini")
        assert busiest["key"] == "openai"
        assert (busiest["attempts"], busiest["errors"]) == (2, 1)
        assert (busiest["input_tokens"], busiest["output_tokens"]) == (10, 10)
        assert (busiest["duration_ms"], busiest["first_byte_ms"]) == (40.5, 12.5)
        assert other["cache_read_tokens"] == 4
        assert limited == (busiest,)
        assert filtered == (other,)

    @pytest.mark.parametrize(
        ("group_by", "key", "name"),
        [
            ("endpoint", f"e-{1:032x}", "chat"),
            ("model_definition", f"d-{1:032x}", "mini"),
            ("api_key", "k-1", "k-1"),
        ],
    )
    async def test_summary_by_entity(
        self, store: Store, group_by: str, key: str, name: str
    ) -> None:
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(1), samples.usage(2)])
            (group,) = await tx.usage.summarize(group_by, limit=5)
        assert (group["key"], group["name"], group["attempts"]) == (key, name, 2)

    @pytest.mark.parametrize(("group_by", "size_ms"), [("day", 86_400_000), ("hour", 3_600_000)])
    async def test_summary_by_time_starts_each_bucket_at_its_first_millisecond(
        self, store: Store, group_by: str, size_ms: int
    ) -> None:
        first = START // size_ms * size_ms
        times = (first, first + size_ms - 1, first + size_ms)
        async with store.write() as tx:
            await tx.usage.insert_many(
                [samples.usage(n, started_at=at) for n, at in enumerate(times)]
            )
            groups = await tx.usage.summarize(group_by, limit=5)
        assert [(group["key"], group["attempts"]) for group in groups] == [
            (first + size_ms, 1),
            (first, 2),
        ]

    async def test_null_is_a_value_of_its_own(self, store: Store) -> None:
        names = ("model_definition_id", "model_definition_name", "provider", "api_key_id")
        rows = [samples.usage(0), samples.usage(1, upstream_dialect=None)]
        rows += [samples.usage(2 + n, **{name: None}) for n, name in enumerate(names)]
        rows.append(samples.usage(8, **dict.fromkeys(names)))
        rows.append(samples.usage(9, **dict.fromkeys(names, "")))
        for _ in range(2):
            async with store.write() as tx:
                await tx.usage.insert_many(rows)
        async with store.read() as tx:
            page = await tx.usage.list_page(ALL)
            unknown = await tx.usage.summarize("provider", limit=5)
        assert [_without_id(item) for item in reversed(page.items)] == [
            row._asdict() for row in rows for _ in range(2)
        ]
        assert {group["key"]: group["attempts"] for group in unknown} == {
            "openai": 10,
            None: 4,
            "": 2,
        }

    async def test_what_was_rolled_back_is_not_built_upon(self, store: Store) -> None:
        for number in range(2):
            with pytest.raises(ZeroDivisionError):
                async with store.write() as tx:
                    await tx.usage.insert_many([samples.usage(1, provider="lost")])
                    await tx.usage.insert_many([samples.usage(2, provider="lost")])
                    raise ZeroDivisionError
            async with store.write() as tx:
                other = samples.usage(3, provider=f"other-{number}")  # takes the lost one's place
                await tx.usage.insert_many([other])
        async with store.write() as tx:
            await tx.usage.insert_many([samples.usage(4, provider="lost")])
            page = await tx.usage.list_page(ALL)
        found = [(item["started_at"] - START, item["provider"]) for item in page.items]
        assert found == [(4, "lost"), (3, "other-1"), (3, "other-0")]

    async def test_stores_beside_each_other_agree(self, open_store: OpenStore) -> None:
        one, other = await open_store(), await open_store()
        for turn in range(3):
            for place, store in enumerate((one, other, one)):
                rows = [samples.usage(turn, provider=f"p-{n}") for n in range(turn + place + 1)]
                async with store.write() as tx:
                    await tx.usage.insert_many(rows)
        for store in (one, other):
            async with store.read() as tx:
                groups = await tx.usage.summarize("provider", limit=9)
            assert [(group["key"], group["attempts"]) for group in groups] == [
                ("p-0", 9), ("p-1", 8), ("p-2", 6), ("p-3", 3), ("p-4", 1),
            ]  # fmt: skip

    @pytest.mark.parametrize("keys", [3, 150, 300])
    async def test_pages_join_to_the_whole_however_many_share_what_is_sought(
        self, store: Store, keys: int
    ) -> None:
        rows = [
            samples.usage(
                n // 3,
                request_id=f"r-{n}",
                endpoint_name="sought" if n % 4 else "other",
                api_key_id=f"k-{n % keys}",
                status=500 if n % 5 == 0 else 200,
            )
            for n in range(600)
        ]
        async with store.write() as tx:
            await tx.usage.insert_many(rows)
        sought = [row for row in reversed(rows) if row.endpoint_name == "sought"]
        for error, expected in (
            (None, sought),
            (True, [row for row in sought if row.status == 500]),
            (False, [row for row in sought if row.status == 200]),
        ):
            filters = {"endpoint": "sought", "error": error, "since": START + 20}
            kept = [row.request_id for row in expected if row.started_at >= START + 20]
            async with store.read() as tx:
                assert await _read_all(tx, filters) == kept
                (group,) = await tx.usage.summarize("endpoint", limit=5, **filters)
            assert group["attempts"] == len(kept)

    async def test_unknown_grouping_is_refused(self, store: Store) -> None:
        async with store.read() as tx:
            with pytest.raises(InvalidValueError) as caught:
                await tx.usage.summarize("moon", limit=5)
        assert caught.value.field == "group_by"

    async def test_numbered_rows_are_stored_once_however_often_they_come(
        self, store: Store
    ) -> None:
        rows = [samples.usage(n) for n in range(5)]
        for first, batch in ((0, rows[:2]), (0, rows[:2]), (1, rows[1:4]), (0, rows)):
            async with store.write() as tx:
                await tx.usage.insert_numbered("w1", first, batch)
        async with store.write() as tx:
            await tx.usage.insert_numbered("w2", 0, rows[:1])
            page = await tx.usage.list_page(ALL)
        assert sorted(item["started_at"] - START for item in page.items) == [0, 0, 1, 2, 3, 4]

    async def test_a_writer_is_forgotten_long_after_its_last_row(self, store: Store) -> None:
        """Every start is a writer of its own: their numbers would pile up."""
        later = samples.usage(0)._replace(started_at=START + 91 * 86_400_000)
        async with store.write() as tx:
            await tx.usage.insert_numbered("w1", 0, [samples.usage(0)])
            await tx.usage.insert_numbered("w2", 0, [samples.usage(0)])
            await tx.usage.insert_numbered("w3", 0, [later])
            await tx.usage.insert_numbered("w1", 0, [samples.usage(0)])  # as if it were new
            page = await tx.usage.list_page(ALL)
        assert len(page.items) == 4

    async def test_rows_that_were_passed_over_do_not_come_later(self, store: Store) -> None:
        async with store.write() as tx:
            await tx.usage.pass_over("w1", 1, START)
            await tx.usage.insert_numbered("w1", 0, [samples.usage(0), samples.usage(1)])
            page = await tx.usage.list_page(ALL)
        assert [item["started_at"] - START for item in page.items] == [1]

    async def test_a_rollback_takes_rows_and_number(self, store: Store) -> None:
        with pytest.raises(LookupError):
            async with store.write() as tx:
                await tx.usage.insert_numbered("w1", 0, [samples.usage(0)])
                raise LookupError
        async with store.write() as tx:
            await tx.usage.insert_numbered("w1", 0, [samples.usage(0)])
            page = await tx.usage.list_page(ALL)
        assert len(page.items) == 1
