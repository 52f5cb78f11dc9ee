"""One writer per archive; a stage has a lock of its own, so that a long one does not keep an ingest waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prima.archive.store.layout import Archive
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import MANY_PARTS, compact, parts, sweep
from prima.dicom.header.quiet import quiet
from prima.errors import ArchiveError
from prima.files.durable import DISK_FULL, make_folder
from prima.files.lock import locked


@contextmanager
def writing(archive: Archive, verb: str) -> Iterator[None]:
    """Hold the archive's lock. The system releases it when the process ends, however it ends.

    Args:
        verb: of the command line, for the message that another writer sees.

    Raises:
        ArchiveError: another process holds it, or the disk is full.
    """
    with locked(archive.root, verb):
        try:
            yield
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            raise ArchiveError(
                f"{archive.root}: no space left on its disk; what was stored is safe; run it again to resume"
            ) from None


@contextmanager
def ingesting(archive: Archive) -> Iterator[None]:
    """Hold the lock; remove what an interrupted ingest left unfinished at the start, compact the tables at the end.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """
    with writing(archive, "ingest"), quiet():
        for folder in (archive.incoming, archive.pending):
            make_folder(folder)
        for path in archive.incoming.iterdir():
            path.unlink()
        sweep(archive)
        yield
        for name in TABLES:
            if len(parts(archive, name)) >= MANY_PARTS:
                compact(archive, name)
