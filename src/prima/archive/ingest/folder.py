"""Folders as a source: every file below, as a stream that never holds more than one folder's names.

zip and tar files are read like folders. Links are followed only when the user asks for it, and pipes, sockets and
devices never: what lies in a folder may lead anywhere, or never end.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from prima.archive.ingest.ingested_folders import IngestedFolders, fingerprint_of
from prima.archive.ingest.nifti import is_nifti_name, nifti_instances, sidecars_of
from prima.archive.ingest.nifti_container import NiftiOfContainer
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.files.container import Entry, LeftOut, entries_of, is_container
from prima.files.walk import NOT_PERMITTED, natural_key
from prima.report.carriers.files import SUFFIXES

LINK = "a link; --follow-links reads what it leads to"
NO_FILE = "a pipe, socket or device"


@dataclass(frozen=True, kw_only=True)
class FolderSource:
    """A folder, or a single file, as a source.

    Args:
        top: the folder or file; a link is followed here, for the user named it.
        link: share the bytes of files that lie on the archive's file system.
        follow_links: read what links below the folder lead to; each folder once.
        on_report_file: called with each file that by its name may carry reports; such files are no instances.
        on_report_entry: the same for an entry of a container.
        known: folders that need not be read again; those that are read are noted there.
    """

    top: Path
    link: bool = False
    follow_links: bool = False
    on_report_file: Callable[[Path], None] = field(default=lambda _path: None)
    on_report_entry: Callable[[Path, Entry], None] = field(default=lambda _container, _entry: None)
    known: IngestedFolders | None = None

    def __iter__(self) -> Iterator[IncomingInstance | NotDelivered]:
        """Every file as a possible instance."""
        for found in folders_below(self.top, follow_links=self.follow_links):
            if isinstance(found, NotDelivered):
                yield found
            else:
                yield from self._folder(*found)

    def _folder(self, folder: Path, paths: Sequence[Path]) -> Iterator[IncomingInstance | NotDelivered]:
        nifti = [path for path in paths if is_nifti_name(path.name)]
        beside = sidecars_of(nifti)
        files = [path for path in paths if path not in beside]
        instances, reports, containers = [], [], []
        for path in files:
            if path.suffix.lower() in SUFFIXES:
                reports.append(path)
            elif is_container(path):
                containers.append(path)
            elif not is_nifti_name(path.name):
                instances.append(path)
        for path in reports:
            self.on_report_file(path)
        noted = [*instances, *nifti, *sorted(beside & set(paths))]
        yield from self._noted(folder, noted, self._instances(instances, nifti))
        for container in containers:
            yield from self._noted(container, [container], self._entries(container))

    def _instances(self, files: Sequence[Path], nifti: Sequence[Path]) -> Iterator[IncomingInstance | NotDelivered]:
        for path in files:
            yield IncomingInstance(content=path, key=str(path), taking="link" if self.link else "copy")
        yield from nifti_instances(nifti)

    def _entries(self, container: Path) -> Iterator[IncomingInstance | NotDelivered]:
        with TemporaryDirectory() as folder:
            nifti = NiftiOfContainer(container, Path(folder))
            for found in entries_of(container):
                if isinstance(found, LeftOut):
                    key = f"{container}!{found.name}" if found.name else str(container)
                    yield NotDelivered(key=key, detail=found.detail, not_followed=found.not_followed)
                elif not nifti.takes(found):
                    yield from self._entry(container, found)
            for entry in nifti.others():
                yield from self._entry(container, entry)
            yield from nifti.instances()

    def _entry(self, container: Path, entry: Entry) -> Iterator[IncomingInstance]:
        if entry.name.lower().endswith(SUFFIXES):
            self.on_report_entry(container, entry)
        else:
            yield IncomingInstance(content=entry.content, key=f"{container}!{entry.name}")

    def _noted(
        self, folder: Path, files: Sequence[Path], instances: Iterable[IncomingInstance | NotDelivered]
    ) -> Iterator[IncomingInstance | NotDelivered]:
        """The instances of a folder, which is noted when the last of them is safe and none was refused."""
        known = self.known
        fingerprint = fingerprint_of(folder, files) if known is not None and files else None
        if known is None or fingerprint is None:
            yield from instances
            return
        if known.has(fingerprint):
            known.num_unchanged += len(files)
            return
        refused: list[bool] = []
        last: IncomingInstance | None = None
        for instance in instances:
            if isinstance(instance, NotDelivered):
                refused.append(not instance.not_followed)
                yield instance
                continue
            if last is not None:
                yield last
            last = dataclasses.replace(instance, on_refused=lambda: refused.append(True))
        if last is not None:
            noted = known

            def done() -> None:
                if not any(refused):
                    noted.add(folder, fingerprint)

            yield dataclasses.replace(last, on_done=done)


def folder_instances(top: Path, **options: object) -> Iterator[IncomingInstance | NotDelivered]:
    """Every file below a folder as a possible instance; options are those of `FolderSource`."""
    return iter(FolderSource(top=top, **options))  # type: ignore[arg-type]


def files_below(top: Path, *, follow_links: bool = False) -> Iterator[Path | NotDelivered]:
    """Every regular file below a folder, or the file itself, folder by folder in natural order."""
    for found in folders_below(top, follow_links=follow_links):
        if isinstance(found, NotDelivered):
            yield found
        else:
            yield from found[1]


def folders_below(top: Path, *, follow_links: bool = False) -> Iterator[tuple[Path, list[Path]] | NotDelivered]:
    """Every folder with the regular files that lie directly in it, in natural order; a file as the only one of its own.

    Args:
        top: a folder or a file; a link itself is followed, for the user named it.
        follow_links: follow links below it; a folder reached twice (a link loop) is entered once.
    """
    if not top.is_dir():
        if top.is_file():
            yield top, [top]
        else:
            yield NotDelivered(key=str(top), detail=NO_FILE, not_followed=True)
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
        files: list[Path] = []
        folders: list[Path] = []
        for entry in entries:
            place = folder / entry.name
            why = _why_left_out(entry, follow_links=follow_links)
            if why is not None:
                yield NotDelivered(key=str(place), detail=why, not_followed=True)
            elif entry.is_dir():
                folders.append(place)
            elif entry.is_file():
                files.append(place)
        yield folder, files
        waiting.extend(reversed(folders))


def _why_left_out(entry: os.DirEntry[str], *, follow_links: bool) -> str | None:
    if entry.is_symlink():
        if not follow_links:
            return LINK
        if not entry.is_dir() and not entry.is_file():
            return "a link that leads nowhere, or to a pipe, socket or device"
        return None
    if entry.is_dir() or entry.is_file():
        return None
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return None  # gone meanwhile
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else NO_FILE
