"""Carriers give a report back to the character, and other people's libraries read them."""

from __future__ import annotations

import base64
import csv
import dataclasses
import json
from pathlib import Path

import hl7
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.diagnosticreport import DiagnosticReport

from prima.simulate.reports import Filed, report_labels, write_csv, write_fhir, write_hl7, write_report
from prima.simulate.reports.filed import impression_of

from .cases import corpus, make_case


@pytest.fixture(scope="module")
def filed() -> list[Filed]:
    found = [Filed(case, write_report(case, prior=prior, writers="dev")) for case, prior in corpus(60)]
    case, report = found[0]
    awkward = dataclasses.replace(report, text='Size 5 mm | 3 ^ 2 & ~ \\ end, "quoted"\n\n  indented\nlast')
    found[0] = Filed(case, dataclasses.replace(awkward, assertions=()))
    return found


def test_csv(filed: list[Filed], tmp_path: Path) -> None:
    with write_csv(filed, tmp_path / "reports").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["report"] for row in rows] == [report.text for _, report in filed]
    assert [row["study_uid"] for row in rows] == [case.study_uid for case, _ in filed]


def test_hl7_is_read_by_another_library(filed: list[Filed], tmp_path: Path) -> None:
    for path, (case, report) in zip(write_hl7(filed, tmp_path), filed, strict=True):
        message = hl7.parse(path.read_bytes().decode())
        assert str(message["MSH.F9.R1.C1"]) == "ORU" and str(message["MSH.F12"]) == "2.5.1"
        assert str(message["PID.F3.R1.C1"]) == case.person.patient_id
        assert str(message["OBR.F3"]) == case.accession
        assert str(message["OBR.F22"]) == case.visit.reported.strftime("%Y%m%d%H%M%S")
        assert str(message["OBR.F25"]) == "F"
        text = [segment for segment in message.segments("OBX") if str(segment[2]) == "TX"]
        assert [int(str(segment[1])) for segment in text] == list(range(2, len(text) + 2))
        assert "\n".join(message.unescape(str(segment[5])) for segment in text) == report.text
        (study,) = (segment for segment in message.segments("OBX") if str(segment[2]) == "HD")
        assert str(study[5]).split("^")[0] == case.study_uid


def test_fhir_is_valid_and_gives_the_text_back(filed: list[Filed], tmp_path: Path) -> None:
    *paths, whole = write_fhir(filed, tmp_path)
    for path, (case, report) in zip(paths, filed, strict=True):
        resource = DiagnosticReport.model_validate_json(path.read_text(encoding="utf-8"))
        assert resource.identifier[0].value == case.accession
        table = json.loads(path.read_text(encoding="utf-8"))
        assert base64.b64decode(table["presentedForm"][0]["data"]).decode() == report.text
    bundle = json.loads(whole.read_text(encoding="utf-8"))
    assert len(Bundle.model_validate(bundle).entry) == len(bundle["entry"])
    addresses = {entry["fullUrl"] for entry in bundle["entry"]}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        pointers = [resource.get("subject"), *resource.get("imagingStudy", ())]
        assert all(pointer["reference"] in addresses for pointer in pointers if pointer)


def test_the_impression_is_found(filed: list[Filed]) -> None:
    found = [impression_of(report.text) for _, report in filed[1:]]
    assert sum(bool(text) for text in found) > 0.9 * len(found)
    case = make_case(3, "cyst_colloid_cyst")
    for writer in ("template", "resident", "emergency", "concise"):
        report = write_report(case, prior=None, writers="dev", writer=writer)
        assert "cyst" in impression_of(report.text) and "FINDINGS" not in impression_of(report.text)


def test_rows_of_report_labels(filed: list[Filed]) -> None:
    rows = report_labels(filed)
    texts = {case.study_uid: report.text for case, report in filed}
    assert list(rows[0]) == ["study_uid", "diagnosis", "assertion", "start", "end", "text"]
    for row in rows:
        assert texts[str(row["study_uid"])][int(row["start"]) : int(row["end"])] == row["text"]
