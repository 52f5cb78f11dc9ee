"""Instances into their places on disk: in batches, each file whole or absent, nothing twice.

This order makes a process that dies harmless: a file is written under `incoming/` and forced to disk; its study is
noted under `pending/`; only then is the file renamed to its place, and only then confirmed to its source. The next
ingest finds in `pending/` which studies the catalogue may not know yet.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome, ReportIngestOutcome
from prima.dicom.header.record import Identity, MissingUidError, identity_of
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.dicom.pixels.same import same_pixels
from prima.errors import UnreadableError
from prima.files.durable import make_folder, publish, sync, sync_all

# As many files, or bytes, are forced to disk together.
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
    _confirmations: list[Callable[[], None]] = field(default_factory=list)
    _excluded: list[Exclusion] = field(default_factory=list)
    _num_staged: int = 0
    _bytes: int = 0

    def __post_init__(self) -> None:
        """Begin with the studies that an interrupted ingest had noted."""
        self.touched.update(dict.fromkeys(sorted(path.name for path in self.archive.pending.iterdir())))

    def take(self, instance: IncomingInstance | NotDelivered) -> None:
        """Stage one instance, or note why it is not stored."""
        if isinstance(instance, NotDelivered):
            self.counts[self._exclude("file", instance.key, IngestOutcome.UNREADABLE, instance.detail)] += 1
            return
        outcome = self._outcome(instance)
        self.counts[outcome] += 1
        if outcome.refused and instance.on_refused is not None:
            instance.on_refused()
        if instance.on_done is not None:
            self._confirmations.append(instance.on_done)
        full = len(self._staged) + len(self._excluded) >= BATCH or self._bytes >= BATCH_BYTES
        if full or len(self._confirmations) >= 16 * BATCH:
            self.flush()

    def flush(self) -> None:
        """Move everything staged so far to its place, then confirm it to the sources."""
        studies = {uid for _, uid in self._staged.values() if uid is not None}
        sync_all(staged for staged, _ in self._staged.values())
        new = [self.archive.pending / uid for uid in studies]
        for path in new:
            path.touch()
        if new:
            sync(self.archive.pending)
        for uid in studies:  # the study touched last stands last
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

    def _outcome(self, instance: IncomingInstance) -> IngestOutcome:
        try:
            identity = identity_of(instance.content)
        except MissingUidError as error:
            return self._exclude("file", instance.key, IngestOutcome.MISSING_UID, str(error))
        except UnreadableError as error:
            return self._exclude("file", instance.key, IngestOutcome.UNREADABLE, str(error))
        if identity is None:
            return IngestOutcome.NOT_DICOM
        place = self.archive.instance_path(identity)
        if place in self._staged:
            self.flush()
        if place.exists():
            return self._of_known_uid(instance, identity, place)
        self._stage(instance, place, identity.study_uid)
        return IngestOutcome.STORED

    def _of_known_uid(self, instance: IncomingInstance, identity: Identity, place: Path) -> IngestOutcome:
        """An instance whose UID is stored already: the same instance, or another one."""
        if _same_bytes(instance.content, place):
            return IngestOutcome.KNOWN
        if _begins_with(instance.content, place):
            self._stage(instance, place, identity.study_uid)
            return IngestOutcome.COMPLETED
        if _begins_with(place, instance.content):
            return self._exclude("file", instance.key, IngestOutcome.UNREADABLE, "a stored instance, cut short")
        if same_pixels(instance.content, place):
            return IngestOutcome.SAME_PIXELS
        digest = _digest(instance.content)[:16]
        conflict = self.archive.conflict_path(identity, digest)
        if not conflict.exists() and conflict not in self._staged:
            self._stage(instance, conflict, None)
        detail = f"kept as {conflict.relative_to(self.archive.root)}"
        return self._exclude("instance", f"{identity.sop_uid}.{digest}", IngestOutcome.OTHER_PIXELS, detail)

    def _exclude(self, unit: str, key: str, reason: IngestOutcome, detail: str) -> IngestOutcome:
        self._excluded.append(Exclusion(unit=unit, key=key, reason=reason, detail=detail))
        return reason

    def _stage(self, instance: IncomingInstance, place: Path, study_uid: str | None) -> None:
        self._num_staged += 1
        staged = self.archive.incoming / f"{self._num_staged}.dcm"
        try:
            _copy(instance, staged)
        except OSError:
            staged.unlink(missing_ok=True)
            raise
        self._bytes += staged.stat().st_size
        self._staged[place] = (staged, study_uid)


def _copy(instance: IncomingInstance, staged: Path) -> None:
    content = instance.content
    if isinstance(content, bytes):
        staged.write_bytes(content)
        return
    if instance.taking == "link":
        try:
            os.link(content, staged)
            return
        except OSError:  # another file system, or one without hard links
            pass
    shutil.copyfile(content, staged)


def _same_bytes(content: Path | bytes, place: Path) -> bool:
    if isinstance(content, bytes):
        return len(content) == place.stat().st_size and content == place.read_bytes()
    return place.samefile(content) or filecmp.cmp(content, place, shallow=False)


def _begins_with(whole: Path | bytes, part: Path | bytes) -> bool:
    """Whether one file is the beginning of another, as an interrupted copy is."""
    with _opened(whole) as file, _opened(part) as other:
        while piece := other.read(1 << 20):
            if file.read(len(piece)) != piece:
                return False
    return True


def _opened(content: Path | bytes) -> BinaryIO:
    return BytesIO(content) if isinstance(content, bytes) else content.open("rb")


def _digest(content: Path | bytes) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
