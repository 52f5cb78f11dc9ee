"""What every way of taking things into an archive has in common: the lock, no leftovers, parts made one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prima.archive.store.layout import Archive
from prima.archive.store.lock import writing
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import MANY_PARTS, compact, parts, sweep
from prima.dicom.header.quiet import quiet
from prima.files.durable import make_folder


@contextmanager
def taking_in(archive: Archive) -> Iterator[None]:
    """Hold the lock; at the start clear away what a process that died left unfinished, at the end compact the tables.

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
