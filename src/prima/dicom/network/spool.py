"""Instances on their way from a network peer to whoever stores them: files in a spool folder and a bounded queue."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

from prima.dicom.network.wanted import Pace
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered

_SUCCESS, _OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
_DEPTH = 512


class Spool:
    """What a storage provider fills and a reader drains.

    A slow reader slows the sender: once the queue is full, the answer to the next C-STORE waits.

    Args:
        folder: on the archive's file system, so that storing a file is giving it a name.
        pace: how fast instances may come.
    """

    def __init__(self, folder: Path, pace: Pace) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.dcm"):  # of a process that died; the study will be sent again
            left.unlink()
        self.folder = folder
        self._pace = pace
        self._waiting: queue.Queue[IncomingInstance | NotDelivered] = queue.Queue(_DEPTH)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._count = 0

    def store(self, content: bytes, key: str) -> int:
        """Take one Part 10 file from the network; returns the status of the C-STORE response (PS3.4 B.2.3)."""
        with self._lock:  # several associations may store at once
            self._pace.wait()
            self._count += 1
            path = self.folder / f"{self._count}.dcm"
        try:
            path.write_bytes(content)
        except OSError:
            path.unlink(missing_ok=True)
            return _OUT_OF_RESOURCES

        def done() -> None:
            path.unlink(missing_ok=True)

        return self._put(IncomingInstance(content=path, key=key, taking="link", on_done=done))

    def refuse(self, key: str, detail: str) -> int:
        """Note something that came and cannot be understood."""
        self._put(NotDelivered(key=key, detail=detail))
        return _CANNOT_UNDERSTAND

    def _put(self, one: IncomingInstance | NotDelivered) -> int:
        while not self._closed.is_set():
            try:
                self._waiting.put(one, timeout=0.2)
            except queue.Full:
                continue
            return _SUCCESS
        return _OUT_OF_RESOURCES

    def until(self, finished: threading.Event) -> Iterator[IncomingInstance | NotDelivered]:
        """What comes until `finished` is set and nothing more waits."""
        while True:
            ending = finished.is_set()
            try:
                yield self._waiting.get(timeout=0 if ending else 0.05) if not ending else self._waiting.get_nowait()
            except queue.Empty:
                if ending:
                    return

    def close(self) -> None:
        """Refuse what still comes."""
        self._closed.set()
        for left in self.folder.glob("*.dcm"):
            left.unlink(missing_ok=True)
        if not any(os.scandir(self.folder)):
            self.folder.rmdir()
