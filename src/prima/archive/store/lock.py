"""One writer per archive, and per stage."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from prima.archive.store.durable import FULL
from prima.archive.store.layout import Archive
from prima.errors import ArchiveError


@contextmanager
def writing(archive: Archive, doing: str) -> Iterator[None]:
    """Hold the archive's lock. The system lets go of it when the process ends, however it ends.

    Args:
        doing: the verb, for the line that another writer sees.

    Raises:
        ArchiveError: another process holds it, or the disk is full.
    """
    with locked(archive.root, doing):
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise ArchiveError(
                f"{archive.root}: no space left on its disk; what was stored is safe; run it again to go on"
            ) from None


@contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """The same for a folder that has a lock of its own, so that a long stage does not keep an ingest waiting."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArchiveError(f"{folder}: {_holder(handle)}; wait until it is done") from None
        now = datetime.now(UTC).isoformat(timespec="seconds")
        card = {"doing": doing, "process": os.getpid(), "host": socket.gethostname(), "since": now}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(card).encode(), 0)
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    try:
        card = json.loads(os.pread(handle, 1000, 0))
        who = f"process {card['process']} on {card['host']} since {card['since']}"
        return f"being written by prima {card['doing']} ({who})"
    except (ValueError, KeyError, TypeError):
        return "being written by another process"
