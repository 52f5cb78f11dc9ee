"""Reports from CSV (RFC 4180), as information systems export them: a header, and a report a row, a section or a line.

Rows of one report are joined by a column of line numbers or of sections; rows that nothing tells apart are refused.
Whether 12/11 is in November or December is found from the whole column or told, and asked for where neither helps.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from prima.report.carriers.csv_columns import Columns, columns_of
from prima.report.carriers.csv_table import CsvDamage, CsvRow, RowStore, row_store, rows_in
from prima.report.carriers.moment import is_time, order_of, read_moment
from prima.report.carriers.parts import ReportPart, joined, without_copies
from prima.report.carriers.people import plain_name
from prima.report.carriers.plain_text import plain_text
from prima.report.carriers.status import VOID, least_final, status_of_words
from prima.report.report import Problem, Report, ReportNumber, ReportStatus
from prima.report.sections import section_named

_IDENTITY = ("study_uid", "accession", "patient_id", "report", "adds_to")
_ASKED = "state --day-first or --month-first, or write dates as 2024-11-12"


@dataclass(frozen=True)
class _Dates:
    """How the dates of a table are read."""

    columns: Columns
    day_first: bool | None

    def stated(self, values: Sequence[str]) -> str:
        """The date and time of a row as written; from two columns where one has only the time."""
        stated = self.columns.value(values, "filed_at")
        further = [values[index].strip() for index in self.columns.times if index != self.columns.fields["filed_at"]]
        if is_time(stated):
            day = next((value for value in further if value and not is_time(value)), "")
            return f"{day} {stated}" if day else stated
        clock = next((value for value in further if is_time(value)), "")
        return f"{stated} {clock}" if stated and clock and ":" not in stated else stated

    def read(self, stated: str) -> datetime | None:
        return read_moment(stated, day_first=self.day_first)


def reports_from_csv(
    source: bytes | Callable[[], BinaryIO], name: str, *, day_first: bool | None = None
) -> Iterator[Report | Problem]:
    """The reports of a CSV file in the order of its rows; memory holds the rows of one report.

    Args:
        source: the file, or what opens it from its beginning, in UTF-8, UTF-16 with a mark, or else Windows-1252;
            separated by comma, semicolon, tab or bar.
        name: what to call the file.
        day_first: whether 12/11/2024 is the twelfth of November; None: the column has to show it.

    Raises:
        OSError: the file cannot be read, or the disk for temporary files is full.

    Example:
        >>> list(reports_from_csv(b"MRN,Report\\n7,No mass.\\n", "a.csv"))[0].text
        'No mass.'
    """
    rows = rows_in((lambda: io.BytesIO(source)) if isinstance(source, bytes) else source)
    try:
        header = next(rows, None)
    except CsvDamage as error:
        yield _unread(error, name)
        return
    if header is None:
        yield _problem(name, "an empty file", "a header and rows", "export it again", may_be_other=True)
        return
    columns = columns_of(header.values)
    if not columns.text:
        yield _problem(
            name,
            f"a first line of {len(header.values)} fields, none called as the text of a report",
            "a header with a column report (or text, findings, impression, narrative)",
            "add a header line or rename the column",
            may_be_other=True,
        )
        return
    with row_store() as store:
        damage = _keep(rows, store, columns)
        dates = _dates(store, columns, name, day_first)
        is_empty = damage is None
        for group in store.groups():
            is_empty = False
            if len(group) == 1 and len(group[0].values) != columns.num_fields:
                yield _other_width(group[0], columns, name)
            elif isinstance(dates, _Dates):
                yield from _reports_of(group, columns, dates, name)
    if is_empty:
        yield _problem(name, "a header without rows", "a header and rows", "export it again", may_be_other=True)
    if damage is not None:
        yield _unread(damage, name)
    if isinstance(dates, Problem):
        yield dates


def _keep(rows: Iterator[CsvRow], store: RowStore, columns: Columns) -> CsvDamage | None:
    """Keep the rows by what they are of, and say what ends them before the end of the file."""
    dates = _Dates(columns, None)
    try:
        for row in rows:
            if len(row.values) != columns.num_fields:
                store.add(row, (str(row.line),), "")
                continue
            identity = tuple(columns.value(row.values, field) for field in _IDENTITY)
            is_named = any(identity[:2]) or identity[3] or identity[4]
            moment = dates.stated(row.values) if "filed_at" in columns.fields else ""
            store.add(row, identity if is_named else (*identity, str(row.line)), moment)
    except CsvDamage as error:
        return error
    return None


def _unread(damage: CsvDamage, name: str) -> Problem:
    return _problem(
        f"{name}: from line {damage.line}",
        str(damage),
        "RFC 4180: a quoted field ends with its quotation mark",
        "the rest of the file is not read; export it again",
    )


def _other_width(row: CsvRow, columns: Columns, name: str) -> Problem:
    return _problem(
        f"{name}: line {row.line}",
        f"{len(row.values)} fields",
        f"{columns.num_fields}, as in the header",
        "quote fields that hold the separator or a line feed",
    )


def _dates(store: RowStore, columns: Columns, name: str, day_first: bool | None) -> _Dates | Problem:
    """How the dates of a column are read; a problem where the column does not show it and nobody said it."""
    if "filed_at" not in columns.fields:
        return _Dates(columns, day_first)
    order = order_of(store.moments(), day_first=day_first)
    if order == "either":
        return _problem(
            name, "dates such as 12/11 that may be day or month first", "an order that can be known", _ASKED
        )
    if order == "mixed":
        return _problem(name, "dates with the day first and with the month first", "one order a column", _ASKED)
    return _Dates(columns, order == "day first")


def _reports_of(rows: list[CsvRow], columns: Columns, dates: _Dates, name: str) -> Iterator[Report | Problem]:
    """The reports whose rows share study, patient and number."""
    for group in sorted(_versions(rows, columns, dates), key=lambda version: min(row.line for row in version)):
        if len(group) == 1 or "line" in columns.fields or "section" in columns.fields:
            yield _report(_in_order(group, columns), columns, dates, name)
        else:
            yield _not_told_apart(group, name)


def _versions(rows: list[CsvRow], columns: Columns, dates: _Dates) -> list[list[CsvRow]]:
    """Rows of one version of a report together, where a line comes twice."""
    if len(rows) == 1 or _numbers_once(rows, columns):
        return [rows]
    versions: dict[tuple[str, str], list[CsvRow]] = {}
    for row in rows:
        version = (dates.stated(row.values), columns.value(row.values, "status").lower())
        versions.setdefault(version, []).append(row)
    groups: list[list[CsvRow]] = []
    for rows_of_version in versions.values():
        groups += [rows_of_version] if _numbers_once(rows_of_version, columns) else _unlike(rows_of_version)
    return groups


def _unlike(rows: Sequence[CsvRow]) -> list[list[CsvRow]]:
    """Rows of one version without those that are copies of another."""
    first: dict[tuple[str, ...], CsvRow] = {}
    for row in rows:
        first.setdefault(tuple(value.strip() for value in row.values), row)
    return [list(first.values())]


def _numbers_once(rows: Sequence[CsvRow], columns: Columns) -> bool:
    """Whether rows are the lines, or the sections, of one report, each once."""
    fields = [field for field in ("section", "line") if field in columns.fields]
    places = [tuple(columns.value(row.values, field).lower() for field in fields) for row in rows]
    lines = [columns.value(row.values, "line") for row in rows] if "line" in fields else []
    return bool(fields) and all(map(all, places)) and len(set(places)) == len(places) and all(map(_is_number, lines))


def _in_order(rows: Sequence[CsvRow], columns: Columns) -> list[CsvRow]:
    """By line number; where each section counts its own lines, section by section as they first come."""
    lines = [columns.value(row.values, "line") for row in rows]
    if not all(map(_is_number, lines)):
        return list(rows)
    sections: dict[str, int] = {}
    counts_own = len(set(lines)) < len(lines)
    keys = []
    for row, line in zip(rows, lines, strict=True):
        section = sections.setdefault(columns.value(row.values, "section").lower(), len(sections))
        keys.append((section if counts_own else 0, float(line), row.line))
    return [row for _, row in sorted(zip(keys, rows, strict=True), key=lambda pair: pair[0])]


def _is_number(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 12


def _not_told_apart(rows: Sequence[CsvRow], name: str) -> Problem:
    return _problem(
        f"{name}: line {rows[0].line}",
        f"{len(rows)} rows of one study that nothing tells apart",
        "a row a report, or a column line or section, or times of report",
        "add the column, or join the rows",
    )


def _report(rows: Sequence[CsvRow], columns: Columns, dates: _Dates, name: str) -> Report | Problem:
    """One report of its rows, in their order."""
    source = f"{name}: line {rows[0].line}"
    if len(rows) > 1 and not _numbers_once(rows, columns):
        return _not_told_apart(rows, name)
    status: ReportStatus = "final"
    if "status" in columns.fields:
        status = least_final(status_of_words(columns.value(row.values, "status")) for row in rows)
    moments: list[datetime] = []
    for row in rows:
        stated = dates.stated(row.values) if "filed_at" in columns.fields else ""
        moment = dates.read(stated)
        if moment is not None:
            moments.append(moment)
        elif stated:
            found = "a date of report that cannot be read"
            return _problem(f"{name}: line {row.line}", found, "a date as in the other rows", "correct the date")
    try:
        text = _text_of(rows, columns)
    except ValueError as error:
        return _problem(source, str(error), "text, HTML or RTF", "export plain text")
    first = rows[0].values
    return Report(
        text="" if status in VOID else text,
        study_uid=columns.value(first, "study_uid") or None,
        accession=columns.value(first, "accession") or None,
        patient_id=columns.value(first, "patient_id") or None,
        filed_at=max(moments, default=None),
        report_status=status,
        source=source,
        names=tuple(dict.fromkeys(filter(None, (columns.value(first, "name"), *_people(rows, columns))))),
        numbers=_numbers(columns.value(first, "report")),
        adds_to=_numbers(columns.value(first, "adds_to")),
    )


def _text_of(rows: Sequence[CsvRow], columns: Columns) -> str:
    if "section" in columns.fields:
        parts: list[tuple[str, list[str]]] = []
        for row in rows:
            section = columns.value(row.values, "section")
            if not parts or parts[-1][0] != section:
                parts.append((section, []))
            parts[-1][1].extend(row.values[index] for index, _ in columns.text)
        return joined(ReportPart(plain_text("\n".join(lines)), section_named(section)) for section, lines in parts)
    whole = (("\n".join(row.values[index] for row in rows), section) for index, section in columns.text)
    return joined(without_copies(ReportPart(plain_text(text), section) for text, section in whole))


def _people(rows: Sequence[CsvRow], columns: Columns) -> Iterator[str]:
    """Who is named in columns of their own; several persons in a cell are told apart by semicolons and the like."""
    for row in rows:
        for index in columns.people:
            yield from map(plain_name, re.split(r"[;|/&\n]", row.values[index][:1000]))


def _numbers(value: str) -> tuple[ReportNumber, ...]:
    return (ReportNumber("document", value),) if value else ()


def _problem(key: str, found: str, expected: str, remedy: str, *, may_be_other: bool = False) -> Problem:
    return Problem(key=key, found=found, expected=expected, remedy=remedy, may_be_other=may_be_other)
