"""Reports as HL7 v2.5.1 ORU^R01 messages, one file a report: MSH, PID, PV1, ORC, OBR, and an OBX for each line.

Segments end with a carriage return; delimiters in the text are escaped (HL7 v2.5.1, 2.7.1). Joining the values of the
OBX segments with line feeds gives the report back to the character.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prima.simulate.people.case import Case
from prima.simulate.reports.filed import LOINC, LOINC_WORDS, Filed, made_up_name
from prima.simulate.reports.written import WrittenReport

_ESCAPES = (("\\", "\\E\\"), ("|", "\\F\\"), ("^", "\\S\\"), ("&", "\\T\\"), ("~", "\\R\\"))
_CLASS = {"emergency": "E", "inpatient": "I", "outpatient": "O"}


def escaped(text: str) -> str:
    """A value with HL7's delimiters escaped.

    Example:
        >>> escaped("5 mm | A&B")
        '5 mm \\\\F\\\\ A\\\\T\\\\B'
    """
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    return text


def facility_code(place: str) -> str:
    """A short name of a place, for fields that hold at most 20 characters.

    Example:
        >>> facility_code("Lakeland Regional Hospital")
        'LRH'
    """
    return "".join(word[0].upper() for word in place.split())


def oru_message(case: Case, report: WrittenReport) -> str:
    """One ORU^R01 message; segments end with a carriage return."""
    person, visit = case.person, case.visit
    reported, scanned, ordered = (
        time.strftime("%Y%m%d%H%M%S") for time in (visit.reported, visit.scanned, visit.ordered)
    )
    family, given_name = (escaped(name) for name in made_up_name(person))
    accession, service = escaped(case.accession), f"{LOINC}^{LOINC_WORDS}^LN^^{escaped(visit.description)}^L"
    site = facility_code(visit.site)
    observation = f"{LOINC}^{LOINC_WORDS}^LN"
    segments = [
        f"MSH|^~\\&|RIS|{site}|ARCHIVE|{site}|{reported}||ORU^R01^ORU_R01|R{accession}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{escaped(person.patient_id)}^^^{site}^MR||{family}^{given_name}||{person.birth_year:04d}0101|{person.sex}",
        f"PV1|1|{_CLASS[visit.patient_class]}|{site}",
        f"ORC|RE|{accession}|{accession}||CM",
        f"OBR|1|{accession}|{accession}|{service}|||{scanned}|||||||{ordered}|||||{accession}|||{reported}||RAD|F"
        f"||||||{escaped(visit.indication)}",
        f"OBX|1|HD|113014^DICOM Study^DCM||{case.study_uid}^^ISO||||||O|||{scanned}",
    ]
    segments += [
        f"OBX|{index}|TX|{observation}|1|{escaped(line)}||||||F|||{reported}"
        for index, line in enumerate(report.text.split("\n"), 2)
    ]
    return "".join(f"{segment}\r" for segment in segments)


def write_hl7(filed: Iterable[Filed], folder: Path) -> list[Path]:
    """Writes `<accession>.hl7` for each report and returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for case, report in filed:
        path = folder / f"{case.accession}.hl7"
        path.write_bytes(oru_message(case, report).encode())
        paths.append(path)
    return paths
