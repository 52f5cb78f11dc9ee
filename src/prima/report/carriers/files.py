"""Reports from files and folders, whatever carried them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

from prima.files.durable import DISK_FULL
from prima.report.carriers.csv_rows import reports_from_csv
from prima.report.carriers.fhir_reports import reports_from_fhir
from prima.report.carriers.hl7_reports import reports_from_hl7
from prima.report.report import Problem, Report, ReportStatus
from prima.report.sections import is_whole_report, opening_section

SUFFIXES = (".csv", ".tsv", ".hl7", ".oru", ".mdm", ".json", ".ndjson")
"""What a folder is searched for."""

Carrier = Literal["HL7", "FHIR", "CSV"]
_HEAD = 4096
# What Python raises where a value is not what a carrier promises: a bug in a reader ends one file and not a run.
_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RecursionError)


def read_reports(paths: Iterable[Path], *, day_first: bool | None = None) -> Iterator[Report | Problem]:
    """The reports of files, and of folders searched to any depth, in the order of their names.

    What is no report comes as a `Problem` that names the place; nothing is left out in silence.

    Args:
        paths: files or folders.
        day_first: how tables write dates such as 12/11/2024; None: their columns have to show it.
    """
    for path in paths:
        if path.is_dir():
            inside = sorted(part for part in path.rglob("*") if part.suffix.lower() in SUFFIXES and part.is_file())
            for part in inside:
                yield from _read(part, part.relative_to(path).as_posix(), day_first)
        else:
            yield from _read(path, path.name, day_first)


def _read(path: Path, name: str, day_first: bool | None) -> Iterator[Report | Problem]:
    found = "no regular file"
    try:
        if path.is_file() or not path.exists():
            with path.open("rb") as file:
                head = file.read(_HEAD)
            yield from _reports(_carrier(head, name), lambda: path.open("rb"), name, day_first)
            return
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        found = error.strerror or type(error).__name__
    yield Problem(key=name, found=found, expected="a file that can be read", remedy="check its permissions")


def reports_from(data: bytes, name: str, *, day_first: bool | None = None) -> Iterator[Report | Problem]:
    """The reports of one file; its content tells the carrier, not its name.

    A report that names what it adds to is an addendum, whatever its status says; where that is only an order, its text
    has to begin as an addendum. One that has findings or an impression of its own is the whole report with what was
    added: corrected.

    Args:
        data: the file.
        name: what to call it.
        day_first: as for `read_reports`.

    Example:
        >>> [type(found).__name__ for found in reports_from(b"report\\nNo mass.\\n", "a.txt")]
        ['Report']
    """
    yield from _reports(_carrier(data[:_HEAD], name), partial(BytesIO, data), name, day_first)


def _reports(
    carrier: Carrier, opened: Callable[[], BinaryIO], name: str, day_first: bool | None
) -> Iterator[Report | Problem]:
    try:
        for found in _as_carried(carrier, opened, name, day_first):
            yield found if isinstance(found, Problem) else _with_its_status(found)
    except _DAMAGE as error:
        yield Problem(
            key=name,
            found=f"damage that no reader knows ({type(error).__name__})",
            expected="HL7 v2, FHIR R4 or CSV",
            remedy="the rest of the file is not read; export it again, and tell us",
        )


def _with_its_status(report: Report) -> Report:
    """A report that is an addendum, or a whole report with what was added, as such; other reports add to nothing."""
    by_document = any(number.kind == "document" for number in report.adds_to)
    names_its_parent = by_document or (bool(report.adds_to) and opening_section(report.text) == "addendum")
    if report.report_status == "addendum" or (report.report_status == "final" and names_its_parent):
        if not is_whole_report(report.text):
            return replace(report, report_status="addendum")
        status: ReportStatus = "corrected" if report.report_status == "addendum" or by_document else "final"
        return replace(report, report_status=status, adds_to=())
    return replace(report, adds_to=()) if report.adds_to else report


def _carrier(head: bytes, name: str) -> Carrier:
    """What the beginning of a file says it is, else its name."""
    head = head.lstrip(b"\xef\xbb\xbf\x0b \t\r\n")
    if head.startswith((b"MSH", b"FHS", b"BHS")) or Path(name).suffix.lower() in (".hl7", ".oru", ".mdm"):
        return "HL7"
    if head.startswith((b"{", b"[")) or Path(name).suffix.lower() in (".json", ".ndjson"):
        return "FHIR"
    return "CSV"


def _as_carried(
    carrier: Carrier, opened: Callable[[], BinaryIO], name: str, day_first: bool | None
) -> Iterator[Report | Problem]:
    if carrier == "CSV":
        yield from reports_from_csv(opened, name, day_first=day_first)
        return
    with opened() as file:
        data = file.read()
    yield from (reports_from_hl7 if carrier == "HL7" else reports_from_fhir)(data, name)
