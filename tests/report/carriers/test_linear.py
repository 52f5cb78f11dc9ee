"""Work grows with the length of a message and no faster: calls and elements are counted, not seconds."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from prima.report.carriers.files import reports_from
from prima.report.carriers.plain_text import text_of_html
from prima.report.label import RuleLabeller
from prima.report.report import Report

SMALL, TIMES = 400, 4
# Four times the input may take so many times the steps: 4, and what begins to be looked up.
MOST = 5.0


def steps(work: Callable[[], Any]) -> int:
    """Calls of Python functions and of C functions that a piece of work makes."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def form(kind: str, text: str) -> bytes:
    data = base64.b64encode(text.encode()).decode()
    return json.dumps(
        {"resourceType": "DiagnosticReport", "status": "final", "presentedForm": [{"contentType": kind, "data": data}]}
    ).encode()


def hl7(size: int) -> bytes:
    lines = "".join(f"OBX|{index}|TX|x||No mass.||||||F\r" for index in range(size))
    return f"MSH|^~\\&|A||||2024||ORU^R01|1|P|2.5\rOBR|1||A\r{lines}".encode()


def lines_of_a_report(size: int) -> bytes:
    rows = "".join(f"A,{index},No mass.\n" for index in range(size))
    return f"accession,line,report\n{rows}".encode()


def copies_of_a_row(size: int) -> bytes:
    rows = "".join(f"A{index},No mass.\n" for index in range(size))
    return f"accession,report\n{rows}".encode()


def many_forms(size: int) -> bytes:
    forms = [
        {"contentType": "text/plain", "data": base64.b64encode(b"No mass %d." % index).decode()}
        for index in range(size)
    ]
    return json.dumps({"resourceType": "DiagnosticReport", "status": "final", "presentedForm": forms}).encode()


def bundle(size: int) -> bytes:
    report = {"resourceType": "DiagnosticReport", "status": "final", "conclusion": "No mass."}
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": report}] * size}).encode()


MESSAGES: dict[str, Callable[[int], bytes]] = {
    "hl7": hl7,
    "hl7 of continued lines": lambda size: hl7(1) + b"text\rtext\n" * size,
    "csv lines": lines_of_a_report,
    "csv rows": copies_of_a_row,
    "fhir forms": many_forms,
    "fhir bundle": bundle,
    "html open": lambda size: form("text/html", "<" * 50 * size),
    "html nested": lambda size: form("text/html", "<div>" * size + "a" + "<b>" * size),
    "html tables": lambda size: form("text/html", "<table><tr><td>a<td>" * size),
    "html rows": lambda size: form("text/html", "<table>" + "<tr><td>a</td><td>no</td></tr>" * size),
    "html comments": lambda size: form("text/html", "a<!--" * size),
    "rtf groups": lambda size: form("text/rtf", "{\\rtf1 " + "{\\b a" * size),
    "rtf deleted": lambda size: form("text/rtf", "{\\rtf1 " + "{\\deleted " * size),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_reading_is_linear(name: str) -> None:
    make = MESSAGES[name]
    list(reports_from(make(SMALL), "a"))  # what is made once is made
    inputs = [make(SMALL), make(SMALL * TIMES)]
    small, large = (steps(lambda data=data: list(reports_from(data, "a"))) for data in inputs)
    assert large < MOST * small + 500


@pytest.mark.parametrize(
    "text",
    [
        "<" * 20, "hemorrhage or ", "no mass, ", "1. ", "? ", "Hemorrhage? No. ", "[ ] Hemorrhage\n", "FINDINGS:\n",
        "| a | no ", "SAH: no ", "Addendum a ", "no new known ", "\n", "Dr. A B ", "A",
    ],
)  # fmt: skip
def test_labelling_is_linear(text: str) -> None:
    RuleLabeller().label(text * SMALL)
    small, large = (steps(lambda size=size: RuleLabeller().label(text * size)) for size in (SMALL, SMALL * TIMES))
    assert large < MOST * small + 500


def test_the_case_that_took_quadratic_time() -> None:
    markup = "<" * 20_000
    assert text_of_html(markup) == markup
    assert steps(lambda: text_of_html(markup)) < 5 * len(markup)


def test_the_shared_case_reads(shared: Path) -> None:
    (report,) = reports_from((shared / "data/cases/carriers/fhir_redos/a.json").read_bytes(), "a.json")
    assert isinstance(report, Report)
    assert len(report.text) == 1_000_000
