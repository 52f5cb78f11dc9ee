"""Instances into their places on disk: in batches, each file whole or absent, nothing twice.

This order makes a process that dies harmless: a file is written under `incoming/` and forced to disk; its study is
noted under `pending/`; only then is the file renamed to its place, and only then confirmed to its source. The next
ingest finds in `pending/` which studies the catalogue may not know yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from prima.archive.ingest.staging import Offer, StagedInstance, Stager
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome, ReportIngestOutcome
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.files.durable import make_folder, publish, sync

# As many files, or bytes, get their places together.
BATCH, BATCH_BYTES = 256, 1 << 28


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """One row for the table of exclusions, without its source."""

    unit: str
    key: str
    reason: IngestOutcome | ReportIngestOutcome
    detail: str


@dataclass(eq=False)
class Intake:
    """Takes instances one by one; `flush` makes safe what was taken so far.

    Args:
        archive: whose lock the caller holds.
        on_exclusions: called with rows for the catalogue, before sources get their confirmation.
    """

    archive: Archive
    on_exclusions: Callable[[list[Exclusion]], None]
    counts: dict[IngestOutcome, int] = field(default_factory=lambda: dict.fromkeys(IngestOutcome, 0))
    touched: dict[str, None] = field(default_factory=dict)
    _staged: dict[Path, tuple[Path, str | None]] = field(default_factory=dict)
    _completed: set[Path] = field(default_factory=set)
    _confirmations: list[Callable[[], None]] = field(default_factory=list)
    _excluded: list[Exclusion] = field(default_factory=list)
    _bytes: int = 0

    def __post_init__(self) -> None:
        """Begin with the studies that an interrupted ingest had noted."""
        self.touched.update(dict.fromkeys(sorted(path.name for path in self.archive.pending.iterdir())))

    def take(self, instance: IncomingInstance, found: StagedInstance) -> None:
        """Take one instance over, or note why it is not stored.

        Args:
            instance: as the source handed it over.
            found: what a `Stager` found of it, now or earlier.
        """
        outcome = self._outcome(instance, found)
        self.counts[outcome] += 1
        if outcome.refused and instance.on_refused is not None:
            instance.on_refused()
        if instance.on_done is not None:
            self._confirmations.append(instance.on_done)
        self._flush_when_full()

    def leave_out(self, problem: NotDelivered) -> None:
        """Note something that the source cannot hand over."""
        outcome = IngestOutcome.NOT_FOLLOWED if problem.not_followed else IngestOutcome.UNREADABLE
        self.counts[self._exclude("file", problem.key, outcome, problem.detail)] += 1
        self._flush_when_full()

    def flush(self) -> None:
        """Move everything staged so far to its place, then confirm it to the sources."""
        studies = {uid for _, uid in self._staged.values() if uid is not None}
        new = [self.archive.pending / uid for uid in studies]
        for path in new:
            path.touch()
        if new:
            sync(self.archive.pending)
        for _, uid in self._staged.values():  # the study touched last stands last
            if uid is not None:
                self.touched.pop(uid, None)
                self.touched[uid] = None
        for folder in dict.fromkeys(place.parent for place in self._staged):
            make_folder(folder)
        publish({place: staged for place, (staged, _) in self._staged.items()})
        self._staged.clear()
        self._bytes = 0
        if self._excluded:
            self.on_exclusions(self._excluded)
            self._excluded = []
        confirmations, self._confirmations = self._confirmations, []
        for confirm in confirmations:
            confirm()

    def _flush_when_full(self) -> None:
        full = len(self._staged) + len(self._excluded) >= BATCH or self._bytes >= BATCH_BYTES
        if full or len(self._confirmations) >= 16 * BATCH:
            self.flush()

    def _outcome(self, instance: IncomingInstance, found: StagedInstance) -> IngestOutcome:
        identity = found.identity
        if identity is None:
            if found.outcome.refused:
                self._exclude("file", instance.key, found.outcome, found.detail)
            return found.outcome
        place = self.archive.instance_path(identity)
        if self._has_changed(place, found):
            if found.staged is not None:
                found.staged.unlink(missing_ok=True)
            if place in self._staged:
                self.flush()
            self._completed.discard(place)
            (found,) = Stager(self.archive)([Offer.of(instance)])
        if found.outcome in {IngestOutcome.STORED, IngestOutcome.COMPLETED}:
            self._stage(found, place, identity.study_uid)
            if found.outcome is IngestOutcome.COMPLETED:
                self._completed.add(place)
        elif found.outcome is IngestOutcome.OTHER_PIXELS:
            conflict = self.archive.conflict_path(identity, found.digest)
            if found.staged is not None:
                self._stage(found, conflict, None)
            detail = f"kept as {conflict.relative_to(self.archive.root)}"
            self._exclude("instance", f"{identity.sop_uid}.{found.digest}", found.outcome, detail)
        elif found.outcome.refused:
            self._exclude("file", instance.key, found.outcome, found.detail)
        return found.outcome

    def _has_changed(self, place: Path, found: StagedInstance) -> bool:
        """Whether another instance took the place after this one was looked at."""
        if place in self._staged or place in self._completed:
            return True
        return found.outcome is IngestOutcome.STORED and place.exists()

    def _exclude(self, unit: str, key: str, reason: IngestOutcome, detail: str) -> IngestOutcome:
        self._excluded.append(Exclusion(unit=unit, key=key, reason=reason, detail=detail))
        return reason

    def _stage(self, found: StagedInstance, place: Path, study_uid: str | None) -> None:
        assert found.staged is not None
        self._bytes += found.num_bytes
        earlier = self._staged.get(place)
        if earlier is not None:  # the same conflict twice
            earlier[0].unlink(missing_ok=True)
        self._staged[place] = (found.staged, study_uid)
