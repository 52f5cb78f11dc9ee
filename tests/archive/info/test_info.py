"""What is shown of an archive: every study counted once in every division, and a page that needs nothing else."""

from __future__ import annotations

import os
import re
import shutil
from datetime import date, datetime
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from prima.archive.cohort.curate import Curation, curate
from prima.archive.cohort.split import Split
from prima.archive.info.count import ArchiveInfo, Breakdown, BreakdownLine, info_of
from prima.archive.info.page import breakdown_svg, info_page
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append, scan

CHROMIUM = os.environ.get("PRIMA_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
CURATION = Curation(split=Split(test_from=date(2024, 6, 1)), now=datetime(2025, 1, 1))


def titled(info: ArchiveInfo, title: str) -> dict[str, dict[str, int]]:
    (found,) = (one for one in info.breakdowns if one.title == title)
    return {line.label: line.numbers for line in found.lines}


def test_every_study_and_series_is_counted_once(filled: Archive) -> None:
    curate(filled, CURATION)
    info = info_of(filled)
    assert (info.totals["studies"], info.totals["reports"], info.totals["labelled studies"]) == (17, 17, 0)
    assert info.totals["patients"] == 15  # two studies of one patient, and one study of nobody
    for one in info.breakdowns:
        total = sum(line.total for line in one.lines)
        if one.title.startswith("Series"):
            assert total == info.totals["series"], one.title
        elif one.title.startswith("Studies") and not one.over_time:
            assert total == info.totals["studies"], one.title
        elif one.title == "Reports by outcome":
            assert total == info.totals["reports"]
    assert titled(info, "Studies by sex") == {"F": {"train": 1, "test": 2, "left out": 13}, "not stated": {"train": 1}}
    assert titled(info, "Studies by age") == {"40–49": {"train": 2, "test": 2, "left out": 13}}
    assert titled(info, "Series used and left out")["Not MRI"] == {"excluded": 2}


def test_without_a_cohort_there_are_no_sides(filled: Archive) -> None:
    info = info_of(filled)
    assert info.flow is None
    assert titled(info, "Studies by sex") == {"F": {"studies": 16}, "not stated": {"studies": 1}}
    assert titled(info, "Reports by status") == {"final": {"number": 16}, "preliminary": {"number": 1}}


def test_the_flow_that_is_shown_is_the_one_that_was_written(filled: Archive) -> None:
    flow = curate(filled, CURATION)
    assert info_of(filled).flow == flow


def test_time_has_no_gaps_and_a_long_one_goes_by_year(filled: Archive) -> None:
    by_month = titled(info_of(filled), "Studies over time")
    assert list(by_month) == [f"2024-{month:02d}" for month in range(1, 13)]
    study = scan(filled, "studies").filter(pl.col("study_uid") == "1.2.1").drop("revision").collect()
    append(filled, "studies", study.with_columns(study_date=date(1999, 5, 5)).to_dicts())
    by_year = titled(info_of(filled), "Studies over time")
    assert list(by_year) == [str(year) for year in range(1999, 2025)]
    assert (by_year["1999"], by_year["2000"]) == ({"studies": 1}, {})


def test_labels_and_tokens_are_counted_by_study(filled: Archive) -> None:
    for place, rows in {
        "labels/studies.parquet": {"study_uid": ["1", "2", "3"]},
        "labels/labels.parquet": {
            "study_uid": ["1", "1", "2", "2"],
            "diagnosis": ["tumor_adult_glioma", "spine_syrinx", "tumor_adult_glioma", "spine_syrinx"],
            "assertion": ["present", "absent", "present", "present"],
        },
        "tokens/one/tokens.parquet": {"study_uid": ["1", "2", "3"], "status": ["used", "used", "failed"]},
        "tokens/two/tokens.parquet": {"study_uid": ["1", "4"], "status": ["used", "used"]},
    }.items():
        (filled.root / place).parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows).write_parquet(filled.root / place)
    info = info_of(filled)
    assert (info.totals["labelled studies"], info.totals["tokenised studies"]) == (3, 3)
    assert titled(info, "Reports by diagnosis present") == {"Glioma, adult": {"number": 2}, "Syrinx": {"number": 1}}


def test_an_empty_archive_can_be_shown(archive: Archive) -> None:
    info = info_of(archive)
    assert set(info.totals.values()) == {0}
    assert info.breakdowns == ()
    assert "Archive <b>" not in info_page(info, name="<b>")


def test_a_drawing_says_every_number(filled: Archive) -> None:
    curate(filled, CURATION)
    for one in info_of(filled).breakdowns:
        drawing = ElementTree.fromstring(breakdown_svg(one))
        label = drawing.get("aria-label") or ""
        for line in one.lines:
            assert f"{line.label} {line.total}" in label
        widths = [
            float(bar.get("width", 0)) for bar in drawing.iter("{http://www.w3.org/2000/svg}rect") if bar.get("x")
        ]
        assert all(width >= 0 for width in widths)


def test_the_longest_bars_are_listed_and_the_rest_is_one_line() -> None:
    rows = Breakdown(
        title="x", lines=tuple(BreakdownLine(f"{'scanner' * 9} {index}", {"studies": 1}) for index in range(3))
    )
    assert re.search(r">scanner[a-z]*…<", breakdown_svg(rows))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium; install it or set PRIMA_CHROMIUM to one")
def test_the_page_fits_the_window_and_loads_nothing(filled: Archive, tmp_path: Path) -> None:
    curate(filled, CURATION)
    path = tmp_path / "info.html"
    path.write_text(info_page(info_of(filled), name="archive"), "utf-8")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for width in (1280, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto(path.as_uri())
            assert asked == [path.as_uri()]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            outside = """[...document.querySelectorAll('svg text')].filter(e => {
                const box = e.getBoundingClientRect(), all = e.closest('svg').getBoundingClientRect();
                return box.left < all.left - 1 || box.right > all.right + 1 || box.bottom > all.bottom + 1 }).length"""
            assert page.evaluate(outside) == 0
            page.close()
        browser.close()
