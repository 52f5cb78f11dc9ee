"""Carriers: what was written comes back to the character, and what is broken is named and never lost."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prima.report.carriers.files import read_reports, reports_from
from prima.report.report import Problem, Report, clean
from prima.simulate.reports import Filed, write_csv, write_fhir, write_hl7
from prima.simulate.reports.carrier_hl7 import escaped

WRITERS = {"csv": write_csv, "hl7": write_hl7, "fhir": write_fhir}


def read(data: bytes | str, name: str = "a") -> list[Report | Problem]:
    return list(reports_from(data.encode() if isinstance(data, str) else data, name))


def report(data: bytes | str, name: str = "a") -> Report:
    (one,) = read(data, name)
    assert isinstance(one, Report), one
    return one


def problem(data: bytes | str, name: str = "a") -> Problem:
    found = [one for one in read(data, name) if isinstance(one, Problem)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("carrier", WRITERS)
def test_what_the_simulator_wrote_comes_back(filed: list[Filed], tmp_path: Path, carrier: str) -> None:
    WRITERS[carrier](filed, tmp_path)
    (tmp_path / "bundle.json").rename(tmp_path / "bundle") if carrier == "fhir" else None
    found = {}
    for one in read_reports([tmp_path]):
        assert isinstance(one, Report), one
        found[one.accession] = one
    assert len(found) == len(filed)
    for case, written in filed:
        one = found[case.accession]
        assert one.text == clean(written.text)
        assert (one.study_uid, one.patient_id) == (case.study_uid, case.person.patient_id)
        assert (one.filed_at, one.report_status) == (case.visit.reported.replace(microsecond=0), "final")


def test_a_bundle_gives_the_same_reports_as_single_files(filed: list[Filed], tmp_path: Path) -> None:
    *single, bundle = write_fhir(filed, tmp_path)
    one = {(r.accession, r.text, r.study_uid, r.patient_id) for r in read_reports(single) if isinstance(r, Report)}
    other = {(r.accession, r.text, r.study_uid, r.patient_id) for r in read_reports([bundle]) if isinstance(r, Report)}
    assert one == other
    assert len(one) == len(filed)


def test_messages_in_one_file_framed_as_on_the_wire(filed: list[Filed], tmp_path: Path) -> None:
    framed = b"".join(b"\x0b" + path.read_bytes() + b"\x1c\r" for path in write_hl7(filed, tmp_path))
    found = read(framed)
    assert [one.text for one in found if isinstance(one, Report)] == [clean(written.text) for _, written in filed]


@pytest.mark.parametrize(
    "data",
    [
        b'MRN;Accession Number;Report Text\n7;A1;"No mass; no shift.\nEnd"\n',
        "\ufeffaccession\tPatientID\tnarrative\nA1\t7\tNo mass; no shift.\n".encode("utf-8"),
        "Accession,MRN,Report\nA1,7,No mass; no shift.\n".encode("utf-16"),
        "accession,mrn,report\nA1,7,No mass; no shift. \u2013 M\u00fcller\n".encode("cp1252"),
    ],
)
def test_csv_as_systems_export_it(data: bytes) -> None:
    one = report(data)
    assert (one.accession, one.patient_id) == ("A1", "7")
    assert one.text.startswith("No mass; no shift.")


def test_hl7_details() -> None:
    message = (
        "MSH|^~\\&|RIS|H|X|H|20240102||ORU^R01^ORU_R01|1|P|2.5.1\nPID|1||99^^^B^SS~7^^^A^MR||X^Y\n"
        "OBR|1|P1|F1|||||||||||||||ACC1||||20240102030405||RAD|C\n"
        "OBX|1|ST|110180^Study Instance UID^DCM||1.2.3\nOBX|2|FT|x||line one\\.br\\line two~third \\T\\ \\X41\\\n"
        "OBX|3|ED|pdf||^AP^PDF^Base64^AAAA\nOBR|2||F2|||20240101\nOBX|1|TX|x||second report\n"
    )
    one, other = read(message)
    assert isinstance(one, Report)
    assert isinstance(other, Report)
    assert one.text == "line one\nline two\nthird & A"
    assert (one.accession, one.patient_id, one.study_uid, one.report_status) == ("ACC1", "7", "1.2.3", "corrected")
    assert one.filed_at == datetime(2024, 1, 2, 3, 4, 5)
    assert (other.accession, other.text, other.patient_id) == ("F2", "second report", "7")


def resource(**fields: Any) -> dict[str, Any]:
    return {"resourceType": "DiagnosticReport", "status": "final", **fields}


def form(text: str, kind: str = "text/plain") -> dict[str, str]:
    return {"contentType": kind, "data": base64.b64encode(text.encode()).decode()}


def test_fhir_forms_in_their_order() -> None:
    pdf, html = form("%PDF", "application/pdf"), form("<p>No&nbsp;mass.</p><p>Second</p>", "text/html; charset=utf-8")
    assert report(json.dumps(resource(presentedForm=[pdf, html, form("plain")]))).text == "No\u00a0mass.\nSecond\nplain"
    assert report(json.dumps(resource(presentedForm=[html, form("No mass. Second")]))).text == "No\u00a0mass.\nSecond"
    assert (
        report(json.dumps(resource(text={"div": "<div>No mass.</div>"}, conclusion="c"))).text
        == "No mass.\nIMPRESSION: c"
    )
    assert report(json.dumps(resource(status="amended", conclusion="c"))).report_status == "corrected"


def test_fhir_references_are_followed_in_the_file() -> None:
    patient = {"resourceType": "Patient", "id": "p", "identifier": [{"value": "7", "system": "x"}]}
    study = {
        "resourceType": "ImagingStudy",
        "id": "s",
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2"}],
    }
    order = {
        "resourceType": "ServiceRequest",
        "id": "o",
        "identifier": [{"type": {"coding": [{"code": "ACSN"}]}, "value": "A"}],
    }
    told = resource(
        subject={"reference": "Patient/p"}, imagingStudy=[{"reference": "http://x/ImagingStudy/s"}],
        basedOn=[{"reference": "ServiceRequest/o"}], conclusion="c",
    )  # fmt: skip
    bundle = {"resourceType": "Bundle", "entry": [{"resource": part} for part in (patient, study, order, told)]}
    one = report(json.dumps(bundle))
    assert (one.patient_id, one.study_uid, one.accession) == ("7", "1.2", "A")
    lines = "\n".join(json.dumps(part) for part in (patient, study, order, told))
    assert report(lines, "a.ndjson") == Report(**{**vars(one), "source": "a.ndjson: line 4"})


BROKEN = {
    "csv without a header": ("1,2\n3,4\n", "column report"),
    "csv with a row too short": ("id,report\n1\n2,fine\n", "2, as in the header"),
    "csv with an open quote": ('report,id\n"no end,1\n', "RFC 4180"),
    "an empty file": ("", "header"),
    "hl7 that is no report": ("MSH|^~\\&|A||||2024||ADT^A08|1|P|2.5\rPID|1||7\r", "ORU"),
    "hl7 without text": ("MSH|^~\\&|A||||2024||ORU^R01|1|P|2.5\rOBR|1||A\rOBX|1|ED|x||AAAA\r", "TX"),
    "hl7 with nothing after its name": ("MSH|", "MSH"),
    "hl7 cut short": ("MSH|^~\\&|A||", "ORU"),
    "broken json": ('{"resourceType": "Diag', "JSON"),
    "json that is no resource": ("[1]", "resourceType"),
    "a bundle without entries": ('{"resourceType": "Bundle"}', "resourceType"),
    "a bundle without a report": ('{"resourceType": "Patient"}', "at least one"),
    "a report of pictures": (json.dumps(resource(presentedForm=[form("x", "application/pdf")])), "text/plain"),
    "a form that is not base64": (
        json.dumps(resource(presentedForm=[{"contentType": "text/plain", "data": "a"}])),
        "base64",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named(case: str) -> None:
    data, expected = BROKEN[case]
    found = problem(data, "a.hl7" if "hl7" in case else "a")
    assert expected in found.detail
    assert found.key.startswith("a")
    assert found.remedy


def test_a_row_that_is_broken_does_not_take_others_along() -> None:
    found = read("id,report\n1,first\n2\n3,third\n")
    assert [one.text if isinstance(one, Report) else one.key for one in found] == ["first", "a: line 3", "third"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (found,) = read_reports([tmp_path / "none.csv"])
    assert isinstance(found, Problem)
    assert found.key == "none.csv"


@given(data=st.binary(max_size=400), name=st.sampled_from(["a.csv", "a.hl7", "a.json"]))
@settings(max_examples=300)
def test_any_bytes_give_reports_or_problems(data: bytes, name: str) -> None:
    found = read(data, name)
    assert found or not data.strip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n,;|")
    for one in found:
        assert isinstance(one, Report | Problem)


class Files:
    """Written reports by carrier, as bytes."""

    def __init__(self, filed: list[Filed], folder: Path) -> None:
        self.data: dict[str, list[bytes]] = {}
        for carrier, write in WRITERS.items():
            written = write(filed, folder / carrier)
            paths = [written] if isinstance(written, Path) else written
            self.data[carrier] = [path.read_bytes() for path in paths]


@pytest.fixture(scope="module")
def files(filed: list[Filed], tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(filed[:20], tmp_path_factory.mktemp("carriers"))


@given(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(sorted(WRITERS)), st.integers(0, 99))
@settings(max_examples=300)
def test_a_damaged_file_never_crashes(files: Files, at: int, change: int, carrier: str, which: int) -> None:
    held = files.data[carrier]
    data = held[which % len(held)]
    at %= len(data)
    for variant in (data[:at] + bytes([change]) + data[at + 1 :], data[:at]):
        assert read(variant, f"a.{carrier}".replace("fhir", "json")) or not variant.strip()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80))
def test_any_text_survives_hl7(text: str) -> None:
    message = f"MSH|^~\\&|A||||2024||ORU^R01|1|P|2.5||||||UNICODE UTF-8\rOBR|1||A\rOBX|1|TX|x||{escaped('x' + text)}\r"
    (one,) = read(message.encode())
    assert isinstance(one, Report)
    assert one.text.split() == clean("x" + text).split()
