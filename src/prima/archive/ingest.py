"""Taking instances in: each is stored once, nothing is lost when the process dies, and every refusal is named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prima.dicom.incoming import IncomingInstance


@dataclass(kw_only=True)
class Ingested:
    """What became of the instances of one source, counted."""

    stored: int = 0
    known: int = 0
    conflicts: int = 0
    refused: int = 0


def ingest_instances(archive: Path, instances: Iterable[IncomingInstance], source: str) -> Ingested:
    """Store instances and catalogue their studies.

    Args:
        archive: its folder; made when it is not there.
        instances: read as a stream; `on_done` of each is called when what became of it is safe on disk.
        source: the name of the source in the catalogue (a folder, `pacs:AET`, a DICOMweb address without credentials).
    """
    raise NotImplementedError
