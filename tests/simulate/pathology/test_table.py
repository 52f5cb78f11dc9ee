"""The documentation's table is the code's."""

from __future__ import annotations

from pathlib import Path

from prima.simulate.pathology.table import table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "simulated-pathology.md"


def test_the_page_holds_the_table():
    assert table() in PAGE.read_text("utf-8"), "write the table anew: prima.simulate.pathology.table.table()"
