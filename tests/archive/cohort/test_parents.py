"""Addenda stand with the report whose number they state, whatever carried the two."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prima.archive.cohort.match import match
from prima.archive.ingest.copies import KnownReports
from prima.archive.ingest.reports import ingest_reports
from prima.archive.store.layout import Archive
from prima.archive.store.schema import STUDIES
from prima.archive.store.tables import scan, schema_of

PID = "PID|1||P1^^^UH^MR||DOE^JANE"
NOW = datetime(2025, 1, 1)
Outcomes = dict[str, tuple[str | None, str]]


def day(clock: str) -> str:
    return f"20240110{clock}00"


def oru(text: str, clock: str, *, filler: str, parent: str = "", accession: str = "A1", code: str = "x") -> str:
    order = ["OBR", "1", f"P{filler}", filler, *[""] * 14, accession, *[""] * 3, day(clock), "", "RAD", "F"]
    order += [*[""] * 3, parent]
    lines = (
        f"MSH|^~\\&|RIS||||{day(clock)}||ORU^R01|1|P|2.5.1",
        PID,
        "|".join(order),
        f"OBX|1|TX|{code}||{text}||||||F",
    )
    return "\r".join(lines) + "\r"


def mdm(event: str, text: str, clock: str, *, number: str, parent: str = "", accession: str = "A1") -> str:
    document = f"TXA|1|RAD|TX|||{day(clock)}||||||{number}|{parent}||{accession}||LA"
    lines = (f"MSH|^~\\&|RIS||||{day(clock)}||MDM^{event}|1|P|2.5.1", PID, document, f"OBX|1|TX|x||{text}||||||F")
    return "\r".join(lines) + "\r"


def fhir(kind: str, text: str, clock: str, **facts: Any) -> str:
    resource = {"resourceType": kind, "subject": {"identifier": {"value": "P1"}}, **facts}
    if kind == "DiagnosticReport":
        resource |= {"status": "final", "issued": f"2024-01-10T{clock[:2]}:00:00Z", "conclusion": text}
    else:
        attachment = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
        resource |= {"status": "current", "date": f"2024-01-10T{clock[:2]}:00:00Z"}
        resource |= {"content": [{"attachment": attachment}]}
    return json.dumps(resource)


@pytest.fixture
def outcomes(archive: Archive, tmp_path: Path) -> Callable[..., Outcomes]:
    """Takes files, given as name → content, and matches: words of a report → study and outcome."""

    def taken(studies: dict[str, str] | None = None, **files: str) -> Outcomes:
        for name, content in files.items():
            stem, _, suffix = name.rpartition("_")
            (tmp_path / f"{stem}.{suffix}").write_bytes(content.encode())
        ingest_reports(archive, sorted(path for path in tmp_path.iterdir() if path.is_file()), tmp_path)
        schema = schema_of(STUDIES)
        rows = [
            dict.fromkeys(schema) | {"study_uid": uid, "accession": accession, "patient_id": "P1", "study_date": DAY}
            for uid, accession in (studies or {"1": "A1"}).items()
        ]
        reports = scan(archive, "reports")
        found = match(pl.DataFrame(rows, schema=schema).lazy(), reports, now=NOW).reports
        words = reports.select("report_id", pl.col("text").str.extract(r"(\w+)\W*$"))
        joined = found.join(words, on="report_id").select("text", "study_uid", "outcome").collect()
        return {text: (uid, outcome) for text, uid, outcome in joined.iter_rows()}

    return taken


DAY = date(2024, 1, 10)
TWO_DOCUMENTS = {
    "a_hl7": mdm("T02", "FINDINGS: Head one", "1000", number="D1"),
    "b_hl7": mdm("T02", "FINDINGS: Spine two", "1100", number="D2"),
}
TWO_ORDERS = {
    "a_hl7": oru("FINDINGS: Head one", "1000", filler="F1"),
    "b_hl7": oru("FINDINGS: Spine two", "1100", filler="F2"),
}
TWO_ROWS = {
    "a_csv": "accession,mrn,report_id,report_time,status,report\n"
    "A1,P1,D1,2024-01-10 10:00,final,FINDINGS: one\nA1,P1,D2,2024-01-10 11:00,final,FINDINGS: two\n"
}
TWO_RESOURCES = {
    "a_json": fhir(
        "DiagnosticReport", "one", "1000", id="D1", identifier=[{"value": "A1", "type": {"coding": [{"code": "ACSN"}]}}]
    ),
    "b_json": fhir(
        "DiagnosticReport", "two", "1100", id="D2", identifier=[{"value": "A1", "type": {"coding": [{"code": "ACSN"}]}}]
    ),
}


def addition(carrier: str, parent: str) -> dict[str, str]:
    """An addendum filed after both reports, that states its parent as its carrier does."""
    reference = {"reference": f"https://ris.example/fhir/DiagnosticReport/{parent}"}
    extension = "http://hl7.org/fhir/StructureDefinition/diagnosticReport-addendumOf"
    return {
        "mdm": {"c_hl7": mdm("T06", "Also three", "1200", number="D3", parent=parent)},
        "mdm of an older version": {"c_hl7": mdm("T06", "Also three", "1200", number="^^D3", parent=f"^^{parent}")},
        "mdm without its event": {"c_hl7": mdm("T02", "Also three", "1200", number="D3", parent=parent)},
        "oru": {"c_hl7": oru("Also three", "1200", filler="F9", parent=f"Z^{parent}&RIS", accession="", code="1&ADT")},
        "oru in words": {"c_hl7": oru("ADDENDUM: Also three", "1200", filler="F9", parent=f"{parent}^Z")},
        "csv": {"c_csv": "mrn;addendum_to;report_time;report\nP1;" + parent + ";2024-01-10 12:00;Also three\n"},
        "csv with a status": {
            "c_csv": f"mrn,parent_report,report_time,status,text\nP1,{parent},2024-01-10 12:00,addendum,Also three\n"
        },
        "relatesTo": {
            "c_json": fhir(
                "DocumentReference", "Also three", "1200", relatesTo=[{"code": "appends", "target": reference}]
            )
        },
        "relatesTo by identifier": {
            "c_json": fhir(
                "DocumentReference", "Also three", "1200",
                relatesTo=[{"code": {"coding": [{"code": "appends"}]}, "target": {"identifier": {"value": parent}}}],
            )
        },
        "extension": {
            "c_json": fhir(
                "DocumentReference", "Also three", "1200", extension=[{"url": extension, "valueReference": reference}]
            )
        },
    }[carrier]  # fmt: skip


WAYS = [
    *[(TWO_DOCUMENTS, way, "D") for way in ("mdm", "mdm of an older version", "mdm without its event", "csv")],
    *[(TWO_ORDERS, way, "F") for way in ("oru", "oru in words", "csv with a status")],
    *[(TWO_ROWS, way, "D") for way in ("csv", "csv with a status", "mdm", "relatesTo by identifier")],
    *[(TWO_RESOURCES, way, "D") for way in ("relatesTo", "extension")],
]


@pytest.mark.parametrize(("reports", "way", "letter"), WAYS)
def test_of_two_reports_of_a_study_the_number_decides(
    outcomes: Callable[..., Outcomes], reports: dict[str, str], way: str, letter: str
) -> None:
    to_the_last = outcomes(**reports, **addition(way, f"{letter}2"))
    assert to_the_last == {"one": ("1", "superseded"), "two": ("1", "matched"), "three": ("1", "addendum_joined")}


@pytest.mark.parametrize(("reports", "way", "letter"), WAYS)
def test_an_addendum_to_a_report_that_does_not_count(
    outcomes: Callable[..., Outcomes], reports: dict[str, str], way: str, letter: str
) -> None:
    to_the_first = outcomes(**reports, **addition(way, f"{letter}1"))
    assert to_the_first == {"one": ("1", "superseded"), "two": ("1", "matched"), "three": ("1", "superseded")}


@pytest.mark.parametrize(("reports", "way", "letter"), WAYS)
def test_a_parent_that_was_never_seen(
    outcomes: Callable[..., Outcomes], reports: dict[str, str], way: str, letter: str
) -> None:
    found = outcomes(**reports, **addition(way, f"{letter}7"))
    assert found["two"] == ("1", "matched")
    assert found["three"][1] == "addendum_without_report"


@pytest.mark.parametrize("way", sorted({way for _, way, _ in WAYS}))
def test_an_addendum_alone_is_no_report(outcomes: Callable[..., Outcomes], way: str) -> None:
    assert {outcome for _, outcome in outcomes(**addition(way, "D1")).values()} == {"addendum_without_report"}


def test_without_a_number_time_decides_as_before(outcomes: Callable[..., Outcomes]) -> None:
    found = outcomes(**TWO_DOCUMENTS, c_hl7=mdm("T06", "Also three", "1200", number="D3"))
    assert found["three"] == ("1", "addendum_joined")


def test_a_report_without_a_number_might_be_the_parent(outcomes: Callable[..., Outcomes]) -> None:
    table = "accession,mrn,report_time,report\nA1,P1,2024-01-10 10:00,FINDINGS: one\n"
    found = outcomes(a_csv=table, **addition("mdm", "D1"))
    assert found == {"one": ("1", "matched"), "three": ("1", "addendum_joined")}


def test_the_number_decides_over_the_clock(outcomes: Callable[..., Outcomes]) -> None:
    early = mdm("T06", "Also three", "0900", number="D3", parent="D2")
    assert outcomes(**TWO_DOCUMENTS, c_hl7=early)["three"] == ("1", "addendum_joined")


def test_an_addendum_to_an_addendum(outcomes: Callable[..., Outcomes]) -> None:
    found = outcomes(
        **TWO_DOCUMENTS,
        **addition("mdm", "D2"),
        d_hl7=mdm("T06", "And four", "1300", number="D4", parent="D3"),
        e_hl7=mdm("T06", "And five", "1300", number="D5", parent="D1"),
    )
    assert (found["four"], found["five"]) == (("1", "addendum_joined"), ("1", "superseded"))


def test_an_order_that_two_reports_do_not_share_decides(outcomes: Callable[..., Outcomes]) -> None:
    late = oru("Also three", "1200", filler="F1", code="1&ADT")
    assert outcomes(**TWO_ORDERS, c_hl7=late)["three"] == ("1", "superseded")


def test_a_parent_of_another_patient_is_none(outcomes: Callable[..., Outcomes]) -> None:
    other = addition("csv", "D2")["c_csv"].replace("P1", "P2")
    assert outcomes(**TWO_DOCUMENTS, c_csv=other)["three"] == (None, "addendum_without_report")


def test_what_names_a_parent_and_is_whole_corrects(outcomes: Callable[..., Outcomes]) -> None:
    whole = mdm("T02", "FINDINGS: Also three", "1200", number="D3", parent="D1")
    assert outcomes(**TWO_DOCUMENTS, c_hl7=whole)["three"] == ("1", "matched")


def test_a_child_order_with_a_report_of_its_own_is_no_addendum(outcomes: Callable[..., Outcomes]) -> None:
    child = oru("FINDINGS: Also three", "1200", filler="F3", parent="^F1")
    assert outcomes(**TWO_ORDERS, c_hl7=child)["three"] == ("1", "matched")


def test_addenda_of_the_same_words_to_two_reports_are_two(archive: Archive) -> None:
    known = KnownReports(archive)
    facts = {"study_uid": None, "patient_id": "P1", "accession": "A1", "filed_at": None, "names": None}
    rows = [
        {
            **facts,
            "report_status": "addendum",
            "text": "A typing error.",
            "numbers": None,
            "adds_to": f"document D{number}",
        }
        for number in (1, 2, 1)
    ]
    stored = [known.take(row) for row in rows]
    assert [is_new for _, is_new in stored] == [True, True, False]
    assert len({row["report_id"] for row, _ in stored if row}) == 2
