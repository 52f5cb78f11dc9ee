"""Making items in a thread that runs a little ahead of whoever uses them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

Item = TypeVar("Item")


def made_ahead(items: Iterator[Item], waiting: int) -> Iterator[Item]:
    """The same items in the same order, made by a thread; at most `waiting` of them wait.

    An error of the thread is raised here, in its turn. When the user stops early, so does the thread.

    Example:
        >>> list(made_ahead(iter("abc"), 1))
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
