"""Reports into the catalogue: each once, whichever carrier brought it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from prima.archive.intake import Exclusion
from prima.archive.layout import Archive
from prima.archive.outcome import ReportTaken
from prima.archive.tables import append, scan
from prima.dicom.scan import safe_uid

# Reports of one part of the catalogue.
_BATCH = 10_000


class CarriedReport(Protocol):
    """What a carrier says of a report; everything but the text may be unknown."""

    study_uid: str | None
    accession: str | None
    patient_id: str | None
    filed_at: datetime | None
    report_status: str
    text: str


@dataclass(frozen=True, kw_only=True)
class NotAReport:
    """A message, row or resource that a carrier holds and that cannot be read as a report."""

    key: str
    detail: str


def take_reports(
    archive: Archive, reports: Iterable[CarriedReport | NotAReport], source: str
) -> dict[ReportTaken, int]:
    """Write reports that the catalogue does not know yet; the caller holds the archive's lock.

    A report is known when one with the same study, accession, patient, time, status and text is there, so the same
    report from several carriers counts once and a corrected one stands beside the one it corrects.
    """
    known = set(scan(archive, "reports").select("report_id").collect()["report_id"].to_list())
    counts = dict.fromkeys(ReportTaken, 0)
    for batch in _batches(reports):
        rows: list[dict[str, Any]] = []
        exclusions: list[Exclusion] = []
        for report in batch:
            taken = _take(report, known, rows, exclusions)
            counts[taken] += 1
        append(archive, "exclusions", [{**asdict(one), "source": source} for one in exclusions])
        append(archive, "reports", [{**row, "source": source} for row in rows])
    return counts


def _take(
    report: CarriedReport | NotAReport, known: set[str], rows: list[dict[str, Any]], exclusions: list[Exclusion]
) -> ReportTaken:
    if isinstance(report, NotAReport):
        exclusions.append(Exclusion(unit="report", key=report.key, reason=ReportTaken.UNREADABLE, detail=report.detail))
        return ReportTaken.UNREADABLE
    row = _row(report)
    if not report.text.strip():
        key = row["accession"] or row["study_uid"] or row["report_id"]
        exclusions.append(Exclusion(unit="report", key=key, reason=ReportTaken.EMPTY, detail="no text"))
        return ReportTaken.EMPTY
    if row["report_id"] in known:
        return ReportTaken.KNOWN
    known.add(row["report_id"])
    rows.append(row)
    return ReportTaken.STORED


def _row(report: CarriedReport) -> dict[str, Any]:
    facts = {
        "study_uid": _stated(report.study_uid) and safe_uid(_stated(report.study_uid) or ""),
        "accession": _stated(report.accession),
        "patient_id": _stated(report.patient_id),
        "filed_at": None if report.filed_at is None else report.filed_at.replace(tzinfo=None),
        "report_status": report.report_status,
        "text": report.text,
    }
    digest = hashlib.sha256("\x1f".join(str(value) for value in facts.values()).encode("utf-8", "surrogatepass"))
    return {"report_id": digest.hexdigest()[:32], **facts}


def _stated(value: str | None) -> str | None:
    return (value or "").strip() or None


def _batches(reports: Iterable[CarriedReport | NotAReport]) -> Iterator[list[CarriedReport | NotAReport]]:
    stream = iter(reports)
    while batch := list(islice(stream, _BATCH)):
        yield batch
