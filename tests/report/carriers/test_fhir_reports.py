"""FHIR: each fault that was found, and siblings of another form."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from prima.report.carriers.files import reports_from
from prima.report.report import Problem, Report

Case = Callable[..., list[Report | Problem]]
Labels = Callable[[str], dict[str, str]]
HEMORRHAGE = "vascular_hemorrhagic_intracranial_hemorrhage"
INFARCT = "vascular_ischemic_large_vessel_stroke"


def form(text: str | bytes, kind: str = "text/plain", **more: str) -> dict[str, str]:
    data = text.encode() if isinstance(text, str) else text
    return {"contentType": kind, "data": base64.b64encode(data).decode(), **more}


def resource(kind: str = "DiagnosticReport", **fields: Any) -> dict[str, Any]:
    return {"resourceType": kind, "status": "final", **fields}


def read(value: Any) -> Report | Problem:
    (found,) = reports_from(json.dumps(value).encode(), "a.json")
    return found


def text_of(value: Any) -> str:
    found = read(value)
    assert isinstance(found, Report), found
    return found.text


def test_a_conclusion_beside_a_generated_narrative(case: Case, labels: Labels) -> None:
    (found,) = case("r11_fhir_stub_narrative")
    assert isinstance(found, Report)
    assert "IMPRESSION: Acute infarct in the pons." in found.text
    assert "present" in labels(found.text).values()


def test_siblings_of_a_stub() -> None:
    stub = {"status": "generated", "div": "<div>MR brain, final</div>"}
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "Impression"}}
    told = resource(text=stub, contained=[observation | {"valueString": "Meningioma."}], result=[{"reference": "#o"}])
    assert "IMPRESSION: Meningioma." in text_of(told)
    whole = resource(text=stub, presentedForm=[form("FINDINGS: Cyst.\nIMPRESSION: Cyst.")], conclusion="Meningioma.")
    assert text_of(whole) == "FINDINGS: Cyst.\nIMPRESSION: Cyst.\nIMPRESSION: Meningioma."
    same = resource(
        presentedForm=[form("FINDINGS: Small cyst.\nIMPRESSION: A small cyst.")], conclusion="A small cyst."
    )
    assert text_of(same) == "FINDINGS: Small cyst.\nIMPRESSION: A small cyst."


def test_cells_of_a_table_stay_apart(case: Case, labels: Labels) -> None:
    (found,) = case("r12_fhir_html_table")
    assert isinstance(found, Report)
    assert set(labels(found.text).values()) == {"absent"}


@pytest.mark.parametrize(
    "markup",
    [
        "<table><tr><th>Hemorrhage</th><th>Infarct</th></tr><tr><td>None</td><td>Absent</td></tr></table>",
        "<table><tr><th>Finding</th><th>Absent</th><th>Present</th></tr><tr><td>Hemorrhage</td><td>X</td><td></td></tr>"
        "<tr><td>Infarct</td><td>x</td><td/></tr></table>",
        "<dl><dt>Hemorrhage</dt><dd>None.</dd><dt>Infarct</dt><dd>None.</dd></dl>",
        "<div><span>Hemorrhage:</span> <b>none</b></div><div>Infarct: <i>absent</i></div>",
        "<table><tr><td><p>Hemorrhage</p></td><td><p>None</p></td></tr><tr><td>Infarct</td><td>No</td></tr></table>",
        "<p>No hemor&shy;rhage</p><p>No infarct</p>",
        "<p><del>Hemorrhage.</del> No infarct. <s>Large</s> <span>No hemorrhage.</span></p>",
    ],
)
def test_tables_and_lists_of_other_forms(markup: str, labels: Labels) -> None:
    said = labels(text_of(resource(presentedForm=[form(markup, "text/html")])))
    assert (said.get(HEMORRHAGE), said.get(INFARCT)) == ("absent", "absent")


def test_rtf(case: Case, labels: Labels) -> None:
    (found,) = case("r14_fhir_rtf")
    assert isinstance(found, Report)
    assert "No hämorrhage. No mass." in found.text
    assert labels(found.text)["tumor_adult_high_grade_glioma"] == "historical"


def test_rtf_of_other_kinds() -> None:
    rtf = r"{\rtf1\ansi\ansicpg1252 Hemorrhage\cell None\cell\row {\deleted Infarct.}{\strike Cyst.} Normal.\par}"
    for kind in ("application/rtf", "text/plain", "text/richtext"):
        assert text_of(resource(presentedForm=[form(rtf, kind)])).strip() == "Hemorrhage: None\n Normal.".strip()
    found = read(resource(presentedForm=[form(r"{\rtf1 \u99999999999? x}", "text/rtf")]))
    assert isinstance(found, Problem)
    assert "RTF" in found.found


def test_two_forms(case: Case) -> None:
    (found,) = case("r15_fhir_two_forms")
    assert isinstance(found, Report)
    assert found.text == "FINDINGS: Ventricles normal.\nIMPRESSION: Meningioma."


def test_forms_of_two_kinds_and_in_other_places() -> None:
    forms = [form("<p>Ventricles normal.</p>", "text/html", title="Findings"), form("Meningioma.", title="Impression")]
    assert text_of(resource(presentedForm=forms)) == "FINDINGS: Ventricles normal.\nIMPRESSION: Meningioma."
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": form("No mass.")["data"]}
    report = resource(presentedForm=[{"contentType": "text/plain", "url": "Binary/b"}, form("No bleed.")])
    bundle = {"resourceType": "Bundle", "entry": [{"resource": binary}, {"resource": report}]}
    assert text_of(bundle) == "No mass.\nNo bleed."
    contained = resource(contained=[binary], presentedForm=[{"url": "#b"}])
    assert text_of(contained) == "No mass."
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": part} for part in forms],
    }
    assert text_of(document) == "FINDINGS: Ventricles normal.\nIMPRESSION: Meningioma."
    sections = [{"title": title, "text": {"div": f"<div>{title} text</div>"}} for title in ("History", "Impression")]
    assert text_of(resource("Composition", section=sections)) == "HISTORY: History text\nIMPRESSION: Impression text"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "registered"}, "preliminary"),
        ({"status": "partial"}, "preliminary"),
        ({"status": "amended"}, "corrected"),
        ({"status": "appended"}, "corrected"),
        ({"status": "unknown"}, "unknown"),
        ({"status": "done"}, "unknown"),
        ({"status": None}, "unknown"),
        ({"status": "cancelled"}, "cancelled"),
        ({"status": "entered-in-error"}, "entered_in_error"),
        ({"resourceType": "DocumentReference", "status": "current"}, "final"),
        ({"resourceType": "DocumentReference", "status": "current", "docStatus": "preliminary"}, "preliminary"),
        ({"resourceType": "DocumentReference", "status": "superseded", "docStatus": "final"}, "superseded"),
        ({"resourceType": "DocumentReference", "status": "entered-in-error"}, "entered_in_error"),
    ],
)
def test_the_status_of_a_resource(fields: dict[str, Any], status: str) -> None:
    told = {**resource(presentedForm=[form("No mass.")], content=[{"attachment": form("No mass.")}]), **fields}
    found = read(told)
    assert isinstance(found, Report)
    assert found.report_status == status


@pytest.mark.parametrize(
    "charset", ["undefined", "idna", "punycode", "rot13", "unicode_escape", "x" * 500, "\x00", "utf-7"]
)
def test_an_encoding_that_is_none(charset: str) -> None:
    assert text_of(resource(presentedForm=[form("No mass.", f"text/plain; charset={charset}")])) == "No mass."


def test_one_bad_file_does_not_stop_others(case: Case) -> None:
    assert [report.text for report in case("carriers/fhir_codec") if isinstance(report, Report)] == [
        "No mass.",
        "IMPRESSION: good report",
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "DiagnosticReport", "status": ["final"], "presentedForm": 3, "text": [], "subject": 1},
        {"resourceType": "DiagnosticReport", "presentedForm": [{"data": 1}, None, {"data": "=="}]},
        {"resourceType": "DiagnosticReport", "contained": [{"id": []}], "result": [{"reference": "#x"}, 4]},
        {"resourceType": ["DiagnosticReport"]},
        {"resourceType": "Bundle", "entry": [None, 1, {"resource": None}, {"fullUrl": 3, "resource": []}]},
    ],
)
def test_odd_values_are_problems_and_stop_nothing(odd: dict[str, Any]) -> None:
    good = resource(conclusion="No mass.")
    lines = f"{json.dumps(odd)}\n{json.dumps(good)}"
    found = list(reports_from(lines.encode(), "a.ndjson"))
    assert [report.text for report in found if isinstance(report, Report)] == ["IMPRESSION: No mass."]
    assert any(isinstance(one, Problem) for one in found)


def test_nesting_without_end_is_named() -> None:
    for opened, closed in (("[", "]"), ('{"resourceType":"Bundle","entry":[', "]}")):
        for depth in (50, 3000):
            data = (opened * depth + closed * depth).encode()
            assert all(isinstance(one, Problem) for one in reports_from(data, "a.json"))
