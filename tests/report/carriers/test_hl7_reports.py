"""HL7 v2: each fault that was found, and siblings of another form."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime

import pytest

from prima.report.carriers.files import reports_from
from prima.report.report import Problem, Report

Case = Callable[..., list[Report | Problem]]
MSH = "MSH|^~\\&|RIS|UH|X|X|20241017||{kind}|1|P|2.5.1"
PID = "PID|1||SIM7-0^^^UH^MR||DOE^JANE||19490101|F"


def message(*segments: str, kind: str = "ORU^R01", end: str = "\r") -> bytes:
    return (end.join((MSH.format(kind=kind), PID, *segments)) + end).encode()


def order(status: str = "F", accession: str = "A1", time: str = "20241017150911") -> str:
    return f"OBR|1|{accession}|{accession}|24590-2^MR Brain^LN|||{time}|||||||||||{accession}||||{time}||RAD|{status}"


def line(text: str, *, status: str = "F", code: str = "24590-2^MR Brain^LN", kind: str = "TX", index: int = 1) -> str:
    return f"OBX|{index}|{kind}|{code}|1|{text}||||||{status}"


def reports(data: bytes) -> list[Report]:
    found = list(reports_from(data, "m.hl7"))
    assert all(isinstance(report, Report) for report in found), found
    return [report for report in found if isinstance(report, Report)]


def problem(data: bytes) -> Problem:
    (found,) = reports_from(data, "m.hl7")
    assert isinstance(found, Problem)
    return found


LINES = "FINDINGS:\nAcute infarct in the pons.\nIMPRESSION:\n1. Acute pontine infarct.\n2. Meningioma of the falx."


def test_a_line_feed_in_a_field_is_text(case: Case) -> None:
    (found,) = case("r01_lf_in_obx5")
    assert isinstance(found, Report)
    assert found.text == LINES


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_line_feeds_in_a_field_whatever_ends_the_segments(end: str) -> None:
    (found,) = reports(message(order(), line(LINES), line("No shift.", index=2), end=end))
    assert found.text == f"{LINES}\nNo shift."


def test_a_carriage_return_in_a_field_loses_nothing() -> None:
    (found,) = reports(message(order(), line("FINDINGS: Normal.\rIMPRESSION: Meningioma.")))
    assert found.text == "FINDINGS: Normal.\nIMPRESSION: Meningioma.||||||F".removesuffix("||||||F")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        *[("X", "cancelled"), ("Y", "cancelled"), ("I", "preliminary"), ("S", "preliminary"), ("A", "preliminary")],
        *[("R", "preliminary"), ("P", "preliminary"), ("F", "final"), ("C", "corrected"), ("Q", "unknown")],
        *[("f", "final"), ("M", "preliminary"), ("final?", "unknown")],
    ],
)
def test_the_status_of_an_order(code: str, status: str) -> None:
    (found,) = reports(message(order(code), line("IMPRESSION: Acute infarct.")))
    assert found.report_status == status
    assert bool(found.text) == (status != "cancelled")


def test_a_cancelled_order(case: Case) -> None:
    (found,) = case("r04_obr25_x_cancelled")
    assert isinstance(found, Report)
    assert (found.report_status, found.text) == ("cancelled", "")


def test_lines_that_are_wrong_are_not_read(case: Case) -> None:
    (found,) = case("r06_obx11_w_wrong")
    assert isinstance(found, Report)
    assert found.text == "FINDINGS: No infarct.\nIMPRESSION: Normal."
    assert found.report_status == "corrected"


@pytest.mark.parametrize("status", ["D", "X", "W", "N"])
def test_lines_that_are_taken_back_are_not_read(status: str) -> None:
    (found,) = reports(message(order(), line("Glioblastoma.", status=status), line("Normal.", index=2)))
    assert found.text == "Normal."


def test_a_report_whose_every_line_is_taken_back_does_not_stand() -> None:
    (found,) = reports(message(order("C"), line("Glioblastoma.", status="D"), line("Edema.", status="W", index=2)))
    assert (found.report_status, found.text) == ("entered_in_error", "")


@pytest.mark.parametrize(("status", "expected"), [("P", "preliminary"), ("C", "corrected"), ("?", "unknown")])
def test_a_report_is_no_more_final_than_its_lines(status: str, expected: str) -> None:
    (found,) = reports(message(order("F"), line("No mass."), line("No shift.", status=status, index=2)))
    assert found.report_status == expected


def document(completion: str, availability: str = "", time: str = "20241017120000") -> str:
    return f"TXA|1|RAD|TX|||{time}||||||U1|||A1||{completion}||{availability}"


@pytest.mark.parametrize(
    ("event", "completion", "availability", "status"),
    [
        ("T02", "LA", "", "final"),
        ("T02", "AU", "AV", "final"),
        ("T02", "DI", "", "preliminary"),
        ("T02", "PA", "", "preliminary"),
        ("T02", "??", "", "unknown"),
        ("T02", "LA", "CA", "withdrawn"),
        ("T08", "LA", "", "corrected"),
        ("T10", "LA", "", "corrected"),
        ("T06", "LA", "", "addendum"),
        ("T11", "LA", "", "withdrawn"),
        ("T11", "", "", "withdrawn"),
    ],
)
def test_the_status_of_a_document(event: str, completion: str, availability: str, status: str) -> None:
    segments = (document(completion, availability), line("There is a meningioma."))
    (found,) = reports(message(*segments, kind=f"MDM^{event}"))
    assert (found.report_status, found.accession) == (status, "A1")


def test_a_document_is_withdrawn(case: Case) -> None:
    (found,) = case("r08_mdm_t11_cancel")
    assert isinstance(found, Report)
    assert (found.report_status, found.text, found.accession) == ("withdrawn", "", "A6897370199")
    assert found.filed_at == datetime(2024, 10, 17, 12)


def test_sections_that_only_obx_3_names(case: Case, labels: Callable[[str], dict[str, str]]) -> None:
    (found,) = case("r10_history_obx")
    assert isinstance(found, Report)
    said = labels(found.text)
    assert said["tumor_adult_high_grade_glioma"] == "historical"


@pytest.mark.parametrize(
    "code", ["^CLINICAL HISTORY", "X1^Indication^L", "24590-2&X^History^L", "L1^x^L^55752-0^Clinical info^LN"]
)
def test_history_named_in_other_ways(code: str, labels: Callable[[str], dict[str, str]]) -> None:
    segments = (line("Known glioblastoma.", code=code), line("No new lesion.", index=2))
    (found,) = reports(message(order(), *segments))
    assert labels(found.text)["tumor_adult_high_grade_glioma"] == "historical"
    assert "FINDINGS: No new lesion." in found.text


def test_an_addendum_named_in_obx_3_is_last(labels: Callable[[str], dict[str, str]]) -> None:
    segments = (line("IMPRESSION: No infarct."), line("There is an acute infarct.", code="24590-2&ADT", index=2))
    (found,) = reports(message(order(), *segments))
    assert found.text.endswith("ADDENDUM: There is an acute infarct.")
    assert labels(found.text)["vascular_ischemic_large_vessel_stroke"] == "present"


def test_lines_in_the_order_of_their_numbers() -> None:
    numbered = (line("second", index=2), line("first", index=1), line("third", index=3))
    assert reports(message(order(), *numbered))[0].text == "first\nsecond\nthird"


def test_orders_of_one_accession_number_are_one_report() -> None:
    segments = (order(), line("FINDINGS: Normal."), order("P"), line("IMPRESSION: Meningioma."))
    (found,) = reports(message(*segments))
    assert (found.text, found.report_status) == ("FINDINGS: Normal.\nIMPRESSION: Meningioma.", "preliminary")


@pytest.mark.parametrize("kind", ["^TEXT^RTF^Base64^", "^AP^X-RTF^Base64^", "RIS^TEXT^HTML^Base64^"])
def test_encapsulated_text(kind: str) -> None:
    text = "<p>No mass.</p><p>Old infarct.</p>" if "HTML" in kind else "{\\rtf1\\ansi No mass.\\par Old infarct.\\par}"
    data = kind + base64.b64encode(text.encode()).decode()
    (found,) = reports(message(order(), line(data, kind="ED")))
    assert found.text.strip() == "No mass.\nOld infarct."


def test_rtf_and_html_that_stand_in_plain_fields() -> None:
    rtf = "{\\E\\rtf1 No mass.\\E\\par Old infarct.}"
    assert reports(message(order(), line(rtf)))[0].text == "No mass.\nOld infarct."
    html = "FINDINGS:<br>No mass.<br/>Old infarct."
    assert reports(message(order(), line(html, kind="FT")))[0].text == "FINDINGS:\nNo mass.\nOld infarct."


def test_a_pdf_is_named() -> None:
    found = problem(message(order(), line("^AP^PDF^Base64^JVBERi0=", kind="ED")))
    assert "only OBX of type ED" in found.detail


def test_a_time_that_cannot_be_read_is_named() -> None:
    assert "time of report" in problem(message(order(time="yesterday"), line("No mass."))).detail


def test_a_message_that_cannot_be_read_does_not_stop_others(case: Case) -> None:
    found = case("carriers/hl7_assert")
    assert [type(one).__name__ for one in found] == ["Problem", "Report"]
    good = message(order(), line("No mass."))
    for damaged in (
        b"MSH|||||||ORU^R01\rOBR|1\r",
        b"MSH^^^^^^\rOBX|1|TX\r",
        b"MSH|^~\\&|\xff\xfe|" + bytes(range(256)),
    ):
        found = list(reports_from(damaged + b"\r" + good, "m.hl7"))
        assert [report.text for report in found if isinstance(report, Report)] == ["No mass."]
        assert any(isinstance(one, Problem) for one in found)


def test_names_of_persons_are_handed_on() -> None:
    data = message("NK1|1|DOE^JOHN^Q|SPO", order(), line("No mass."))
    assert reports(data)[0].names == ("DOE^JANE", "DOE^JOHN^Q")


def test_escapes_do_not_unfold_without_bound() -> None:
    (found,) = reports(message(order(), line("a" + "\\.sp9999\\" * 2000 + "b", kind="FT")))
    assert len(found.text) < 10_000
