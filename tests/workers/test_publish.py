from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.routing.snapshot import Snapshot, build_snapshot
from gateway.workers.channel import Kind
from gateway.workers.publish import iter_frames
from gateway.workers.replica import Replica
from tests.routing.conftest import (
    make_configuration,
    make_endpoint,
    make_key,
    make_mapping,
    make_secret,
)


def build(epoch: int, endpoints: dict[str, float], keys: tuple[int, ...] = (1,)) -> Snapshot:
    """Build a snapshot of endpoints, each with the weight of its mapping."""
    return build_snapshot(
        make_configuration(
            *(
                make_endpoint(name, make_mapping("one", weight), make_mapping("two", order=0))
                for name, weight in endpoints.items()
            ),
            epoch=epoch,
            api_keys=tuple(make_key(bytes([number] * 32), f"a{number}*") for number in keys),
            secrets=(make_secret("s-1"), make_secret(f"s-{epoch}0")),
        )
    )


def follow(replica: Replica, base: Snapshot | None, new: Snapshot) -> list[tuple[Kind, bytes]]:
    frames = list(iter_frames(base, new))
    for kind, payload in frames:
        replica.apply(kind, payload)
    return frames


configurations = st.dictionaries(
    st.sampled_from([f"e{number}" for number in range(6)]), st.sampled_from([1.0, 2.0]), min_size=1
)


@settings(deadline=None)
@given(st.lists(configurations, min_size=1, max_size=5))
def test_a_replica_equals_the_parents_snapshot_after_every_step(
    steps: list[dict[str, float]],
) -> None:
    served: list[Snapshot] = []
    replica = Replica(served.append)
    base = None
    for epoch, endpoints in enumerate(steps):
        new = build(epoch, endpoints, keys=tuple(range(1, epoch + 2)))
        follow(replica, base, new)
        assert served[-1] == new
        assert list(served[-1].endpoints) == list(new.endpoints)
        base = new


def test_only_what_differs_is_sent() -> None:
    served: list[Snapshot] = []
    replica = Replica(served.append)
    many = {f"e{number}": 1.0 for number in range(1_000)}
    first = build(1, many)
    whole = follow(replica, None, first)
    kept = served[0].endpoints["e3"]

    changed = follow(replica, first, build(2, {**many, "e7": 5.0}))

    assert sum(len(payload) for _, payload in changed) < 5_000
    assert sum(len(payload) for _, payload in whole) > 100_000
    assert served[1].endpoints["e3"] is kept
    assert served[1].endpoints["e7"].primaries[0].weight == 5.0
    assert served[0].endpoints["e7"].primaries[0].weight == 1.0


def test_no_slice_is_large() -> None:
    frames = list(iter_frames(None, build(1, {f"e{number}": 1.0 for number in range(1_000)})))
    sizes = [len(payload) for kind, payload in frames if kind is Kind.SLICE]
    assert len(sizes) > 10
    assert max(sizes) < 200_000


async def test_the_event_loop_has_its_turn_between_slices_and_nothing_is_served_in_parts() -> None:
    served: list[Snapshot] = []
    replica = Replica(served.append)
    new = build(1, {f"e{number}": 1.0 for number in range(1_000)})
    frames = list(iter_frames(None, new))
    for kind, payload in frames:
        replica.feed(kind, payload)
    task = asyncio.create_task(replica.run())
    turns = 0
    while not served:
        turns += 1
        await asyncio.sleep(0)
    task.cancel()
    assert turns >= len(frames) - 1
    assert served == [new]
