"""Reading the headers of many files and grouping them by study."""

from __future__ import annotations

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prima.dicom.header.directory import Directory
from prima.dicom.header.quiet import quiet
from prima.dicom.header.read import Header, read_file
from prima.errors import UnreadableError
from prima.files.walk import FileProblem

_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")


@dataclass(frozen=True, kw_only=True, eq=False)
class ScannedStudy:
    """The headers of one study: its UID made safe, the folder that holds it, its files in walking order."""

    study_uid: str
    where: Path
    headers: tuple[Header, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderScan:
    """What a set of files holds."""

    studies: tuple[ScannedStudy, ...]
    problems: tuple[FileProblem, ...]
    num_other_files: int


def scan(files: Sequence[Path], *, one_study: bool = False, on_file: Callable[[int], None] | None = None) -> FolderScan:
    """Read the header of every file once and group the files by StudyInstanceUID.

    Args:
        files: in the order in which studies should come out.
        one_study: take all files as one study, named by the first, whatever their UIDs say.
        on_file: called with the number of files read so far.
    """
    groups: dict[str, list[Header]] = defaultdict(list)
    problems: list[FileProblem] = []
    directories: list[Directory] = []
    num_other = 0
    with quiet():
        for count, path in enumerate(files, start=1):
            try:
                header = read_file(path)
            except UnreadableError as error:
                problems.append(FileProblem(path=path, message=str(error)))
            else:
                if header is None:
                    num_other += 1
                elif isinstance(header, Directory):
                    directories.append(header)
                else:
                    # objects that name no study belong with those of their folder
                    own = header[0].study_uid or f"folder {path.parent}"
                    groups[next(iter(groups), own) if one_study else own].append(header)
            if on_file is not None:
                on_file(count)
    studies = tuple(_study(raw, headers, directories) for raw, headers in groups.items())
    return FolderScan(studies=studies, problems=tuple(problems), num_other_files=num_other)


def _study(raw: str, headers: Sequence[Header], directories: Sequence[Directory]) -> ScannedStudy:
    paths = [instance.path for instance, _ in headers]
    notes = [
        directory.note for directory in directories if any(path.is_relative_to(directory.folder) for path in paths)
    ]
    return ScannedStudy(
        study_uid=_study_uid(raw, headers),
        where=_folder(headers),
        headers=tuple(headers),
        notes=tuple(note for note in notes if note is not None),
    )


def _study_uid(raw: str, headers: Sequence[Header]) -> str:
    if not raw.startswith("folder "):
        return safe_uid(raw)
    return hashed_uid("\n".join(sorted(instance.sop_uid or instance.path.name for instance, _ in headers)))


def safe_uid(raw: str) -> str:
    """A UID fit for a file name: itself when it is one (PS3.5 9.1), else 2.25 and a number made from it.

    Example:
        >>> safe_uid("1.2.840.1"), safe_uid("../../etc")[:5]
        ('1.2.840.1', '2.25.')
    """
    return raw if len(raw) <= 64 and _UID.fullmatch(raw) else hashed_uid(raw)


def hashed_uid(content: str) -> str:
    """A UID under 2.25 made from a text, the same each time."""
    digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _folder(headers: Sequence[Header]) -> Path:
    return Path(os.path.commonpath([instance.path.absolute().parent for instance, _ in headers]))
