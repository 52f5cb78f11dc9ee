"""A DICOMDIR: the table of contents of a disc (PS3.3 annex F). Files are found without it; it tells what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import Dataset

from prima.dicom.header.element import items, values_of

SOP_CLASS = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """A DICOMDIR: the folder it speaks of, and how many files it names that are not there."""

    folder: Path
    num_missing: int

    @property
    def note(self) -> str | None:
        """What to say of it, None when nothing is missing."""
        if self.num_missing == 0:
            return None
        files = "file that is" if self.num_missing == 1 else "files that are"
        return f"the DICOMDIR names {self.num_missing} {files} not there"


def directory_of(path: Path, dataset: Dataset) -> Directory:
    """Read the records of a DICOMDIR and look for the files they name, under its own folder only."""
    missing = 0
    for record in items(dataset, "DirectoryRecordSequence"):
        parts = [str(part) for part in values_of(record, "ReferencedFileID")]
        named = [part for part in parts if part not in {"", ".", ".."} and "/" not in part and "\0" not in part]
        if parts and (len(named) < len(parts) or not _exists(path.parent, named)):
            missing += 1
    return Directory(folder=path.parent, num_missing=missing)


def _exists(folder: Path, parts: list[str]) -> bool:
    """Whether a file is there under its name, or in lower case, as some systems copy discs."""
    try:
        return any(folder.joinpath(*(change(part) for part in parts)).exists() for change in (str, str.lower))
    except OSError:
        return False
