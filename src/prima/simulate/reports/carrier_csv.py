"""Reports as one CSV file, as a radiology information system exports them (RFC 4180, UTF-8)."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from prima.simulate.reports.filed import Filed

COLUMNS = (
    *("accession", "patient_id", "study_uid", "description", "patient_class"),
    *("study_time", "report_time", "status", "writer", "report"),
)


def write_csv(filed: Iterable[Filed], folder: Path) -> Path:
    """Writes `reports.csv` and returns its path. Line feeds stay inside the quoted field."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "reports.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for case, report in filed:
            visit = case.visit
            times = (visit.scanned.isoformat(timespec="seconds"), visit.reported.isoformat(timespec="seconds"))
            about = (case.accession, case.person.patient_id, case.study_uid, visit.description, visit.patient_class)
            rows.writerow((*about, *times, "final", report.writer, report.text))
    return path
