"""Which large files this machine has found good: kept in its own cache, never beside the files.

A release may come from anybody, and with it any note that says it was verified. So what was verified is remembered in
the cache of this user on this machine, under the file's device, inode, size and time of last change: a copy is hashed
again, and so is a file that was changed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from prima.files.durable import write_text

MOST_STAMPS = 4096
"""Older ones are dropped."""


def remembered_sha256(path: Path) -> str | None:
    """The hash that this machine made of a file as it is now; None when it made none.

    Args:
        path: the file.
    """
    folder = _own_folder()
    if folder is None:
        return None
    try:
        return (folder / _key(path)).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def remember_sha256(path: Path, sha256: str) -> None:
    """Remember a hash that was made of a file just now; where nothing can be kept, it is made again next time."""
    with suppress(OSError):
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _own_folder() is not None:
            write_text(folder / _key(path), f"{sha256}\n", mode=0o600)
            _drop_oldest(folder)


def _folder() -> Path:
    return user_cache_path("openprima", appauthor=False) / "verified"


def _own_folder() -> Path | None:
    """The folder of stamps, if nobody else can write there."""
    folder = _folder()
    try:
        status = folder.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
    return folder if own else None


def _key(path: Path) -> str:
    status = path.stat()
    facts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return hashlib.sha256("\0".join(map(str, facts)).encode()).hexdigest()


def _drop_oldest(folder: Path) -> None:
    stamps = sorted(folder.iterdir(), key=lambda stamp: stamp.stat().st_mtime_ns)
    for stamp in stamps[:-MOST_STAMPS]:
        stamp.unlink(missing_ok=True)
