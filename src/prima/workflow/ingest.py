"""Folders, servers and report files into an archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.ingest.ingested_folders import IngestedFolders
from prima.archive.ingest.reports import ingest_reports
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome, ReportIngestOutcome
from prima.workflow.servers import Request, existing, is_server, open_server
from prima.workflow.watcher import NOBODY, Watcher


def ingest_sources(
    sources: Sequence[str],
    archive: Path,
    request: Request | None = None,
    *,
    link: bool = False,
    reread: bool = False,
    day_first: bool | None = None,
    watcher: Watcher = NOBODY,
) -> Counter[IngestOutcome | ReportIngestOutcome]:
    """Take studies and reports into an archive; an interrupted call is resumed by the same one.

    Args:
        sources: folders or files of DICOM or reports; pacs://TITLE@host:port; https://… of a DICOMweb service.
        archive: an archive, or a new or empty folder.
        request: what is asked of servers.
        link: share files with the source instead of copying, where the disk allows.
        reread: read folders again that have not changed since they were ingested.
        day_first: how tables of reports write dates such as 12/11/2024; None: their columns have to show it.
        watcher: told how many files were looked at.

    Returns:
        How many files and reports ended how.
    """
    request = request or Request()
    request.wanted()
    for source in sources:
        if not is_server(source):
            existing(source)
    into = Archive.open_or_make(archive)
    counts: Counter[IngestOutcome | ReportIngestOutcome] = Counter()
    num_files = 0

    def count() -> None:
        nonlocal num_files
        num_files += 1
        watcher.count("files", num_files, None)

    for source in sources:
        report_files: list[Path] = []
        known: IngestedFolders | None = None
        if is_server(source):
            name, instances = open_server(source, request, into, lambda _study, _complete: None)
        else:
            name = source
            known = None if reread else IngestedFolders(into)
            instances = folder_instances(Path(source), link=link, on_report_file=report_files.append, known=known)
        counts.update(ingest_instances(into, instances, name, count, known))
        if report_files:
            counts.update(ingest_reports(into, report_files, Path(source), count, day_first=day_first))
    return counts
