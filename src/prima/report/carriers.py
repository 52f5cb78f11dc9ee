"""Reports from files and folders, whatever carried them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from prima.report.carrier_csv import reports_from_csv
from prima.report.carrier_fhir import reports_from_fhir
from prima.report.carrier_hl7 import reports_from_hl7
from prima.report.report import Problem, Report

SUFFIXES = (".csv", ".tsv", ".hl7", ".oru", ".mdm", ".json", ".ndjson")
"""What a folder is searched for."""


def read_reports(paths: Iterable[Path]) -> Iterator[Report | Problem]:
    """The reports of files, and of folders searched to any depth, in the order of their names.

    What is no report comes as a `Problem` that names the place; nothing is left out in silence.
    """
    for path in paths:
        if path.is_dir():
            inside = sorted(part for part in path.rglob("*") if part.suffix.lower() in SUFFIXES and part.is_file())
            for part in inside:
                yield from _read(part, part.relative_to(path).as_posix())
        else:
            yield from _read(path, path.name)


def _read(path: Path, name: str) -> Iterator[Report | Problem]:
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        yield Problem(key=name, found=reason, expected="a file that can be read", remedy="check its permissions")
        return
    yield from reports_from(data, name)


def reports_from(data: bytes, name: str) -> Iterator[Report | Problem]:
    """The reports of one file; its content tells the carrier, not its name.

    Example:
        >>> [type(one).__name__ for one in reports_from(b"report\\nNo mass.\\n", "a.txt")]
        ['Report']
    """
    head = data[:4096].lstrip(b"\xef\xbb\xbf\x0b \t\r\n")
    if head.startswith((b"MSH", b"FHS", b"BHS")) or Path(name).suffix.lower() in (".hl7", ".oru", ".mdm"):
        yield from reports_from_hl7(data, name)
    elif head.startswith((b"{", b"[")) or Path(name).suffix.lower() in (".json", ".ndjson"):
        yield from reports_from_fhir(data, name)
    else:
        yield from reports_from_csv(data, name)
