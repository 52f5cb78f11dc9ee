"""Folders as a source: every file below, as a stream that never holds more than one folder's names."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from prima.archive.ingest.ingested_folders import IngestedFolders, fingerprint_of
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.files.walk import NOT_PERMITTED, natural_key
from prima.report.carriers.files import SUFFIXES


def folder_instances(
    top: Path,
    *,
    link: bool = False,
    on_report_file: Callable[[Path], None] = lambda _path: None,
    known: IngestedFolders | None = None,
) -> Iterator[IncomingInstance | NotDelivered]:
    """Every file below a folder as a possible instance.

    Args:
        top: a folder, or a single file.
        link: share the bytes of files that lie on the archive's file system.
        on_report_file: called with each file that by its name may carry reports; such files are no instances.
        known: folders that need not be read again; those that are read are noted there.
    """
    for found in folders_below(top):
        if isinstance(found, NotDelivered):
            yield found
            continue
        folder, paths = found
        files = [path for path in paths if path.suffix.lower() not in SUFFIXES]
        for path in paths:
            if path.suffix.lower() in SUFFIXES:
                on_report_file(path)
        fingerprint = fingerprint_of(folder, files) if known is not None and files else None
        if known is None or fingerprint is None:
            yield from (_instance(path, link) for path in files)
        elif known.has(fingerprint):
            known.num_unchanged += len(files)
        else:
            yield from _noted(folder, files, fingerprint, known, link=link)


def _instance(path: Path, link: bool) -> IncomingInstance:
    return IncomingInstance(content=path, key=str(path), taking="link" if link else "copy")


def _noted(
    folder: Path, files: Sequence[Path], fingerprint: str, known: IngestedFolders, *, link: bool
) -> Iterator[IncomingInstance]:
    """The files of one folder, which is noted when the last of them is safe and none was refused."""
    refused: list[bool] = []

    def done() -> None:
        if not refused:
            known.add(folder, fingerprint)

    for index, path in enumerate(files, start=1):
        yield dataclasses.replace(
            _instance(path, link),
            on_done=done if index == len(files) else None,
            on_refused=lambda: refused.append(True),
        )


def files_below(top: Path) -> Iterator[Path | NotDelivered]:
    """Every regular file below a folder, or the file itself, folder by folder in natural order."""
    for found in folders_below(top):
        if isinstance(found, NotDelivered):
            yield found
        else:
            yield from found[1]


def folders_below(top: Path) -> Iterator[tuple[Path, list[Path]] | NotDelivered]:
    """Every folder with the regular files that lie directly in it, in natural order; a file as the only one of its own.

    Links are followed; a folder reached twice (a link loop) is entered once.
    """
    if not top.is_dir():
        yield top, [top]
        return
    waiting = [top]
    seen: set[tuple[int, int]] = set()
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: natural_key(entry.name))
        except PermissionError:
            yield NotDelivered(key=str(folder), detail=NOT_PERMITTED)
            continue
        except OSError as error:
            yield NotDelivered(key=str(folder), detail=f"cannot be listed: {error.strerror}")
            continue
        yield folder, [folder / entry.name for entry in entries if entry.is_file()]
        waiting.extend(folder / entry.name for entry in reversed(entries) if entry.is_dir())
