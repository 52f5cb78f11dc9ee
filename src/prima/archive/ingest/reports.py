"""Reports into the catalogue: each once, whichever carrier brought it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prima.archive.ingest.copies import KnownReports
from prima.archive.ingest.intake import Exclusion
from prima.archive.ingest.received import append_reports
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import ReportIngestOutcome
from prima.archive.store.tables import append
from prima.archive.store.writing import ingesting
from prima.dicom.header.scan import safe_uid
from prima.report.carriers.files import read_reports
from prima.report.carriers.status import VOID
from prima.report.report import Problem, Report, lines_of_numbers

# Reports of one part of the catalogue, and letters of them.
_BATCH = 10_000
_BATCH_CHARACTERS = 1 << 25
_OUTCOMES = {
    "preliminary": ReportIngestOutcome.PRELIMINARY,
    "unknown": ReportIngestOutcome.UNKNOWN_STATUS,
    "cancelled": ReportIngestOutcome.CANCELLED,
    "withdrawn": ReportIngestOutcome.WITHDRAWN,
    "entered_in_error": ReportIngestOutcome.ENTERED_IN_ERROR,
}


def ingest_reports(
    archive: Archive,
    files: Iterable[Path],
    source: Path,
    on_file: Callable[[], None] = lambda: None,
    *,
    day_first: bool | None = None,
    name: str | None = None,
) -> dict[ReportIngestOutcome, int]:
    """Take the reports of files into the catalogue; can be interrupted at any point and run again.

    Args:
        archive: as `Archive.open_or_make` gives it.
        files: that may carry reports.
        source: where they were found: a folder, or the file itself, which is then taken for what it claims to be.
        on_file: called after each file.
        day_first: how tables write dates such as 12/11/2024; None: their columns have to show it.
        name: of the source in the catalogue; its path unless told otherwise.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """

    def read() -> Iterator[Report | Exclusion]:
        for path in files:
            yield from _read(path, source, day_first)
            on_file()

    with ingesting(archive):
        return take_reports(archive, read(), name or str(source))


def _read(path: Path, source: Path, day_first: bool | None) -> Iterator[Report | Exclusion]:
    in_folder = path != source
    folder = f"{path.parent.relative_to(source).as_posix()}/" if in_folder and path.parent != source else ""
    may_be_other: list[Problem] = []
    is_other = in_folder
    for found in read_reports([path], day_first=day_first):
        if is_other and isinstance(found, Problem) and found.may_be_other:
            may_be_other.append(found)
            continue
        is_other = False
        yield from (_named(problem, folder) for problem in may_be_other)
        may_be_other.clear()
        yield found if isinstance(found, Report) else _named(found, folder)
    if is_other:
        yield Exclusion(
            unit="file", key=folder + path.name, reason=ReportIngestOutcome.NO_REPORT, detail="a file without a report"
        )


def _named(problem: Problem, folder: str) -> Exclusion:
    return Exclusion(
        unit="report", key=folder + problem.key, reason=ReportIngestOutcome.UNREADABLE, detail=problem.detail
    )


def take_reports(
    archive: Archive, reports: Iterable[Report | Exclusion], source: str
) -> dict[ReportIngestOutcome, int]:
    """Write reports that the catalogue does not know yet; the caller holds the archive's lock.

    A report is known when one with the same status, text, study and time is there (`ingest.copies` says what counts as
    the same), so a report counts once from however many carriers, and a corrected one stands beside the one it
    corrects. What was cancelled, withdrawn or entered in error is kept without its text, and takes back what came
    before.
    """
    known = KnownReports(archive)
    counts = dict.fromkeys(ReportIngestOutcome, 0)
    for batch in _batches(reports):
        rows: dict[str, dict[str, Any]] = {}
        exclusions: list[Exclusion] = []
        for report in batch:
            counts[_take(report, known, rows, exclusions)] += 1
        append(archive, "exclusions", [{**asdict(exclusion), "source": source} for exclusion in exclusions])
        append_reports(archive, [{**row, "source": source} for row in rows.values()])
    return counts


def _take(
    report: Report | Exclusion, known: KnownReports, rows: dict[str, dict[str, Any]], exclusions: list[Exclusion]
) -> ReportIngestOutcome:
    if isinstance(report, Exclusion):
        exclusions.append(report)
        return ReportIngestOutcome(report.reason.value)
    row = _row(report)
    key = row["accession"] or row["study_uid"] or report.source or "report"
    if report.report_status == "superseded":
        outcome = ReportIngestOutcome.SUPERSEDED
        exclusions.append(Exclusion(unit="report", key=key, reason=outcome, detail="its carrier calls it superseded"))
        return outcome
    if report.report_status not in VOID and not any(map(str.isalpha, report.text)):
        exclusions.append(Exclusion(unit="report", key=key, reason=ReportIngestOutcome.EMPTY, detail="no text"))
        return ReportIngestOutcome.EMPTY
    stored, is_new = known.take(row)
    if stored is not None:
        rows[stored["report_id"]] = stored
    return _OUTCOMES.get(report.report_status, ReportIngestOutcome.STORED) if is_new else ReportIngestOutcome.KNOWN


def _row(report: Report) -> dict[str, Any]:
    study = _stated(report.study_uid)
    return {
        "study_uid": None if study is None else safe_uid(study),
        "accession": _stated(report.accession),
        "patient_id": _stated(report.patient_id),
        "filed_at": None if report.filed_at is None else report.filed_at.replace(tzinfo=None, microsecond=0),
        "report_status": report.report_status,
        "text": report.text,
        "names": "\n".join(report.names) or None,
        "numbers": lines_of_numbers(report.numbers),
        "adds_to": lines_of_numbers(report.adds_to),
    }


def _stated(value: str | None) -> str | None:
    return (value or "").strip() or None


def _batches(reports: Iterable[Report | Exclusion]) -> Iterator[list[Report | Exclusion]]:
    batch: list[Report | Exclusion] = []
    num_characters = 0
    for report in reports:
        batch.append(report)
        num_characters += len(report.text) if isinstance(report, Report) else 0
        if len(batch) == _BATCH or num_characters >= _BATCH_CHARACTERS:
            yield batch
            batch, num_characters = [], 0
    if batch:
        yield batch
