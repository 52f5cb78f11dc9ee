"""Writing so that a file is whole or absent, whatever happens to the process or the power."""

from __future__ import annotations

import errno
import os
from pathlib import Path

# How a system says that a disk, or a user's share of it, is full.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def write_file(path: Path, content: bytes, *, staging: Path) -> None:
    """Write a file under another name, force it to disk, and rename it.

    Args:
        path: its place; the folder is there.
        staging: a folder of the same file system for the unfinished file.
    """
    partial = staging / f".{path.name}.part"
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder and its parents so that they survive a loss of power."""
    missing = []
    place = path
    while not place.exists():
        missing.append(place)
        place = place.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync(folder.parent)
