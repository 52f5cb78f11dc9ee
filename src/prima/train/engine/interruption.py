"""When to write a checkpoint and when to stop: signals of the system, and the clock."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
"""What schedulers send before they take a machine away, and what Ctrl-C sends."""


@contextmanager
def caught_signals() -> Iterator[list[str]]:
    """Names of the signals that came while the context was open; a second Ctrl-C interrupts at once."""
    caught: list[str] = []

    def on_signal(signal_number: int, _frame: FrameType | None) -> None:
        if caught and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(signal.Signals(signal_number).name)

    if threading.current_thread() is not threading.main_thread():
        yield caught  # handlers belong to the main thread
        return
    before = {signal_number: signal.signal(signal_number, on_signal) for signal_number in SIGNALS}
    try:
        yield caught
    finally:
        for signal_number, handler in before.items():
            signal.signal(signal_number, handler)


class Clock:
    """Time since the start, the last checkpoint, and the last lap.

    Args:
        checkpoint_seconds: between two checkpoints.
        stop_after_seconds: until this start of the run ends, None for no limit.
        before: seconds that earlier starts took.
    """

    def __init__(self, checkpoint_seconds: float, stop_after_seconds: float | None, *, before: float = 0.0) -> None:
        self._start = self._saved = self._lap = time.monotonic()
        self._before = before
        self._checkpoint_seconds = checkpoint_seconds
        self._stop_after_seconds = stop_after_seconds

    @property
    def is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self._saved >= self._checkpoint_seconds

    @property
    def is_over(self) -> bool:
        """Whether it is time to stop."""
        return self._stop_after_seconds is not None and time.monotonic() - self._start >= self._stop_after_seconds

    @property
    def total(self) -> float:
        """Seconds of this start and of all before."""
        return self._before + time.monotonic() - self._start

    def saved(self) -> None:
        """A checkpoint was written."""
        self._saved = time.monotonic()

    def lap(self) -> float:
        """Seconds since this was last called."""
        before, self._lap = self._lap, time.monotonic()
        return self._lap - before
