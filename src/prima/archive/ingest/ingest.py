"""Ingesting instances: each is stored once, nothing is lost when the process dies, and every refusal is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import islice

from prima.archive.ingest.catalogue import catalogue
from prima.archive.ingest.ingested_folders import IngestedFolders
from prima.archive.ingest.intake import Exclusion, Intake
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome
from prima.archive.store.tables import append
from prima.archive.store.writing import ingesting
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered

# Studies that were touched wait for their rows until this many wait, so that a study which arrives in one piece is
# catalogued once.
_WAITING = 256


def ingest_instances(
    archive: Archive,
    instances: Iterable[IncomingInstance | NotDelivered],
    source: str,
    on_instance: Callable[[], None] = lambda: None,
    known: IngestedFolders | None = None,
) -> dict[IngestOutcome, int]:
    """Store instances and catalogue their studies; can be interrupted at any point and run again.

    Args:
        archive: as `Archive.open_or_make` gives it.
        instances: read as a stream; `on_done` of each is called when its outcome is safe on disk.
        source: the name of the source in the catalogue (a folder, `pacs:AET`, a DICOMweb address without credentials).
        on_instance: called after each instance.
        known: folders that the source skips or notes; written when their files are safe.

    Returns:
        How many instances had which outcome.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """

    def remember(exclusions: list[Exclusion]) -> None:
        append(archive, "exclusions", [{**asdict(one), "source": source} for one in exclusions])

    with ingesting(archive):
        intake = Intake(archive, remember)
        for instance in instances:
            intake.take(instance)
            on_instance()
            if len(intake.touched) >= 2 * _WAITING:
                intake.flush()
                _catalogue(archive, intake, _WAITING, source)
                if known is not None:
                    known.write()
        intake.flush()
        _catalogue(archive, intake, len(intake.touched), source)
        if known is not None:
            known.write()
            intake.counts[IngestOutcome.UNCHANGED] = known.num_unchanged
    return intake.counts


def _catalogue(archive: Archive, intake: Intake, num_studies: int, source: str) -> None:
    """Rows for the studies that were touched longest ago."""
    while num_studies > 0:
        studies = list(islice(intake.touched, min(num_studies, _WAITING)))
        catalogue(archive, studies, source)
        for study_uid in studies:
            del intake.touched[study_uid]
        num_studies -= len(studies)
