from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.workers.spread import Board, Seat, create_board

NOW = 1_000_000


@pytest.fixture
def board() -> Iterator[Board]:
    board = create_board()
    yield board
    board.close()


def sit(board: Board, number: int, connections: int, *, at_ms: int = NOW) -> Seat:
    board.clear(number)
    seat = Seat(board, number)
    seat.beat(at_ms, connections)
    seat.set_open(True)
    return seat


def test_the_least_loaded_gets_it_if_it_has_clearly_fewer(board: Board) -> None:
    seat = sit(board, 1, 5)
    sit(board, 2, 3)
    sit(board, 3, 2)
    assert seat.choose(5, NOW) == 3
    assert seat.choose(2, NOW) is None
    assert seat.choose(1, NOW) is None


def test_a_tenth_more_is_not_worth_the_way(board: Board) -> None:
    seat = sit(board, 1, 1_000)
    sit(board, 2, 950)
    assert seat.choose(1_000, NOW) is None
    assert seat.choose(1_100, NOW) == 2


@pytest.mark.parametrize("how", ["hung", "closed", "dead"])
def test_one_that_cannot_answer_gets_nothing(board: Board, how: str) -> None:
    seat = sit(board, 1, 9)
    other = sit(board, 2, 0, at_ms=NOW - 5_000 if how == "hung" else NOW)
    if how == "closed":
        other.set_open(False)
    if how == "dead":
        board.clear(2)
    assert seat.choose(9, NOW) is None


def test_what_is_under_way_counts_until_it_was_taken(board: Board) -> None:
    seat = sit(board, 1, 4)
    other = sit(board, 2, 0)
    for _ in range(3):
        assert seat.choose(4, NOW) == 2
        seat.note_passed(2)
    assert seat.choose(4, NOW) == 2
    seat.note_passed(2)
    assert seat.choose(4, NOW) is None  # four are on their way there
    for _ in range(4):
        other.note_received()
    other.publish(4)
    assert seat.choose(4, NOW) is None
    other.publish(0)
    assert seat.choose(4, NOW) == 2


def test_a_burst_that_the_kernel_gave_to_one_ends_even(board: Board) -> None:
    seats = {1: sit(board, 1, 0), 2: sit(board, 2, 0)}
    counts = {1: 0, 2: 0}
    under_way: list[int] = []
    for _ in range(8):  # all accepted by the first before the second has its turn
        chosen = seats[1].choose(counts[1], NOW)
        if chosen is None:
            counts[1] += 1
            seats[1].publish(counts[1])
        else:
            seats[1].note_passed(chosen)
            under_way.append(chosen)
    for number in under_way:
        counts[number] += 1
        seats[number].note_received()
        seats[number].publish(counts[number])
    assert counts == {1: 4, 2: 4}


def test_another_process_sees_the_same_board(board: Board) -> None:
    sit(board, 1, 7)
    assert Board(board.descriptor).count_connections(1) == 7
