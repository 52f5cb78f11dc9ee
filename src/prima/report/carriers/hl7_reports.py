"""Reports from HL7 v2 messages (ORU^R01, MDM^T02 and their like), one or many in a file, framed or not.

Each order (OBR) or document (TXA) with text is a report; several of one message with the same accession number are one.
Its text is that of its OBX segments in their order, of type TX, FT, ST and the like or encapsulated text, HTML or RTF.
Sections that only OBX-3 names get their heading; lines that OBX-11 takes back are not read. The study is taken from an
OBX 113014 (DICOM Study) or 110180 (Study Instance UID), or a ZDS segment; the accession from OBR-18, OBR-3, OBR-2 or
ORC-3 (HL7 v2.5.1; IHE RAD TF-2).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from prima.report.carriers import hl7_numbers, hl7_people
from prima.report.carriers.hl7_message import Segment, messages_in, segments_of
from prima.report.carriers.moment import read_moment
from prima.report.carriers.parts import ReportPart, joined
from prima.report.carriers.plain_text import decoded, plain_text
from prima.report.carriers.status import MDM_EVENTS, OBR_25, OBX_11, TXA_17, TXA_19, VOID, least_final, status_in
from prima.report.report import Problem, Report, ReportNumber, ReportStatus, clean
from prima.report.sections import SectionKind, section_named

_TEXT = frozenset(("TX", "FT", "ST", "CE", "CWE", "CNE", "CF", ""))
_STUDY = frozenset(("113014", "110180"))
_SECTION_CODES: dict[str, SectionKind] = {
    **dict.fromkeys(
        ("11329-0", "55752-0", "18785-6", "59768-2", "10164-2", "29299-5", "42349-1", "11348-0"), "history"
    ),
    **dict.fromkeys(("55111-9", "8251-1"), "technique"),
    **dict.fromkeys(("18834-2",), "comparison"),
    **dict.fromkeys(("59776-5", "18782-3", "18748-4/GDT", "GDT"), "findings"),
    **dict.fromkeys(("19005-8", "18783-1", "IMP", "REC", "51848-0"), "impression"),
    **dict.fromkeys(("55107-7", "ADT", "ADD"), "addendum"),
}
"""LOINC codes of the sections of an imaging report, and suffixes of OBX-3 (HL7 v2.5.1, 7.2.4)."""


@dataclass
class _Order:
    """What the segments of one OBR or TXA say."""

    accession: str = ""
    filed_at: str = ""
    status: ReportStatus = "final"
    study_uid: str = ""
    observations: list[Segment] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    numbers: list[ReportNumber] = field(default_factory=list)
    adds_to: list[ReportNumber] = field(default_factory=list)


def reports_from_hl7(data: bytes, name: str) -> Iterator[Report | Problem]:
    """The reports of a file of messages, in its order.

    Example:
        >>> message = b"MSH|^~\\\\&|RIS||||20240101||ORU^R01|1|P|2.5\\rOBR|1||A7\\rOBX|1|TX|x||5 mm \\\\F\\\\ mass\\r"
        >>> [(report.accession, report.text) for report in reports_from_hl7(message, "a.hl7")]
        [('A7', '5 mm | mass')]
    """
    before, messages = messages_in(data)
    if not messages:
        found = "an empty file" if not data.strip() else "no segment MSH"
        yield _problem(name, found, "HL7 v2 messages that begin with MSH", "leave the file out")
        return
    if before.strip(b"\r\n\x0b\x1c ") and not before.lstrip().startswith((b"FHS", b"BHS")):
        yield _problem(name, f"{len(before)} bytes before the first MSH", "a message", "they are not read")
    for index, message in enumerate(messages, 1):
        yield from _reports_of(message, f"{name}: message {index}")


def _reports_of(message: bytes, key: str) -> Iterator[Report | Problem]:
    segments = segments_of(message)
    if segments is None:
        yield _problem(key, "a header that does not state its marks", "MSH|^~\\&|…", "send it again")
        return
    kind = segments[0].whole(9)
    if not kind.startswith(("ORU", "MDM")):
        shown = kind if re.fullmatch(r"[A-Z]{3}(\W[A-Z0-9_^]{0,20})?", kind) else "another message type"
        yield _problem(key, shown, "ORU^R01 or MDM^T02", "leave it out: it carries no report")
        return
    event: ReportStatus = "final"
    if kind.startswith("MDM"):
        event = MDM_EVENTS.get(segments[0].component(kind, 2), "final")
    yield from _reports_in(segments, event, key)


def _reports_in(segments: Sequence[Segment], event: ReportStatus, key: str) -> Iterator[Report | Problem]:
    patient, names, control = "", list[str](), None
    common, orders = _Order(), list[_Order]()
    for segment in segments:
        order = orders[-1] if orders else common
        names += hl7_people.people_of(segment)
        match segment.name:
            case "PID":
                patient = _patient(segment)
            case "ORC":
                control, common.accession = segment, segment.first(3) or segment.first(2)
            case "OBR" | "TXA":
                before = orders[-1].accession if orders and segment.name == "TXA" else ""
                orders.append(_order(segment, control, common.accession or before))
            case "ZDS":
                order.study_uid = segment.first(1) or order.study_uid
            case "NTE":
                order.notes += [segment.plain(part) for part in segment.repetitions(3)]
            case "OBX" if segment.first(3) in _STUDY:
                order.study_uid = segment.first(5) or order.study_uid
            case "OBX":
                order.observations.append(segment)
    merged, sent_at = _merged(orders) or [common], read_moment(segments[0].first(7))
    empty: list[list[str]] = []
    for order in merged:
        try:
            text, status, unread = _text_of(order, event)
        except ValueError as error:
            yield _problem(key, str(error), "text, HTML or RTF", "ask the sender for the text of the report")
            continue
        filed_at = read_moment(order.filed_at)
        if status not in VOID and not text.strip():
            empty.append(unread)
            continue
        if order.filed_at and filed_at is None:
            yield _problem(key, "a time of report that cannot be read", "YYYYMMDDHHMMSS", "correct the time")
            continue
        yield Report(
            text="" if status in VOID else text,
            study_uid=order.study_uid or common.study_uid or None,
            accession=order.accession or None,
            patient_id=patient or None,
            filed_at=max(filter(None, (filed_at, sent_at)), default=None) if status in VOID else filed_at,
            report_status=status,
            source=key,
            names=tuple(dict.fromkeys(name for name in names if name)),
            numbers=tuple(dict.fromkeys(order.numbers)),
            adds_to=tuple(number for number in dict.fromkeys(order.adds_to) if number not in order.numbers),
        )
    if len(empty) == len(merged) or any(empty):
        kinds = sorted({kind for unread in empty for kind in unread})
        found = f"no text (only OBX of type {', '.join(kinds)})" if kinds else "no OBX with text"
        yield _problem(key, found, "OBX segments of type TX, FT or ST", "ask the sender for the text of the report")


def _order(segment: Segment, control: Segment | None, accession: str) -> _Order:
    numbers, parents = hl7_numbers.numbers_of(segment, control), hl7_numbers.parents_of(segment, control)
    if segment.name == "TXA":
        stated = [status_in(TXA_17, segment.first(17))]
        stated += [TXA_19[segment.first(19).upper()]] if segment.first(19).upper() in TXA_19 else []
        return _Order(
            accession=accession or segment.first(15) or segment.first(14),
            filed_at=max(segment.first(6), segment.first(7), segment.first(8)),
            status=least_final(stated),
            numbers=numbers,
            adds_to=parents,
        )
    return _Order(
        accession=segment.first(18) or segment.first(3) or segment.first(2) or accession,
        filed_at=segment.first(22) or segment.first(14) or segment.first(7),
        status=status_in(OBR_25, segment.first(25)),
        numbers=numbers,
        adds_to=parents,
    )


def _merged(orders: Sequence[_Order]) -> list[_Order]:
    """Orders of one accession number are one report: systems send an OBR a procedure, or a section."""
    merged: dict[str, _Order] = {}
    for index, order in enumerate(orders):
        into = merged.setdefault(order.accession or f"\x00{index}", order)
        if into is not order:
            into.status = least_final((into.status, order.status))
            into.filed_at = max(into.filed_at, order.filed_at)
            into.study_uid = into.study_uid or order.study_uid
            into.observations += order.observations
            into.notes += order.notes
            into.numbers += order.numbers
            into.adds_to += order.adds_to
    return list(merged.values())


def _text_of(order: _Order, event: ReportStatus) -> tuple[str, ReportStatus, list[str]]:
    """The text of an order, how far it is, and the types of the observations that hold no text."""
    status = order.status if event == "final" else (event if order.status == "final" or event in VOID else order.status)
    lines: list[tuple[SectionKind | None, list[str]]] = []
    statuses, unread, taken_back = list[ReportStatus](), list[str](), list[ReportStatus]()
    for segment in _in_order(order.observations):
        standing = status_in(OBX_11, segment.first(11))
        if standing in VOID:
            taken_back.append(standing)
            continue
        values = _values(segment)
        if values is None:
            unread.append(segment.first(2)[:3])
            continue
        section = "addendum" if standing == "addendum" else _section_of(segment)
        if any(value.strip() for value in values):
            statuses.append("final" if standing == "addendum" else standing)
        if not lines or lines[-1][0] != section:
            lines.append((section, []))
        lines[-1][1].extend(values)
    parts = [ReportPart(plain_text("\n".join(group)), section) for section, group in lines]
    text = joined(parts) or clean(plain_text("\n".join(order.notes)))
    if not text.strip() and taken_back and not unread and status not in VOID:
        return "", least_final(taken_back), []
    found = least_final((status, *statuses))
    # What its carrier calls an addendum and nothing else is no report of its own.
    is_addendum = found == "final" and bool(lines) and all(section == "addendum" for section, _ in lines)
    return text, "addendum" if is_addendum else found, unread


def _in_order(observations: list[Segment]) -> list[Segment]:
    """By OBX-1 where it numbers all of them, else as they came."""
    numbers = [segment.first(1) for segment in observations]
    if not all(number.isascii() and number.isdigit() and len(number) < 8 for number in numbers):
        return observations
    places = [int(number) for number in numbers]
    if len(set(places)) < len(places) or all(before < after for before, after in pairwise(places)):
        return observations
    return [segment for _, segment in sorted(zip(places, observations, strict=True), key=lambda pair: pair[0])]


def _values(segment: Segment) -> list[str] | None:
    """The text of an observation; None where it holds something else."""
    kind, marks = segment.first(2).upper(), segment.marks
    value = segment.fields[5] if len(segment.fields) > 5 else ""
    if kind == "ED":
        return _encapsulated(value.split(marks.component), segment)
    if kind not in _TEXT:
        return None
    values = value.split(marks.repetition)
    if kind in ("CE", "CWE", "CNE", "CF"):
        return [segment.component(part, 2) or segment.component(part, 1) for part in values]
    return [segment.plain(part) for part in values]


def _encapsulated(parts: Sequence[str], segment: Segment) -> list[str] | None:
    """Text in an OBX of type ED: source, type, subtype, encoding, data (2.A.24)."""
    kinds = {part.strip().upper() for part in parts[1:3]}
    if len(parts) < 5 or not kinds & {"TEXT", "PLAIN", "HTML", "RTF", "XHTML", "X-RTF", "TXT"}:
        return None
    encoding, data = parts[3].strip().upper(), parts[4]
    try:
        match encoding:
            case "BASE64":
                return [decoded(base64.b64decode(segment.plain(data)), "utf-8")]
            case "HEX":
                return [decoded(bytes.fromhex(data), "utf-8")]
            case "A" | "":
                return [segment.plain(data)]
    except (binascii.Error, ValueError):
        return None
    return None


def _section_of(segment: Segment) -> SectionKind | None:
    """The section that OBX-3 names by its code, a suffix of it, or its text."""
    marks = segment.marks
    code = segment.whole(3).split(marks.repetition, 1)[0].split(marks.component)
    for part in (*code[0].split(marks.subcomponent), *(code[3:4])):
        if part.strip().upper() in _SECTION_CODES:
            return _SECTION_CODES[part.strip().upper()]
    names = (section_named(segment.plain(part)) for part in (*code[1:2], *code[4:5], *code[:1]))
    return next((section for section in names if section is not None), None)


def _patient(segment: Segment) -> str:
    """PID-3: of several identifiers the one of type MR, else the first."""
    repeats = [part for part in segment.repetitions(3) if segment.component(part, 1)]
    chosen = next((part for part in repeats if segment.component(part, 5) == "MR"), repeats[0] if repeats else "")
    return segment.component(chosen, 1)


def _problem(key: str, found: str, expected: str, remedy: str) -> Problem:
    return Problem(key=key, found=found, expected=expected, remedy=remedy)
