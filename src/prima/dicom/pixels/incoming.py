"""What a source of DICOM hands over, one instance at a time: a folder, a PACS or a DICOMweb server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prima.dicom.header.record import Identity


@dataclass(frozen=True, kw_only=True, eq=False)
class IncomingInstance:
    """One instance on its way into an archive.

    Args:
        content: a file, or the bytes of one (Part 10 as received, PS3.10).
        key: how the source names it (a path, a SOPInstanceUID): stands in the catalogue when it is refused.
        taking: "copy" leaves a file alone; "link" shares its bytes where it lies on the archive's file system, for a
            folder that nobody changes and for spool files, which their source removes in `on_done`.
        on_done: called once what became of the instance is safe on disk, whether it was stored, known already, or
            refused with its reason. A source that keeps a work list crosses the instance off here and nowhere else:
            instances are made safe in batches, so asking for the next one does not mean that the last one is stored.
        identity: which instance it is, where the source knows; None: its header says.
        on_refused: called at once when the instance is refused; `on_done` follows all the same.
    """

    content: Path | bytes
    key: str
    taking: Literal["copy", "link"] = "copy"
    identity: Identity | None = None
    on_done: Callable[[], None] | None = None
    on_refused: Callable[[], None] | None = None


@dataclass(frozen=True, kw_only=True)
class NotDelivered:
    """Something that a source names and does not hand over.

    Args:
        key: how the source names it.
        detail: why, in one line.
        not_followed: it could be handed over if the user asked for it: a link.
    """

    key: str
    detail: str
    not_followed: bool = False
