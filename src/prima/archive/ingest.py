"""Taking instances in: each is stored once, nothing is lost when the process dies, and every refusal is named."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import asdict
from itertools import islice

from prima.archive.catalogue import catalogue
from prima.archive.intake import Exclusion, Intake
from prima.archive.layout import Archive
from prima.archive.lock import writing
from prima.archive.outcome import Outcome
from prima.archive.schema import TABLES
from prima.archive.tables import MANY_PARTS, append, compact, parts, sweep
from prima.dicom.incoming import IncomingInstance, NotDelivered
from prima.dicom.quiet import quiet
from prima.errors import ArchiveError

# Studies that were touched wait for their rows until this many wait, so that a study which arrives in one piece is
# catalogued once.
_WAITING = 256


def ingest_instances(
    archive: Archive,
    instances: Iterable[IncomingInstance | NotDelivered],
    source: str,
    on_instance: Callable[[], None] = lambda: None,
) -> dict[Outcome, int]:
    """Store instances and catalogue their studies; may be broken off at any point and done again.

    Args:
        archive: as `Archive.open_or_make` gives it.
        instances: read as a stream; `on_done` of each is called when what became of it is safe on disk.
        source: the name of the source in the catalogue (a folder, `pacs:AET`, a DICOMweb address without credentials).
        on_instance: called after each instance.

    Returns:
        How many instances had which outcome.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """

    def remember(exclusions: list[Exclusion]) -> None:
        append(archive, "exclusions", [{**asdict(one), "source": source} for one in exclusions])

    with writing(archive, "ingest"), quiet():
        try:
            intake = Intake(archive, remember)
            intake.recover()
            sweep(archive)
            for instance in instances:
                intake.take(instance)
                on_instance()
                if len(intake.touched) >= 2 * _WAITING:
                    intake.flush()
                    _catalogue(archive, intake, _WAITING, source)
            intake.flush()
            _catalogue(archive, intake, len(intake.touched), source)
            for name in TABLES:
                if len(parts(archive, name)) >= MANY_PARTS:
                    compact(archive, name)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise ArchiveError(
                f"{archive.root}: no space left on its disk; what was stored is safe; run it again to go on"
            ) from None
    return intake.counts


def _catalogue(archive: Archive, intake: Intake, number: int, source: str) -> None:
    """Rows for the studies that were touched longest ago."""
    while number > 0:
        studies = list(islice(intake.touched, min(number, _WAITING)))
        catalogue(archive, studies, source)
        for study_uid in studies:
            del intake.touched[study_uid]
        number -= len(studies)
