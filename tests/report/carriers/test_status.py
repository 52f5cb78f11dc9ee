"""The status tables: unknown is never final, and the docs have them as they are."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.report.carriers import status as tables
from prima.report.carriers.status import STANDING, VOID, least_final, status_in, status_of_words
from prima.report.report import ReportStatus

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "report-formats.md"
TABLES = {
    "OBR-25 (0123)": tables.OBR_25,
    "OBX-11 (0085)": tables.OBX_11,
    "TXA-17 (0271)": tables.TXA_17,
    "TXA-19 (0273)": tables.TXA_19,
    "MDM event": tables.MDM_EVENTS,
    "FHIR DiagnosticReport, Composition": tables.FHIR_REPORT,
    "FHIR DocumentReference": tables.FHIR_DOCUMENT,
    "words in CSV": tables.WORDS,
}


def rows() -> list[str]:
    """A line a table and status, as the page has them."""
    return [
        f"| {name} | {', '.join(f'`{code}`' for code, meant in table.items() if meant == status)} | `{status}` |"
        for name, table in TABLES.items()
        for status in get_args(ReportStatus)
        if status in table.values()
    ]


def test_the_page_has_the_tables() -> None:
    text = PAGE.read_text("utf-8")
    assert not [row for row in rows() if row not in text]


@given(st.text(min_size=1))
def test_what_stands_in_no_table_is_never_final(code: str) -> None:
    for table in TABLES.values():
        if code.strip() and {code.strip(), code.strip().upper(), code.strip().lower()}.isdisjoint(table):
            assert status_in(table, code) == "unknown"
    if "".join(filter(str.isalpha, code.lower())) not in tables.WORDS and code.isascii():
        assert status_of_words(code) == "unknown"


@pytest.mark.parametrize("status", get_args(ReportStatus))
def test_a_whole_is_no_more_final_than_its_parts(status: ReportStatus) -> None:
    assert least_final(("final", status)) == status
    assert (status in STANDING) + (status in VOID) + (status in ("preliminary", "unknown")) == 1
