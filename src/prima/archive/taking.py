"""What every way of writing into an archive has in common: the lock, a full disk said in words, parts made one."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from prima.archive.durable import make_folder
from prima.archive.layout import Archive
from prima.archive.lock import writing
from prima.archive.schema import TABLES
from prima.archive.tables import MANY_PARTS, compact, parts, sweep
from prima.dicom.quiet import quiet
from prima.errors import ArchiveError


@contextmanager
def taking_in(archive: Archive) -> Iterator[None]:
    """Hold the lock; at the start clear away what a process that died left unfinished, at the end compact the tables.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """
    with writing(archive, "ingest"), quiet():
        try:
            for folder in (archive.incoming, archive.pending):
                make_folder(folder)
            for path in archive.incoming.iterdir():
                path.unlink()
            sweep(archive)
            yield
            for name in TABLES:
                if len(parts(archive, name)) >= MANY_PARTS:
                    compact(archive, name)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise ArchiveError(
                f"{archive.root}: no space left on its disk; what was stored is safe; run it again to go on"
            ) from None
