"""Reports from CSV (RFC 4180), as information systems export them: a header, and a report a row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from prima.report.moment import read_moment
from prima.report.report import Problem, Report, ReportStatus, clean

_NAMES: dict[str, tuple[str, ...]] = {
    "text": (
        *("report", "reporttext", "text", "fulltext", "narrative", "body", "reportbody", "radiologyreport"),
        *("resulttext", "result", "content", "note", "notetext", "findings", "impression"),
    ),
    "study_uid": ("studyuid", "studyinstanceuid", "siuid", "dicomstudyuid"),
    "accession": ("accession", "accessionnumber", "accessionno", "acc", "accnum", "ordernumber"),
    "patient_id": ("patientid", "mrn", "patient", "patientmrn", "medicalrecordnumber", "pid"),
    "filed_at": (
        *("reporttime", "filedat", "reported", "reportdatetime", "reportdate", "finalizedat", "signedat", "finaldate"),
        *("resulttime", "resultdate", "datetime", "date"),
    ),
    "status": ("status", "reportstatus", "resultstatus"),
}
_STATUS: dict[str, ReportStatus] = {
    **dict.fromkeys(("p", "preliminary", "prelim", "draft", "partial", "wetread"), "preliminary"),
    **dict.fromkeys(("c", "corrected", "amended", "addended", "addendum", "appended", "revised"), "corrected"),
}
_LONGEST_FIELD = 1 << 27


def status_of(stated: str | None) -> ReportStatus:
    """What a stated status amounts to.

    Example:
        >>> status_of("F"), status_of("Prelim"), status_of("amended"), status_of(None)
        ('final', 'preliminary', 'corrected', 'final')
    """
    return _STATUS.get(re.sub(r"[^a-z]", "", (stated or "").lower()), "final")


def reports_from_csv(data: bytes, name: str) -> Iterator[Report | Problem]:
    """The reports of a CSV file in the order of its rows.

    Args:
        data: the file, in UTF-8, UTF-16 with a mark, or else Windows-1252; separated by comma, semicolon, tab or bar.
        name: what to call the file.

    Example:
        >>> list(reports_from_csv(b"MRN,Report\\n7,No mass.\\n", "a.csv"))[0].text
        'No mass.'
    """
    text = _decoded(data)
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t|", key=first.count)
    csv.field_size_limit(_LONGEST_FIELD)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: dict[str, int] = {}
    width = num_rows = 0
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            yield Problem(
                key=f"{name}: from line {line}",
                found=f"broken quoting ({error})",
                expected="RFC 4180: a quoted field ends with its quotation mark",
                remedy="the rest of the file is not read; export it again",
            )
            return
        if not any(field.strip() for field in row):
            continue
        if not columns:
            columns, width = _columns(row), len(row)
            if "text" not in columns:
                yield _no_text_column(name, row)
                return
            continue
        num_rows += 1
        if len(row) != width:
            yield Problem(
                key=f"{name}: line {line}",
                found=f"{len(row)} fields",
                expected=f"{width}, as in the header",
                remedy="quote fields that hold the separator or a line feed",
            )
        else:
            yield _report(row, columns, f"{name}: line {line}")
    if not num_rows:
        found = "a header without rows" if columns else "an empty file"
        yield Problem(key=name, found=found, expected="a header and rows", remedy="export it again")


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").replace("\x00", "")
    try:
        return data.decode("utf-8-sig").replace("\x00", "")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace").replace("\x00", "")


def _columns(header: Sequence[str]) -> dict[str, int]:
    plain = [re.sub(r"[^a-z]", "", title.lower()) for title in header]
    found: dict[str, int] = {}
    for field, names in _NAMES.items():
        at = next((plain.index(title) for title in names if title in plain), None)
        if at is not None:
            found[field] = at
    return found


def _no_text_column(name: str, header: Sequence[str]) -> Problem:
    return Problem(
        key=name,
        found=f"a first line of {len(header)} fields, none called as the text of a report",
        expected="a header with a column report (or text, report_text, narrative)",
        remedy="add a header line or rename the column",
    )


def _report(row: Sequence[str], columns: dict[str, int], source: str) -> Report:
    def value(field: str) -> str | None:
        return (row[columns[field]].strip() or None) if field in columns else None

    return Report(
        text=clean(row[columns["text"]]),
        study_uid=value("study_uid"),
        accession=value("accession"),
        patient_id=value("patient_id"),
        filed_at=read_moment(value("filed_at")),
        report_status=status_of(value("status")),
        source=source,
    )
