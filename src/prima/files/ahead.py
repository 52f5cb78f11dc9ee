"""Work done a little ahead of its use, in background threads: an iterator, or a function over plans."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")
Plan = TypeVar("Plan")
Made = TypeVar("Made")


def iterated_ahead(items: Iterator[Item], waiting: int) -> Iterator[Item]:
    """The same items in the same order, made by a thread; at most `waiting` of them wait.

    An error of the thread is raised here, in its turn. When the user stops early, so does the thread.

    Example:
        >>> list(iterated_ahead(iter("abc"), 1))
        ['a', 'b', 'c']
    """
    made: queue.Queue[tuple[Item | None, BaseException | None, bool]] = queue.Queue(waiting)
    stopped = threading.Event()

    def put(item: Item | None, error: BaseException | None, more: bool) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                made.put((item, error, more), timeout=0.1)
                return

    def work() -> None:
        try:
            for item in items:
                put(item, None, True)
                if stopped.is_set():
                    return
            put(None, None, False)
        except BaseException as error:  # noqa: BLE001 (handed to the thread that waits)
            put(None, error, False)

    threading.Thread(target=work, name="prima-ahead", daemon=True).start()

    def results() -> Iterator[Item]:
        try:
            while True:
                item, error, more = made.get()
                if error is not None:
                    raise error
                if not more:
                    return
                yield item  # type: ignore[misc]
        finally:
            stopped.set()

    return results()


def mapped_ahead(
    plans: Iterable[Plan], make: Callable[[Plan], Made], *, readers: int, ahead: int
) -> Generator[tuple[Plan, Made, float], None, None]:
    """Make something of every plan, ahead of its use.

    Args:
        plans: taken one by one, in order.
        make: called in a background thread; may be called for several plans at once.
        readers: number of threads; 0 makes each when it is asked for.
        ahead: how many are made or being made before the one in use.

    Yields:
        Each plan, what was made of it, and the seconds that its user had to wait for it. What `make` raises is raised
        at its plan's turn.

    Example:
        >>> [made for _, made, _ in mapped_ahead(range(3), lambda plan: plan * plan, readers=2, ahead=2)]
        [0, 1, 4]
    """
    if not readers:
        for plan in plans:
            start = time.perf_counter()
            made = make(plan)
            yield plan, made, time.perf_counter() - start
        return
    waiting: deque[tuple[Plan, Future[Made]]] = deque()
    todo = iter(plans)
    pool = ThreadPoolExecutor(readers, thread_name_prefix="prima-reader")
    try:
        while True:
            for plan in todo:
                waiting.append((plan, pool.submit(make, plan)))
                if len(waiting) > ahead:
                    break
            if not waiting:
                return
            first, future = waiting.popleft()
            start = time.perf_counter()
            made = future.result()
            yield first, made, time.perf_counter() - start
            del made, future
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
