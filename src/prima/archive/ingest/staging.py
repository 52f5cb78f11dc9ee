"""What is done to an incoming instance before its turn comes: which one it is, and its bytes safe under `incoming/`.

It may be done for many instances at a time, in any process that sees the archive. What it finds holds as long as the
instance's place is as it was; whoever takes the instances in, one after the other, looks again where it is not.
"""

from __future__ import annotations

import filecmp
import hashlib
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome
from prima.dicom.header.record import Identity, MissingUidError, identity_of
from prima.dicom.pixels.incoming import IncomingInstance
from prima.dicom.pixels.same import same_pixels
from prima.errors import UnreadableError
from prima.files.durable import sync_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An instance as it travels to another process: an `IncomingInstance` without whom to tell."""

    content: Path | bytes
    taking: Literal["copy", "link"]
    identity: Identity | None
    key: str

    @classmethod
    def of(cls, instance: IncomingInstance) -> Offer:
        """The offer of an instance."""
        content = instance.content.absolute() if isinstance(instance.content, Path) else instance.content
        return cls(content=content, taking=instance.taking, identity=instance.identity, key=instance.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedInstance:
    """What was found.

    Args:
        outcome: how it ends, unless its place has changed meanwhile.
        identity: which instance it is; None when that cannot be read.
        staged: the copy under `incoming/`, forced to disk; None when nothing is to be stored.
        num_bytes: of the copy.
        detail: why it is refused.
        digest: of the content, where it is to be kept aside.
    """

    outcome: IngestOutcome
    identity: Identity | None = None
    staged: Path | None = None
    num_bytes: int = 0
    detail: str = ""
    digest: str = ""


ENDED_ITS_PROCESS = StagedInstance(outcome=IngestOutcome.UNREADABLE, detail="ended the process that read it")


@dataclass(frozen=True)
class Stager:
    """Stages batches of offers; it travels to other processes.

    Args:
        archive: whose lock is held by the process that takes the instances in.
    """

    archive: Archive

    def __call__(self, offers: Sequence[Offer]) -> list[StagedInstance]:
        """What was found of each offer; what is to be stored is on disk."""
        found: list[StagedInstance] = []
        try:
            for offer in offers:
                found.append(self._look(offer))
            sync_all(look.staged for look in found if look.staged is not None)
        except OSError:
            for look in found:
                if look.staged is not None:
                    look.staged.unlink(missing_ok=True)
            raise
        return found

    def _look(self, offer: Offer) -> StagedInstance:
        try:
            identity = offer.identity or identity_of(offer.content, offer.key)
        except MissingUidError as error:
            return StagedInstance(outcome=IngestOutcome.MISSING_UID, detail=str(error))
        except UnreadableError as error:
            return StagedInstance(outcome=IngestOutcome.UNREADABLE, detail=str(error))
        if identity is None:
            return StagedInstance(outcome=IngestOutcome.NOT_DICOM)
        place = self.archive.instance_path(identity)
        if not place.exists():
            return self._staged(offer, identity, IngestOutcome.STORED)
        return self._of_known_uid(offer, identity, place)

    def _of_known_uid(self, offer: Offer, identity: Identity, place: Path) -> StagedInstance:
        """An instance whose UID is stored already: the same instance, or another one."""
        content = offer.content
        if _same_bytes(content, place):
            return StagedInstance(outcome=IngestOutcome.KNOWN, identity=identity)
        if _begins_with(content, place):
            return self._staged(offer, identity, IngestOutcome.COMPLETED)
        if _begins_with(place, content):
            return StagedInstance(
                outcome=IngestOutcome.UNREADABLE, identity=identity, detail="a stored instance, cut short"
            )
        if offer.identity is None and same_pixels(content, place):
            return StagedInstance(outcome=IngestOutcome.SAME_PIXELS, identity=identity)
        digest = _digest(content)[:16]
        if self.archive.conflict_path(identity, digest).exists():
            return StagedInstance(outcome=IngestOutcome.OTHER_PIXELS, identity=identity, digest=digest)
        return self._staged(offer, identity, IngestOutcome.OTHER_PIXELS, digest)

    def _staged(self, offer: Offer, identity: Identity, outcome: IngestOutcome, digest: str = "") -> StagedInstance:
        staged = self.archive.incoming / f"{secrets.token_hex(8)}{identity.suffix}"
        try:
            _copy(offer, staged)
            num_bytes = staged.stat().st_size
        except OSError:
            staged.unlink(missing_ok=True)
            raise
        return StagedInstance(outcome=outcome, identity=identity, staged=staged, num_bytes=num_bytes, digest=digest)


def _copy(offer: Offer, staged: Path) -> None:
    content = offer.content
    if isinstance(content, bytes):
        staged.write_bytes(content)
        return
    if offer.taking == "link":
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
