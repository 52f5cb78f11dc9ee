"""Folders, servers and report files into an archive."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prima.archive.ingest.folder import FolderSource
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.ingest.ingested_folders import IngestedFolders
from prima.archive.ingest.rebuild import rebuild_catalogue
from prima.archive.ingest.reports import ingest_reports
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome, ReportIngestOutcome
from prima.errors import UsageError
from prima.files.container import Entry
from prima.files.spread import Spread
from prima.workflow.servers import Request, existing, is_server, open_server
from prima.workflow.watcher import NOBODY, Watcher

Counts = Counter[IngestOutcome | ReportIngestOutcome]


def ingest_sources(
    sources: Sequence[str],
    archive: Path,
    request: Request | None = None,
    *,
    link: bool = False,
    reread: bool = False,
    day_first: bool | None = None,
    follow_links: bool = False,
    processes: int | None = None,
    ray: str | None = None,
    on_complete: Callable[[str], None] = lambda _study_uid: None,
    watcher: Watcher = NOBODY,
) -> Counts:
    """Take studies and reports into an archive; an interrupted call is resumed by the same one.

    Args:
        sources: folders or files of DICOM, NIfTI or reports, or zip and tar files of them; pacs://TITLE@host:port;
            https://… of a DICOMweb service. None is enough with `reread`.
        archive: an archive, or a new or empty folder.
        request: what is asked of servers.
        link: share files with the source instead of copying, where the disk allows.
        reread: make the catalogue again from what the archive stores, and read folders again that have not changed
            since they were ingested.
        day_first: how tables of reports write dates such as 12/11/2024; None: their columns have to show it.
        follow_links: read what links below a folder lead to.
        processes: that read, copy and catalogue; None is one, or all that a Ray cluster has room for.
        ray: address of a Ray cluster, as `prima.files.ray_cluster` takes it; its machines see the sources and the
            archive at the same paths.
        on_complete: told of each study of a server of which the archive holds all, so that none of it is asked for.
        watcher: told how many files were looked at, and which parts of the catalogue were damaged.

    Returns:
        How many files and reports ended how.

    Raises:
        UsageError: a source is not there, or none is given.
        ArchiveError: the archive cannot be used.
    """
    request = request or Request()
    request.wanted()
    if not sources and not reread:
        raise UsageError("SRC: found none, expected a folder, a file or a server (or --reread)")
    for source in sources:
        if not is_server(source):
            existing(source)
    into = Archive.open(archive) if not sources else Archive.open_or_make(archive)
    counts: Counts = Counter()
    files = _Counter(watcher)
    with Spread(processes=processes if ray else processes or 1, ray=ray) as spread:
        rebuilt = rebuild_catalogue(into, spread, whole=reread, warn=watcher.warn)
        if reread:
            counts[IngestOutcome.CATALOGUED] = rebuilt
        for source in sources:
            if is_server(source):
                name, instances = open_server(
                    source, request, into, lambda study, complete: on_complete(study.study_uid) if complete else None
                )
                counts.update(ingest_instances(into, instances, name, files, spread=spread))
            else:
                known = None if reread else IngestedFolders(into)
                folder = _Folder(
                    into, Path(source), link=link, follow_links=follow_links, known=known, day_first=day_first
                )
                counts.update(folder.ingest(files, spread))
    return counts


@dataclass(eq=False)
class _Counter:
    """Tells a watcher how many files were looked at."""

    watcher: Watcher
    num_files: int = 0

    def __call__(self) -> None:
        self.num_files += 1
        self.watcher.count("files", self.num_files, None)


@dataclass(eq=False)
class _Folder:
    """One folder or file: its instances first, then the reports that were met among them."""

    archive: Archive
    top: Path
    link: bool
    follow_links: bool
    known: IngestedFolders | None
    day_first: bool | None
    _reports: list[Path] = field(default_factory=list)
    _unpacked: list[Path] = field(default_factory=list)

    def ingest(self, count: Callable[[], None], spread: Spread) -> Counts:
        with tempfile.TemporaryDirectory(dir=self.archive.root, prefix=".reports-") as unpacked:
            instances = FolderSource(
                top=self.top,
                link=self.link,
                follow_links=self.follow_links,
                on_report_file=self._reports.append,
                on_report_entry=lambda container, entry: self._unpack(Path(unpacked), container, entry),
                known=self.known,
            )
            name = str(self.top)
            counts: Counts = Counter(
                ingest_instances(self.archive, instances, name, count, known=self.known, spread=spread)
            )
            if self._reports:
                counts.update(ingest_reports(self.archive, self._reports, self.top, count, day_first=self.day_first))
            if self._unpacked:
                counts.update(self._unpacked_reports(Path(unpacked), count))
        return counts

    def _unpacked_reports(self, folder: Path, count: Callable[[], None]) -> dict[ReportIngestOutcome, int]:
        return ingest_reports(self.archive, self._unpacked, folder, count, day_first=self.day_first, name=str(self.top))

    def _unpack(self, folder: Path, container: Path, entry: Entry) -> None:
        """Reports of a container wait as files until the instances are in; their names become plain ones."""
        place = folder / container.name / f"{len(self._unpacked):06d}{Path(entry.name).suffix.lower()}"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(entry.content)
        self._unpacked.append(place)
