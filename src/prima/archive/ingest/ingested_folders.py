"""Folders that were ingested whole and have not changed since: they need not be read again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from prima.archive.store.layout import Archive
from prima.archive.store.tables import append, scan


class IngestedFolders:
    """What an archive remembers of the folders it took files from.

    A folder is remembered by the names, sizes and times of change of its files, once all of them are safe and none
    was refused. A change that keeps size and time is not seen.

    Args:
        archive: whose catalogue is read.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        rows = scan(archive, "folders").select(pl.col("fingerprint").str.slice(0, 16)).collect()
        # eight bytes a folder, so that millions fit
        self._known = np.sort(np.array([int(word, 16) for word in rows["fingerprint"]], dtype=np.uint64))
        self._new: list[dict[str, Any]] = []
        self.num_unchanged = 0

    def has(self, fingerprint: str) -> bool:
        """Whether a folder was ingested just as it is."""
        value = np.uint64(int(fingerprint[:16], 16))
        place = int(np.searchsorted(self._known, value))
        return place < len(self._known) and bool(self._known[place] == value)

    def add(self, folder: Path, fingerprint: str) -> None:
        """Note a folder of which every file is safe."""
        self._new.append({"folder": str(folder.absolute()), "fingerprint": fingerprint})

    def write(self) -> None:
        """Write what was noted since the last time; the caller holds the archive's lock."""
        append(self._archive, "folders", self._new)
        self._new = []


def fingerprint_of(folder: Path, files: Sequence[Path]) -> str | None:
    """A hash of place, names, sizes and times of change; None when a file is gone meanwhile."""
    digest = hashlib.sha256(str(folder.absolute()).encode("utf-8", "surrogateescape"))
    try:
        for path in files:
            status = path.stat()
            digest.update(f"\n{path.name}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    except OSError:
        return None
    return digest.hexdigest()
