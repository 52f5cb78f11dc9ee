"""Where things lie in an archive, and opening one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from prima.dicom.header.record import Identity
from prima.errors import ArchiveError
from prima.files.durable import is_temporary, make_folder, write_json

FORMAT = "openprima-archive"
VERSION = 1
IMAGE_SUFFIXES = (".dcm", ".nii", ".nii.gz", ".mgz", ".mgh", ".mgh.gz")
_CARD = "archive.json"


@dataclass(frozen=True)
class Archive:
    """The folder of an archive.

    Path is the key: an instance is stored if and only if its file lies at `instance_path`.
    """

    root: Path
    deidentified: bool = False

    @classmethod
    def open(cls, root: Path) -> Self:
        """An archive that is there.

        Raises:
            ArchiveError: the folder is none, or was made by a newer version.
        """
        try:
            card = json.loads((root / _CARD).read_text(encoding="utf-8"))
            form, version = card["format"], int(card["version"])
        except FileNotFoundError:
            raise ArchiveError(f"{root}: found no {_CARD}, expected an archive made by prima ingest") from None
        except (ValueError, KeyError, TypeError, UnicodeDecodeError, NotADirectoryError):
            raise ArchiveError(f"{root}: found a broken {_CARD}, expected an archive made by prima ingest") from None
        if form != FORMAT:
            raise ArchiveError(f"{root}: found another format in {_CARD}, expected {FORMAT}")
        if version > VERSION:
            raise ArchiveError(
                f"{root}: found an archive of version {version}, expected at most {VERSION}: it needs a newer openprima"
            )
        return cls(root, deidentified=bool(card.get("deidentified", False)))

    @classmethod
    def open_or_make(cls, root: Path, *, deidentified: bool = False) -> Self:
        """An archive that is there, or a new one in a new or empty folder.

        Raises:
            ArchiveError: the folder holds something else, or was made by a newer version.
        """
        if (root / _CARD).exists():
            return cls.open(root)
        if root.exists() and (not root.is_dir() or not all(is_temporary(path.name) for path in root.iterdir())):
            raise ArchiveError(f"{root}: found files of something else, expected an archive, or a new or empty folder")
        make_folder(root)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        card = {"format": FORMAT, "version": VERSION, "created": created, "deidentified": deidentified}
        write_json(root / _CARD, card)
        return cls(root, deidentified=deidentified)

    @property
    def anywhere(self) -> Self:
        """The same archive, for a process that stands in another folder."""
        return type(self)(self.root.absolute(), deidentified=self.deidentified)

    @property
    def incoming(self) -> Path:
        """Files on their way in; what lies here when nobody writes is left over from a process that died."""
        return self.root / "incoming"

    @property
    def pending(self) -> Path:
        """One empty file per study whose rows in the catalogue may be older than its instances."""
        return self.root / "pending"

    @property
    def received(self) -> Path:
        """Reports as they were taken in, from which their table can be made again."""
        return self.root / "received"

    @property
    def cohort(self) -> Path:
        """What `prima curate` writes."""
        return self.root / "cohort"

    def table(self, name: str) -> Path:
        """The folder with the parts of one table of the catalogue."""
        return self.root / "catalogue" / name

    def study_folder(self, study_uid: str) -> Path:
        """Where the instances of a study lie."""
        return self.root / "instances" / hashlib.sha256(study_uid.encode()).hexdigest()[:2] / study_uid

    def instance_path(self, identity: Identity) -> Path:
        """Where an instance lies when it is stored."""
        return self.study_folder(identity.study_uid) / identity.series_uid / f"{identity.sop_uid}{identity.suffix}"

    def conflict_path(self, identity: Identity, digest: str) -> Path:
        """Where an instance lies whose UID was taken by another; named by its content too."""
        place = self.root / "conflicts" / identity.study_uid / identity.series_uid
        return place / f"{identity.sop_uid}.{digest}{identity.suffix}"

    def instances(self, study_uid: str) -> list[Path]:
        """The images of a study in a fixed order: DICOM as received, or NIfTI, whose json lies beside it."""
        return sorted(path for path in self.study_folder(study_uid).glob("*/*") if path.name.endswith(IMAGE_SUFFIXES))

    def study_uids(self) -> Iterator[str]:
        """The studies on disk, whether the catalogue knows them or not."""
        for folder in sorted((self.root / "instances").glob("*/*")):
            yield folder.name
