"""Work done ahead of its use: order, errors in their turn, and threads that end with their user."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from prima.errors import UnreadableError
from prima.files.ahead import iterated_ahead, mapped_ahead


@pytest.mark.parametrize("readers", [0, 1, 3])
def test_the_order_is_that_of_the_plans(readers: int) -> None:
    def make(plan: int) -> int:
        time.sleep(0.002 * (plan % 3))
        return plan * 10

    made = list(mapped_ahead(range(20), make, readers=readers, ahead=4))
    assert [(plan, value) for plan, value, _ in made] == [(plan, plan * 10) for plan in range(20)]
    assert all(waited >= 0 for _, _, waited in made)


def test_reading_goes_on_while_a_batch_is_used() -> None:
    started: list[int] = []
    enough = threading.Event()

    def make(plan: int) -> int:
        started.append(plan)
        if plan == 3:
            enough.set()
        return plan

    batches = mapped_ahead(range(100), make, readers=1, ahead=3)
    next(batches)
    assert enough.wait(5)
    time.sleep(0.02)
    assert started == [0, 1, 2, 3]  # and no further
    batches.close()


def test_waiting_is_measured() -> None:
    slow = [waited for _, _, waited in mapped_ahead(range(3), lambda _: time.sleep(0.03), readers=1, ahead=1)]
    assert slow[0] > 0.02
    fast = mapped_ahead(range(3), lambda plan: plan, readers=1, ahead=1)
    next(fast)
    time.sleep(0.02)
    assert next(fast)[2] < 0.01


def test_an_error_comes_at_its_turn() -> None:
    def make(plan: int) -> int:
        if plan == 2:
            raise UnreadableError("study 2: damaged")
        return plan

    used: list[int] = []
    with pytest.raises(UnreadableError, match="study 2"):
        used.extend(plan for plan, _, _ in mapped_ahead(range(5), make, readers=2, ahead=4))
    # `extend` keeps nothing of a generator that raised part-way, so look again one by one
    batches = mapped_ahead(range(5), make, readers=2, ahead=4)
    assert [next(batches)[0], next(batches)[0]] == [0, 1]
    with pytest.raises(UnreadableError):
        next(batches)


def test_closing_stops_the_threads() -> None:
    def endless() -> Iterator[int]:
        plan = 0
        while True:
            yield plan
            plan += 1

    batches = mapped_ahead(endless(), lambda plan: plan, readers=2, ahead=2)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prima-reader")]


def test_an_iterator_runs_ahead_by_no_more_than_may_wait() -> None:
    begun: list[int] = []

    def items() -> Iterator[int]:
        for index in range(100):
            begun.append(index)
            yield index

    made = iterated_ahead(items(), 2)
    assert [next(made) for _ in range(5)] == list(range(5))
    time.sleep(0.3)
    assert len(begun) <= 5 + 2 + 1  # taken, waiting, and the one that the thread holds
    made.close()  # type: ignore[attr-defined]
    time.sleep(0.3)
    num_begun = len(begun)
    time.sleep(0.2)
    assert len(begun) == num_begun < 100


def test_an_error_of_the_iterator_is_raised_in_its_turn() -> None:
    def items() -> Iterator[str]:
        yield "first"
        raise UnreadableError("second")

    made = iterated_ahead(items(), 4)
    assert next(made) == "first"
    with pytest.raises(UnreadableError, match="second"):
        next(made)
