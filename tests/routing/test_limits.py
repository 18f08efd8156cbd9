"""The turns that keys take, and who gives way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.limits import FairQueue


def fill(waiting: str) -> FairQueue[str]:
    """A queue in which one waits for each letter, of the key with that letter."""
    queue: FairQueue[str] = FairQueue()
    for number, key in enumerate(waiting):
        queue.add(key, f"{key}{number}", float(number))
    return queue


def drain(queue: FairQueue[str]) -> list[str]:
    items = []
    while (found := queue.pop()) is not None:
        items.append(found[1])
    return items


def test_keys_take_turns_and_each_line_keeps_its_order() -> None:
    assert drain(fill("aaaabac")) == ["a0", "b4", "c6", "a1", "a2", "a3", "a5"]


def test_a_key_with_a_flood_waiting_leaves_room_for_others_but_not_for_itself() -> None:
    queue = fill("aaaa")
    assert queue.has_room("a", 5, 8)
    assert not queue.has_room("a", 4, 8)
    assert queue.has_room("b", 4, 8)
    queue.add("b", "b", 4.0)
    assert queue.has_room("b", 4, 8)  # half of them are its own by right
    queue.add("b", "b", 5.0)
    assert not queue.has_room("b", 4, 8)
    assert queue.has_room("c", 0, 8)  # one of each key, however few there may be


def test_beyond_the_limit_there_is_room_only_where_another_can_give_way() -> None:
    many = fill("abcd")
    assert many.has_room("e", 1, 5)
    assert not many.has_room("e", 1, 4)
    assert many.cut("e") is None
    flood = fill("aabc")
    assert flood.has_room("e", 1, 4)
    assert flood.cut("e") == "a1"
    assert not fill("").has_room("a", 0, 0)  # no queue is wanted


def test_the_last_of_the_longest_line_gives_way() -> None:
    queue = fill("aabaa")
    assert queue.cut("b") == "a4"
    assert queue.cut("c") == "a3"
    assert queue.cut("a") is None
    assert queue.cut("b") is None  # longer by one: in turn it would be the other's turn
    assert drain(queue) == ["a0", "b2", "a1"]
    assert queue.cut("a") is None


def test_who_waits_too_long_is_taken_out() -> None:
    queue = fill("abab")
    assert sorted(queue.expire(2.0)) == ["a0", "b1"]
    assert queue.expire(2.0) == []
    assert len(queue) == 2
    assert drain(queue) == ["a2", "b3"]


def test_who_has_left_is_forgotten() -> None:
    queue = fill("a")
    waiting = "waits"
    queue.add("b", waiting, 1.0)
    item = queue.pop()
    assert item is not None
    queue.discard(*item)
    queue.discard("b", "another")
    queue.discard("nobody", waiting)
    assert len(queue) == 1
    queue.discard("b", waiting)
    assert (len(queue), queue.pop()) == (0, None)


@given(st.text("abcd", max_size=40))
def test_everybody_has_a_turn_once_and_no_key_waits_longer_than_all_others_together(
    waiting: str,
) -> None:
    items = drain(fill(waiting))
    assert sorted(items) == sorted(f"{key}{number}" for number, key in enumerate(waiting))
    keys = [item[0] for item in items]
    for at, key in enumerate(keys):
        following = keys[at + 1 :]
        if key in following:  # until its next turn everyone who waits has had one
            between = following[: following.index(key)]
            assert set(between) == set(following) - {key}
