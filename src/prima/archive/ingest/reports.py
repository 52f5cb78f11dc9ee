"""Reports into the catalogue: each once, whichever carrier brought it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from prima.archive.ingest.intake import Exclusion
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import ReportIngestOutcome
from prima.archive.store.tables import append, scan
from prima.archive.store.writing import ingesting
from prima.dicom.header.scan import safe_uid
from prima.report.carriers.files import read_reports
from prima.report.report import Problem, Report

# Reports of one part of the catalogue.
_BATCH = 10_000
# Files that also carry other things: met in a folder, one without any report is no refused report.
_MAY_BE_OTHER = {".csv", ".tsv", ".json", ".ndjson"}


def ingest_reports(
    archive: Archive, files: Iterable[Path], source: Path, on_file: Callable[[], None] = lambda: None
) -> dict[ReportIngestOutcome, int]:
    """Take the reports of files into the catalogue; can be interrupted at any point and run again.

    Args:
        archive: as `Archive.open_or_make` gives it.
        files: that may carry reports.
        source: where they were found: a folder, or the file itself, which is then taken for what it claims to be.
        on_file: called after each file.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """

    def read() -> Iterator[Report | Exclusion]:
        for path in files:
            yield from _read(path, source)
            on_file()

    with ingesting(archive):
        return take_reports(archive, read(), str(source))


def _read(path: Path, source: Path) -> Iterator[Report | Exclusion]:
    found = list(read_reports([path]))
    in_folder = path != source
    folder = f"{path.parent.relative_to(source).as_posix()}/" if in_folder and path.parent != source else ""
    if in_folder and path.suffix.lower() in _MAY_BE_OTHER and not any(isinstance(one, Report) for one in found):
        yield Exclusion(
            unit="file", key=folder + path.name, reason=ReportIngestOutcome.NO_REPORT, detail="a file without a report"
        )
        return
    for one in found:
        yield one if isinstance(one, Report) else _named(one, folder)


def _named(problem: Problem, folder: str) -> Exclusion:
    return Exclusion(
        unit="report", key=folder + problem.key, reason=ReportIngestOutcome.UNREADABLE, detail=problem.detail
    )


def take_reports(
    archive: Archive, reports: Iterable[Report | Exclusion], source: str
) -> dict[ReportIngestOutcome, int]:
    """Write reports that the catalogue does not know yet; the caller holds the archive's lock.

    A report is known when one with the same study, accession, patient, time, status and text is there, so the same
    report from several carriers counts once and a corrected one stands beside the one it corrects.
    """
    known = set(scan(archive, "reports").select("report_id").collect()["report_id"].to_list())
    counts = dict.fromkeys(ReportIngestOutcome, 0)
    for batch in _batches(reports):
        rows: list[dict[str, Any]] = []
        exclusions: list[Exclusion] = []
        for report in batch:
            counts[_take(report, known, rows, exclusions)] += 1
        append(archive, "exclusions", [{**asdict(one), "source": source} for one in exclusions])
        append(archive, "reports", [{**row, "source": source} for row in rows])
    return counts


def _take(
    report: Report | Exclusion, known: set[str], rows: list[dict[str, Any]], exclusions: list[Exclusion]
) -> ReportIngestOutcome:
    if isinstance(report, Exclusion):
        exclusions.append(report)
        return ReportIngestOutcome(report.reason.value)
    row = _row(report)
    if not report.text.strip():
        key = row["accession"] or row["study_uid"] or report.source or row["report_id"]
        exclusions.append(Exclusion(unit="report", key=key, reason=ReportIngestOutcome.EMPTY, detail="no text"))
        return ReportIngestOutcome.EMPTY
    if row["report_id"] in known:
        return ReportIngestOutcome.KNOWN
    known.add(row["report_id"])
    rows.append(row)
    return ReportIngestOutcome.STORED


def _row(report: Report) -> dict[str, Any]:
    study = _stated(report.study_uid)
    facts = {
        "study_uid": None if study is None else safe_uid(study),
        "accession": _stated(report.accession),
        "patient_id": _stated(report.patient_id),
        "filed_at": None if report.filed_at is None else report.filed_at.replace(tzinfo=None, microsecond=0),
        "report_status": report.report_status,
        "text": report.text,
    }
    digest = hashlib.sha256("\x1f".join(str(value) for value in facts.values()).encode("utf-8", "surrogatepass"))
    return {"report_id": digest.hexdigest()[:32], **facts, "names": "\n".join(report.names) or None}


def _stated(value: str | None) -> str | None:
    return (value or "").strip() or None


def _batches(reports: Iterable[Report | Exclusion]) -> Iterator[list[Report | Exclusion]]:
    stream = iter(reports)
    while batch := list(islice(stream, _BATCH)):
        yield batch
