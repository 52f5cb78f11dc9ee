"""Whom carriers name in fields of their own: patient, relatives, and every clinician."""

from __future__ import annotations

import json

import pytest

from prima.report.carriers.files import reports_from
from prima.report.report import Report


def names(content: str, name: str) -> set[str]:
    (found,) = reports_from(content.encode(), name)
    assert isinstance(found, Report)
    return set(found.names)


def at(segment: str, index: int, value: str) -> str:
    return segment + "|" * index + value


@pytest.mark.parametrize(
    ("segment", "index"),
    [
        *[("PV1", index) for index in (7, 8, 9, 17)], *[("ORC", index) for index in (10, 11, 12, 19)],
        *[("OBR", index) for index in (16, 28, 32, 33, 34, 35)], *[("TXA", index) for index in (5, 9, 10, 11, 22)],
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["4711^FOO^WEI-LING^A^^DR^MD", "^FOO^WEI-LING^A", "1^BAR^X~4711^FOO^WEI-LING^A"])
def test_fields_of_hl7_that_hold_clinicians(segment: str, index: int, value: str) -> None:
    kind = "MDM^T02" if segment == "TXA" else "ORU^R01"
    orders = [at(segment, index, value)] + ([] if segment in ("OBR", "TXA") else ["OBR|1||A1"])
    message = [f"MSH|^~\\&|R||||2024||{kind}|1|P|2.5", "PID|1||P1||DOE^JANE", *orders, "OBX|1|TX|x||No mass.||||||F"]
    found = names("\r".join(message) + "\r", "a.hl7")
    assert {"DOE^JANE", "FOO^WEI-LING^A"} <= found
    assert not any("4711" in name for name in found)


def test_readers_of_hl7_in_subcomponents() -> None:
    order = at("OBR", 32, "4711&FOO&WEI-LING^20240101")
    message = f"MSH|^~\\&|R||||2024||ORU^R01|1|P|2.5\r{order}\rOBX|1|TX|x||No mass.||||||F\r"
    assert names(message, "a.hl7") == {"FOO^WEI-LING"}


@pytest.mark.parametrize("field", ["performer", "resultsInterpreter"])
@pytest.mark.parametrize("through", ["display", "practitioner", "role", "contained"])
def test_clinicians_of_fhir(field: str, through: str) -> None:
    person = {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Foo", "given": ["Wei-Ling"]}]}
    role = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/p"}}
    reference = {
        "display": {"display": "Dr. Foo, Wei-Ling"},
        "practitioner": {"reference": "Practitioner/p"},
        "role": {"reference": "PractitionerRole/r"},
        "contained": {"reference": "#p"},
    }[through]
    report = {"resourceType": "DiagnosticReport", "status": "final", "conclusion": "No mass.", field: [reference]}
    report |= {"contained": [person]} if through == "contained" else {}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": part} for part in (report, person, role)]}
    assert names(json.dumps(bundle), "a.json") == {"Foo^Wei-Ling"}


@pytest.mark.parametrize(
    "column",
    [
        *(
            "radiologist",
            "Reading Physician",
            "signed_by",
            "REFERRING_PHYSICIAN_NAME",
            "Ordering Provider",
            "technologist",
        ),
        *("dictated by", "attending", "resident", "transcriptionist", "Author"),
    ],
)
def test_columns_that_hold_clinicians(column: str) -> None:
    assert names(f'accession,report,{column}\nA,No mass.,"Foo, Wei-Ling MD"\n', "a.csv") == {"Foo^Wei-Ling"}
