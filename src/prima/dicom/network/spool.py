"""Instances on their way from a network peer to whoever stores them: files in a spool folder and a bounded queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prima.dicom.network.asked import Asked
from prima.dicom.network.wanted import Pace
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.files.durable import make_folder, sweep, write_bytes

_SUCCESS, _OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0x0000, 0xA700, 0xC000
_DEPTH = 512


class Spool:
    """What a storage provider fills and a reader drains.

    A C-STORE is answered with success when the file is on disk under its name and can no longer be lost: one that no
    reader took over, because the process ended, is handed out by the next spool of this folder (`left_over`).

    A slow reader slows the sender: once the queue is full, the answer to the next C-STORE waits.

    Args:
        folder: on the archive's file system, so that storing a file is giving it a name. One spool at a time uses it.
        pace: how fast instances may come.
    """

    def __init__(self, folder: Path, pace: Pace) -> None:
        make_folder(folder)
        sweep(folder)
        self.folder = folder
        self.asked = Asked()
        self._pace = pace
        self._waiting: queue.Queue[IncomingInstance | NotDelivered] = queue.Queue(_DEPTH)
        self._closed = threading.Event()
        self._lock = threading.Condition()
        self._num_storing = 0
        self._left = sorted(folder.glob("*.dcm"))
        self._count = max((int(path.stem) for path in self._left if path.stem.isdecimal()), default=0)

    def left_over(self) -> Iterator[IncomingInstance]:
        """What an earlier process received and did not hand on."""
        for path in self._left:
            yield self._instance(path, path.name)

    def store(self, content: bytes, key: str) -> int:
        """Take one Part 10 file from the network; returns the status of the C-STORE response (PS3.4 B.2.3)."""
        with self._lock:  # several associations may store at once
            if self._closed.is_set():
                return _OUT_OF_RESOURCES
            self._pace.wait()
            self._count += 1
            self._num_storing += 1
            path = self.folder / f"{self._count:08d}.dcm"
        try:
            write_bytes(path, content)
            status = self._put(self._instance(path, key))
            if status != _SUCCESS:
                path.unlink(missing_ok=True)
        except OSError:
            return _OUT_OF_RESOURCES
        finally:
            with self._lock:
                self._num_storing -= 1
                self._lock.notify_all()
        return status

    def _instance(self, path: Path, key: str) -> IncomingInstance:
        def done() -> None:
            path.unlink(missing_ok=True)
            if self._closed.is_set():
                self._remove_if_empty()

        return IncomingInstance(content=path, key=key, taking="link", on_done=done)

    def refuse(self, key: str, detail: str) -> int:
        """Note something that came and cannot be understood."""
        self._put(NotDelivered(key=key, detail=detail))
        return _CANNOT_UNDERSTAND

    def _put(self, item: IncomingInstance | NotDelivered) -> int:
        while not self._closed.is_set():
            try:
                self._waiting.put(item, timeout=0.2)
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
        """Refuse what still comes, and wait for what is being stored: the folder then belongs to the next spool.

        Files stay until whoever took them has said that they are safe elsewhere.
        """
        self._closed.set()
        with self._lock:
            self._lock.wait_for(lambda: self._num_storing == 0)
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        with suppress(OSError):
            self.folder.rmdir()
