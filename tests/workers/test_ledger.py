from __future__ import annotations

import asyncio

import pytest

from gateway.entities import UsageRow
from gateway.workers.channel import Kind
from gateway.workers.ledger import RowSender, book_rows
from tests.proxy.test_usage import row


class Wire:
    """A channel to nowhere, and the batches that were put on it."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        assert kind is Kind.ROWS
        self.batches.append(payload)


class Sink:
    def __init__(self) -> None:
        self.rows: list[UsageRow] = []
        self.dropped = 0

    def note_dropped(self, count: int) -> None:
        self.dropped += count

    def record(self, row: UsageRow) -> None:
        self.rows.append(row)


def book(wire: Wire, sender: RowSender, sink: Sink | None = None) -> list[UsageRow]:
    sink = sink or Sink()
    for batch in wire.batches:
        book_rows(batch, sink, sender.note_booked)
    wire.batches.clear()
    return sink.rows


def start(interval_s: float = 1_000.0) -> tuple[Wire, RowSender]:
    wire = Wire()
    return wire, RowSender(wire, interval_s=interval_s)  # type: ignore[arg-type]  # what is used of a channel


async def test_rows_arrive_once_and_unchanged() -> None:
    wire, sender = start()
    sent = [
        row(number)._replace(first_byte_ms=1.5, input_tokens=number, error_code=None, streamed=True)
        for number in range(1_200)
    ]
    for item in sent:
        sender.record(item)
    assert len(wire.batches) == 2  # full ones do not wait
    settled = asyncio.create_task(sender.settle())
    await asyncio.sleep(0)
    assert len(wire.batches) == 3
    assert not settled.done()
    assert book(wire, sender) == sent
    await settled


async def test_a_row_does_not_wait_for_company_for_ever() -> None:
    wire, sender = start(interval_s=0.001)
    sender.record(row(1))
    assert not wire.batches
    while not wire.batches:
        await asyncio.sleep(0.001)
    assert [item.request_id for item in book(wire, sender)] == ["r1"]


@pytest.mark.parametrize("damage", [{"input_tokens": 1 << 70}, {"provider": "\ud800"}])
async def test_a_row_that_cannot_be_said_costs_only_itself(damage: dict[str, object]) -> None:
    wire, sender = start()
    sender.record(row(1))
    sender.record(row(2)._replace(**damage))  # type: ignore[arg-type]
    sender.record(row(3))
    sender.flush()
    sink = Sink()
    assert [item.request_id for item in book(wire, sender, sink)] == ["r1", "r3"]
    assert sink.dropped == 1


async def test_a_parent_that_is_gone_is_not_waited_for() -> None:
    _, sender = start()
    sender.record(row(1))
    settled = asyncio.create_task(sender.settle())
    await asyncio.sleep(0)
    sender.give_up()
    await settled
