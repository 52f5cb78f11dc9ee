"""A deadline for what comes over a socket byte by byte: each byte in time, the whole never."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watch:
    """What is told when the time is over.

    Attributes:
        is_over: whether the connection was cut.
    """

    def __init__(self) -> None:
        self.is_over = False


@contextmanager
def cut_after(seconds: float | None, find: Callable[[], socket.socket | None]) -> Iterator[Watch]:
    """Cut a connection unless the block ends in time; what reads from it then ends in an error.

    Args:
        seconds: from now on; None: for ever.
        find: the socket of the connection when the time is over; None where there is none.
    """
    watch = Watch()

    def cut() -> None:
        watch.is_over = True
        connection = find()
        if connection is not None:
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # that of TLS would wait for the other side
            except OSError:
                return  # closed meanwhile

    timer = threading.Timer(seconds, cut) if seconds is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        yield watch
    finally:
        if timer is not None:
            timer.cancel()
