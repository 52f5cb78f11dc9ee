"""One writer at a time: locks that the system lets go of when their process ends, however it ends."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from prima.errors import ArchiveError, PrimaError

# Windows locks bytes, not files: one beyond what is ever written, so that others can still read.
LOCKED_BYTE = 1 << 40


@contextmanager
def locked(folder: Path, doing: str, *, name: str = ".lock", error: type[PrimaError] = ArchiveError) -> Iterator[None]:
    """Hold the lock of a folder.

    Args:
        folder: is there.
        doing: the verb, for the line that another writer sees.
        name: of the lock's file, which stays.
        error: what to raise when another process holds it.

    Raises:
        error: another process holds it; the message names the verb, the process and its host.
    """
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not try_lock(handle):
            raise error(f"{folder}: {_holder(handle)}; wait until it is done")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        card = {"doing": doing, "process": os.getpid(), "host": socket.gethostname(), "since": now}
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, json.dumps(card).encode())
        yield
    finally:
        os.close(handle)


def try_lock(handle: int) -> bool:
    """Lock an open file until it is closed; False when another process has it locked."""
    if sys.platform == "win32":
        import msvcrt

        position = os.lseek(handle, 0, os.SEEK_CUR)
        try:
            os.lseek(handle, LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, position, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: int) -> str:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        card = json.loads(os.read(handle, 1000))
        writer = f"process {card['process']} on {card['host']} since {card['since']}"
        return f"being written by prima {card['doing']} ({writer})"
    except (ValueError, KeyError, TypeError):
        return "being written by another process"
