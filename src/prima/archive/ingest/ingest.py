"""Ingesting instances: each is stored once, nothing is lost when the process dies, and every refusal is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice

from prima.archive.ingest.catalogue import catalogue, uncatalogued
from prima.archive.ingest.ingested_folders import IngestedFolders
from prima.archive.ingest.intake import Exclusion, Intake
from prima.archive.ingest.staging import ENDED_ITS_PROCESS, Offer, Stager
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome
from prima.archive.store.tables import append
from prima.archive.store.writing import ingesting
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.files.spread import Spread

# Studies that were touched wait for their rows until this many wait, so that a study which arrives in one piece is
# catalogued once.
_WAITING = 256
# Instances, or bytes of those that come as bytes, that one process looks at together.
STAGED_TOGETHER, STAGED_BYTES = 64, 64 << 20


def ingest_instances(
    archive: Archive,
    instances: Iterable[IncomingInstance | NotDelivered],
    source: str,
    on_instance: Callable[[], None] = lambda: None,
    *,
    known: IngestedFolders | None = None,
    spread: Spread | None = None,
) -> dict[IngestOutcome, int]:
    """Store instances and catalogue their studies; can be interrupted at any point and run again.

    Args:
        archive: as `Archive.open_or_make` gives it.
        instances: read as a stream; `on_done` of each is called when its outcome is safe on disk.
        source: the name of the source in the catalogue (a folder, `pacs:AET`, a DICOMweb address without credentials).
        on_instance: called after each instance.
        known: folders that the source skips or notes; written when their files are safe.
        spread: who reads, copies and catalogues; this process unless told otherwise. The archive gets the same bytes.

    Returns:
        How many instances had which outcome.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """
    spread = spread or Spread()

    def remember(exclusions: list[Exclusion]) -> None:
        append(archive, "exclusions", [{**asdict(exclusion), "source": source} for exclusion in exclusions])

    with ingesting(archive):
        intake = Intake(archive, remember)
        intake.touched.update(dict.fromkeys(uncatalogued(archive)))
        queue = _Batches(instances)
        for _, found in spread.map(Stager(archive.anywhere), queue, given_up=lambda _offer: ENDED_ITS_PROCESS):
            staged = iter(found)
            for instance in queue.batches_under_way.pop(0):
                if isinstance(instance, NotDelivered):
                    intake.leave_out(instance)
                else:
                    intake.take(instance, next(staged))
                on_instance()
            if len(intake.touched) >= 2 * _WAITING:
                intake.flush()
                _catalogue(archive, intake, _WAITING, source, spread)
                if known is not None:
                    known.write()
        intake.flush()
        _catalogue(archive, intake, len(intake.touched), source, spread)
        if known is not None:
            known.write()
            intake.counts[IngestOutcome.UNCHANGED] = known.num_unchanged
    return intake.counts


@dataclass(eq=False)
class _Batches:
    """The offers of a source, batch by batch; what each batch was made of waits in `batches_under_way`."""

    instances: Iterable[IncomingInstance | NotDelivered]
    batches_under_way: list[list[IncomingInstance | NotDelivered]] = field(default_factory=list)

    def __iter__(self) -> Iterator[list[Offer]]:
        batch: list[IncomingInstance | NotDelivered] = []
        num_bytes = 0
        for instance in self.instances:
            batch.append(instance)
            if isinstance(instance, IncomingInstance) and isinstance(instance.content, bytes):
                num_bytes += len(instance.content)
            if len(batch) >= STAGED_TOGETHER or num_bytes >= STAGED_BYTES:
                yield self._offers(batch)
                batch, num_bytes = [], 0
        if batch:
            yield self._offers(batch)

    def _offers(self, batch: list[IncomingInstance | NotDelivered]) -> list[Offer]:
        self.batches_under_way.append(batch)
        return [Offer.of(instance) for instance in batch if isinstance(instance, IncomingInstance)]


def _catalogue(archive: Archive, intake: Intake, num_studies: int, source: str, spread: Spread) -> None:
    """Rows for the studies that were touched longest ago."""
    while num_studies > 0:
        studies = list(islice(intake.touched, min(num_studies, _WAITING)))
        catalogue(archive, studies, source, spread)
        for study_uid in studies:
            del intake.touched[study_uid]
        num_studies -= len(studies)
