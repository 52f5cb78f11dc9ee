"""Batches made ahead of time, in a fixed order, by background threads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Plan = TypeVar("Plan")
Made = TypeVar("Made")


def made_ahead(
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
        >>> [made for _, made, _ in made_ahead(range(3), lambda one: one * one, readers=2, ahead=2)]
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
