"""One function over many batches: the same results in the same order whoever works, and no death takes one away."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prima.errors import PrimaError, UnreadableError
from prima.files.spread import Spread

BATCHES = [[1, 2, 3], [4], [], [5, 6], [7, 8, 9, 10]]


@pytest.fixture(name="work")
def _work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that other processes can import."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("work_for_spread")


@pytest.mark.parametrize("processes", [0, 1, 2])
def test_the_same_results_in_the_same_order(processes: int, work: Any) -> None:
    with Spread(processes=processes) as spread:
        for _ in range(2):
            found = list(spread.map(work.squares, BATCHES, given_up=lambda _: -1))
            assert found == [(batch, work.squares(batch)) for batch in BATCHES]


def test_an_item_that_ends_its_process_is_given_up_and_no_other(work: Any) -> None:
    with Spread(processes=2) as spread:
        deadly = work.DeadlySquares(deadly=5, caller=os.getpid())
        found = [one for _, results in spread.map(deadly, BATCHES, given_up=lambda _: -1) for one in results]
    assert found == [1, 4, 9, 16, -1, 36, 49, 64, 81, 100]


def test_an_error_of_the_work_is_the_error_of_the_call(work: Any) -> None:
    with Spread(processes=2) as spread, pytest.raises(UnreadableError, match="found 3 numbers"):
        list(spread.map(work.complain, BATCHES, given_up=lambda _: -1))


def test_processes_that_cannot_begin_are_no_fault_of_the_items(work: Any) -> None:
    with Spread(processes=2) as spread, pytest.raises(PrimaError, match="before it could begin"):
        list(spread.map(work.die, BATCHES, given_up=lambda _: -1))


def test_batches_are_asked_for_only_a_little_ahead(work: Any) -> None:
    asked: list[int] = []

    def batches() -> Iterator[list[int]]:
        for number in range(100):
            asked.append(number)
            yield [number]

    with Spread(processes=2) as spread:
        results = spread.map(work.squares, batches(), given_up=lambda _: -1)
        next(results)
        assert len(asked) < 10
        for _ in results:
            pass
    assert len(asked) == 100
