"""Reports from files and folders, whatever carried them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from prima.report.carriers.csv_rows import reports_from_csv
from prima.report.carriers.fhir_reports import reports_from_fhir
from prima.report.carriers.hl7_reports import reports_from_hl7
from prima.report.report import Problem, Report, ReportStatus
from prima.report.sections import is_whole_report, opening_section

SUFFIXES = (".csv", ".tsv", ".hl7", ".oru", ".mdm", ".json", ".ndjson")
"""What a folder is searched for."""

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
        data = path.read_bytes() if path.is_file() or not path.exists() else None
    except OSError as error:
        data, found = None, error.strerror or type(error).__name__
    if data is None:
        yield Problem(key=name, found=found, expected="a file that can be read", remedy="check its permissions")
        return
    yield from reports_from(data, name, day_first=day_first)


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
    try:
        for found in _read_carrier(data, name, day_first):
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


def _read_carrier(data: bytes, name: str, day_first: bool | None) -> Iterator[Report | Problem]:
    head = data[:4096].lstrip(b"\xef\xbb\xbf\x0b \t\r\n")
    if head.startswith((b"MSH", b"FHS", b"BHS")) or Path(name).suffix.lower() in (".hl7", ".oru", ".mdm"):
        yield from reports_from_hl7(data, name)
    elif head.startswith((b"{", b"[")) or Path(name).suffix.lower() in (".json", ".ndjson"):
        yield from reports_from_fhir(data, name)
    else:
        yield from reports_from_csv(data, name, day_first=day_first)
