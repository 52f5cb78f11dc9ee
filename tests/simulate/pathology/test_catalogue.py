"""The documentation's table is the code's."""

from __future__ import annotations

from pathlib import Path

from prima.simulate.pathology.catalogue import markdown_table

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "simulated-pathology.md"


def test_the_page_holds_the_table():
    assert markdown_table() in PAGE.read_text("utf-8"), "write the table anew: catalogue.markdown_table()"
