"""Folders as a source: every file below, as a stream that never holds more than one folder's names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from prima.dicom.incoming import IncomingInstance, NotDelivered
from prima.report.carriers import SUFFIXES
from prima.study.walk import NOT_PERMITTED, natural_key


def folder_instances(
    top: Path, *, link: bool = False, on_report_file: Callable[[Path], None] = lambda _path: None
) -> Iterator[IncomingInstance | NotDelivered]:
    """Every file below a folder as a possible instance.

    Args:
        top: a folder, or a single file.
        link: share the bytes of files that lie on the archive's file system.
        on_report_file: told of each file that by its name may carry reports; such files are no instances.
    """
    for found in files_below(top):
        if isinstance(found, NotDelivered):
            yield found
        elif found.suffix.lower() in SUFFIXES:
            on_report_file(found)
        else:
            yield IncomingInstance(content=found, key=str(found), taking="link" if link else "copy")


def files_below(top: Path) -> Iterator[Path | NotDelivered]:
    """Every regular file below a folder, or the file itself, folder by folder in natural order.

    Links are followed; a folder reached twice (a link loop) is entered once.
    """
    if not top.is_dir():
        yield top
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
        folders = []
        for entry in entries:
            if entry.is_dir():
                folders.append(folder / entry.name)
            elif entry.is_file():
                yield folder / entry.name
        waiting.extend(reversed(folders))
