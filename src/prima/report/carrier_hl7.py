"""Reports from HL7 v2 messages (ORU^R01, MDM^T02 and their like), one or many in a file, framed or not.

Each OBR with text is a report: its OBX segments of type TX, FT or ST, joined by line feeds. The study is taken from an
OBX 113014 (DICOM Study) or 110180 (Study Instance UID), or a ZDS segment; the accession from OBR-18, OBR-3, OBR-2 or
ORC-3 (HL7 v2.5.1; IHE RAD TF-2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prima.files.optional import require
from prima.report.carrier_csv import status_of
from prima.report.moment import read_moment
from prima.report.report import Problem, Report, clean

_START = re.compile(rb"(?:\A|(?<=[\r\n\x0b\x1c]))[\x0b ]*(?=MSH[^A-Za-z0-9\s])")
_CHARSETS = {"": "utf-8", "UNICODE UTF-8": "utf-8", "UNICODE": "utf-8", "ASCII": "utf-8", "8859/1": "latin-1"}
_TEXT = ("TX", "FT", "ST", "CE", "CWE")
_ESCAPE = re.compile(r"\\([^\\\r\n]{1,40})\\")
_NAMED = {"F": 0, "S": 1, "R": 2, "E": 3, "T": 4}


@dataclass
class _Order:
    """What the segments of one OBR say."""

    accession: str | None = None
    filed_at: str | None = None
    status: str | None = None
    study_uid: str | None = None
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def reports_from_hl7(data: bytes, name: str) -> Iterator[Report | Problem]:
    """The reports of a file of messages, in its order.

    Example:
        >>> message = b"MSH|^~\\\\&|RIS||||20240101||ORU^R01|1|P|2.5\\rOBR|1||A7\\rOBX|1|TX|x||5 mm \\\\F\\\\ mass\\r"
        >>> [(report.accession, report.text) for report in reports_from_hl7(message, "a.hl7")]
        [('A7', '5 mm | mass')]
    """
    starts = list(dict.fromkeys(hit.end() for hit in _START.finditer(data)))
    if not starts:
        found = "an empty file" if not data.strip() else "no segment MSH"
        yield _problem(name, found, "HL7 v2 messages that begin with MSH", "leave the file out")
        return
    if data[: starts[0]].strip(b"\r\n\x0b\x1c ") and not data[: starts[0]].lstrip().startswith((b"FHS", b"BHS")):
        yield _problem(name, f"{starts[0]} bytes before the first MSH", "a message", "they are not read")
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(data)], strict=True), 1):
        yield from _reports_of(data[start:end], f"{name}: message {number}")


def _reports_of(data: bytes, key: str) -> Iterator[Report | Problem]:
    require("hl7", "reading HL7", extra="archive")
    import hl7

    text = _decoded(data)
    lines = [line for line in re.split(r"[\r\n]+", text.replace("\x0b", "").replace("\x1c", "")) if line.strip()]
    try:
        parse: Callable[[str], Any] = hl7.parse
        message = parse("\r".join(lines) + "\r")
        kind = _first(message.segment("MSH"), 9, whole=True)
    except (hl7.HL7Exception, IndexError, KeyError, ValueError) as error:
        yield _problem(key, f"a header that cannot be read ({type(error).__name__})", "MSH|^~\\&|…", "send it again")
        return
    marks = f"{message.separators[1]}{message.separators[3]}{message.separators[2]}{message.esc}{message.separators[4]}"
    if not kind.startswith(("ORU", "MDM")):
        shown = kind if re.fullmatch(r"[A-Z]{3}(\W[A-Z0-9_^]{0,20})?", kind) else "another message type"
        yield _problem(key, shown, "ORU^R01 or MDM^T02", "leave it out: it carries no report")
        return
    yield from _reports_in(message, marks, key)


def _reports_in(message: Any, marks: str, key: str) -> Iterator[Report | Problem]:
    patient: str | None = None
    common, orders, others = _Order(), list[_Order](), 0
    for segment in message:
        kind = _first(segment, 0)
        order = orders[-1] if orders else common
        if kind == "PID":
            patient = _patient(segment, marks)
        elif kind == "ORC":
            common.accession = _first(segment, 3) or _first(segment, 2)
        elif kind in ("OBR", "TXA"):
            orders.append(_order(segment, kind, common.accession))
        elif kind == "ZDS":
            order.study_uid = _first(segment, 1) or order.study_uid
        elif kind == "NTE":
            order.notes += _values(segment, 3, marks)
        elif kind == "OBX":
            others += _observe(segment, order, marks)
    for order in orders or [common]:
        order.study_uid = order.study_uid or common.study_uid
    told = [order for order in orders or [common] if order.lines or order.notes]
    if not told:
        found = f"no text ({others} OBX of another type)" if others else "no OBX with text"
        yield _problem(key, found, "OBX segments of type TX, FT or ST", "ask the sender for the text of the report")
    for order in told:
        yield Report(
            text=clean("\n".join(order.lines or order.notes)),
            study_uid=order.study_uid,
            accession=_unescaped(order.accession or "", marks) or None,
            patient_id=patient,
            filed_at=read_moment(order.filed_at),
            report_status=status_of(order.status),
            source=key,
        )


def _order(segment: Any, kind: str, accession: str | None) -> _Order:
    if kind == "TXA":
        return _Order(
            accession=accession or _first(segment, 15), filed_at=_first(segment, 6), status=_first(segment, 17)
        )
    return _Order(
        accession=_first(segment, 18) or _first(segment, 3) or _first(segment, 2) or accession,
        filed_at=_first(segment, 22) or _first(segment, 14) or _first(segment, 7),
        status=_first(segment, 25),
    )


def _observe(segment: Any, order: _Order, marks: str) -> int:
    """Takes what an OBX says; 1 when it holds something that is neither text nor the study."""
    code, kind = _first(segment, 3), _first(segment, 2)
    if code in ("113014", "110180"):
        order.study_uid = _first(segment, 5) or order.study_uid
    elif kind in _TEXT or not kind:
        order.lines += _values(segment, 5, marks)
    else:
        return 1
    return 0


def _patient(segment: Any, marks: str) -> str | None:
    """PID-3: of several identifiers the one of type MR, else the first."""
    repeats = [str(part).split(marks[1]) for part in _whole(segment, 3).split(marks[2])]
    numbers = [parts for parts in repeats if parts and parts[0].strip()]
    chosen = next((parts for parts in numbers if len(parts) > 4 and parts[4] == "MR"), numbers[0] if numbers else None)
    return _unescaped(chosen[0].strip(), marks) if chosen else None


def _whole(segment: Any, at: int) -> str:
    """A field as it stands in the message; empty when there is none."""
    try:
        return str(segment[at])
    except (IndexError, KeyError):
        return ""


def _first(segment: Any, at: int, *, whole: bool = False) -> str:
    """A field, or its first component."""
    text = _whole(segment, at).strip()
    return text if whole else re.split(r"[\^~&]", text, maxsplit=1)[0].strip()


def _values(segment: Any, at: int, marks: str) -> list[str]:
    return [_unescaped(part, marks) for part in _whole(segment, at).split(marks[2])]


def _unescaped(text: str, marks: str) -> str:
    """A value with HL7's escape sequences resolved (HL7 v2.5.1, 2.7); those it does not know stay as they are."""
    if "\\" not in text:
        return text

    def plain(found: re.Match[str]) -> str:
        code = found[1]
        if code in _NAMED:
            return marks[_NAMED[code]]
        if code.startswith((".br", ".sp", ".ce")):
            return "\n" * max(1, int(re.sub(r"\D", "", code[3:]) or 1) if len(code) < 8 else 1)
        if code in ("H", "N") or code.startswith((".in", ".ti", ".fi", ".nf", ".sk")):
            return " " if code.startswith(".sk") else ""
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
            return bytes.fromhex(code[1:]).decode("utf-8", "replace")
        return found[0]

    return _ESCAPE.sub(plain, text)


def _decoded(data: bytes) -> str:
    fields = re.split(rb"[\r\n]", data, maxsplit=1)[0].split(data[3:4])
    stated = fields[17].split(b"~")[0].decode("ascii", "replace").strip().upper() if len(fields) > 17 else ""
    charset = _CHARSETS.get(stated) or (f"iso8859-{stated[5:]}" if stated.startswith("8859/") else "utf-8")
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return data.decode("cp1252", "replace")


def _problem(key: str, found: str, expected: str, remedy: str) -> Problem:
    return Problem(key=key, found=found, expected=expected, remedy=remedy)
