"""One writer per archive; a stage has a lock of its own, so that a long one does not keep an ingest waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prima.archive.store.layout import Archive
from prima.errors import ArchiveError
from prima.files.durable import DISK_FULL
from prima.files.lock import locked


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
            if error.errno not in DISK_FULL:
                raise
            raise ArchiveError(
                f"{archive.root}: no space left on its disk; what was stored is safe; run it again to go on"
            ) from None
