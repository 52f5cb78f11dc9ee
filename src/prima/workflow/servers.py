"""Where `prima ingest` takes from: a folder, a PACS or a DICOMweb server, told apart by how the source is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prima.archive.store.layout import Archive
from prima.dicom.network.wanted import Listed, Wanted
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.errors import UsageError
from prima.files.optional import require


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line says about servers."""

    modality: str = "MR"
    body_parts: tuple[str, ...] = ()
    first: datetime | None = None
    last: datetime | None = None
    title: str = "PRIMA"
    port: int = 11112
    listen: str = "127.0.0.1"
    use_get: bool = False
    pace: float = 0.0

    def wanted(self) -> Wanted:
        """The studies to ask for.

        Raises:
            UsageError: the last day lies before the first.
        """
        first, last = (day.date() if day else None for day in (self.first, self.last))
        if first and last and last < first:
            raise UsageError(f"--to {last}: found a date before --from {first}, expected the same or a later one")
        parts = tuple(part.upper() for part in self.body_parts)
        return Wanted(
            modality=self.modality,
            body_parts=parts,
            first=first,
            last=last,
        )


def is_server(source: str) -> bool:
    """Whether a source is a server and not a path."""
    return source.startswith(("pacs://", "http://", "https://"))


def open_server(
    source: str, request: Request, archive: Archive, on_study: Callable[[Listed, bool], None]
) -> tuple[str, Iterator[IncomingInstance | NotDelivered]]:
    """How the catalogue names a server, and the instances of its wanted studies that the archive lacks.

    Raises:
        UsageError: the address or a date is wrong.
        MissingDependencyError: the packages for the network are absent.
    """
    requested = request.wanted()
    for package in ("pynetdicom", "dicomweb_client", "requests"):
        require(package, "pulling from a server", extra="archive")
    from prima.dicom.network.dicomweb import dicomweb_instances, session_of
    from prima.dicom.network.peer import Pacs, dicomweb_source
    from prima.dicom.network.pull import Node, pacs_instances
    from prima.dicom.network.wanted import Pace

    def stored(study_uid: str) -> int:
        return len(archive.instances(study_uid))

    pace = Pace(per_second=request.pace)
    if source.startswith("pacs://"):
        pacs = Pacs.of(source)
        node = Node(title=request.title, port=request.port, host=request.listen, use_get=request.use_get)
        spool = archive.root / "spool"
        instances = pacs_instances(
            pacs, requested, node=node, spool_folder=spool, stored=stored, pace=pace, on_study=on_study
        )
        return pacs.source, instances
    session = session_of(
        user=os.environ.get("PRIMA_DICOMWEB_USER", ""),
        password=os.environ.get("PRIMA_DICOMWEB_PASSWORD", ""),
        token=os.environ.get("PRIMA_DICOMWEB_TOKEN", ""),
        ca_file=os.environ.get("PRIMA_DICOMWEB_CA", ""),
    )
    return dicomweb_source(source), dicomweb_instances(
        source, requested, session=session, stored=stored, pace=pace, on_study=on_study
    )


def existing(source: str) -> Path:
    """A path that is there.

    Raises:
        UsageError: it is not.
    """
    path = Path(source)
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder; a server is written pacs://TITLE@host:port or https://…")
    return path
