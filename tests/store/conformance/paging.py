"""What every store must do about pages: nothing twice, nothing missed."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.entities import ModelDefinitionId, PageRequest, RoutingStrategy, SecretId
from gateway.errors import InvalidValueError
from gateway.ports import Store
from tests.store import samples
from tests.store.samples import ALL, START, add_model, add_secret


class Paging:
    async def test_pages_join_to_the_whole_in_order(self, store: Store) -> None:
        """Rows of one millisecond are told apart by id; the last page says so."""
        async with store.write() as tx:
            for n in (5, 3, 8, 1, 9, 2, 7):
                await add_secret(tx, n, created_at=START + n // 4)
            expected = (await tx.secrets.list_page(ALL)).items
            for limit in (1, 2, 3, 6, 7, 8):
                seen: list[Any] = []
                after = None
                while True:
                    page = await tx.secrets.list_page(PageRequest(limit=limit, after=after))
                    seen += page.items
                    assert len(page.items) <= limit
                    if page.next_after is None:
                        break
                    after = page.next_after
                assert tuple(seen) == expected
        assert [(row.created_at, row.secret_id) for row in expected] == sorted(
            (row.created_at, row.secret_id) for row in expected
        )

    async def test_every_list_resumes_after_each_of_its_rows(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx, 0)
            await add_secret(tx, 1)
            for n in range(2):
                row = samples.endpoint(n, to=(await add_model(tx, n, info),))
                await tx.endpoints.insert(row)
                await tx.bindings.put(samples.binding(n, row, resource_id=f"a\nb{n}"))
                await tx.api_keys.insert(samples.api_key(n))
                await tx.admin.insert_audit(samples.audit(n))
                await tx.usage.insert_many([samples.usage(n)])
            for list_page in (
                tx.secrets.list_page,
                tx.secrets.list_sealed,
                tx.model_definitions.list_page,
                tx.endpoints.list_page,
                tx.bindings.list_page,
                tx.api_keys.list_page,
                tx.admin.list_audit,
                tx.usage.list_page,
            ):
                whole = await list_page(ALL)  # type: ignore[operator]
                first = await list_page(PageRequest(limit=1))  # type: ignore[operator]
                rest = await list_page(PageRequest(limit=1, after=first.next_after))  # type: ignore[operator]
                assert first.items + rest.items == whole.items
                assert (whole.next_after, rest.next_after) == (None, None)

    async def test_insertions_and_deletions_meanwhile_neither_double_nor_hide(
        self, store: Store
    ) -> None:
        async with store.write() as tx:
            for n in range(10, 20):
                await add_secret(tx, n)
        seen = []
        after = None
        for turn in range(5):
            async with store.read() as tx:
                page = await tx.secrets.list_page(PageRequest(limit=2, after=after))
            seen += [row.secret_name for row in page.items]
            after = page.next_after
            async with store.write() as tx:
                await add_secret(tx, turn)  # older than all that is still to come
                await tx.secrets.delete(SecretId(f"s-{10 + turn * 2:032x}"))  # already seen
        assert seen == [f"secret-{n}" for n in range(10, 20)]

    async def test_cursor_of_another_list_is_refused(self, store: Store) -> None:
        foreign = PageRequest(limit=5, after=(START, "s-1"))
        async with store.read() as tx:
            for list_page in (tx.admin.list_audit, tx.usage.list_page, tx.bindings.list_page):
                with pytest.raises(InvalidValueError) as caught:
                    await list_page(foreign)  # type: ignore[operator]
                assert caught.value.field == "cursor"

    async def test_filter_goes_on_over_pages(self, store: Store) -> None:
        async with store.write() as tx:
            info = await add_secret(tx)
            wanted = await add_model(tx, 0, info)
            other = await add_model(tx, 1, info)
            for n in range(10):
                to = (wanted,) if n % 2 else (other,)
                await tx.endpoints.insert(samples.endpoint(n, to=to))
            first = await tx.endpoints.list_page(
                PageRequest(limit=3),
                model_definition_id=ModelDefinitionId(wanted.model_definition_id),
            )
            rest = await tx.endpoints.list_page(
                PageRequest(limit=3, after=first.next_after),
                model_definition_id=wanted.model_definition_id,
            )
        names = [row.name for row in first.items + rest.items]
        assert names == [f"endpoint-{n}" for n in (1, 3, 5, 7, 9)]
        assert first.items[0].routing_strategy is RoutingStrategy.REQUEST_BASED_TRAFFIC_SPLIT
