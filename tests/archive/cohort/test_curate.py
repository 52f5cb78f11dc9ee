"""From files to a cohort: each study with its first failing reason, and counts that add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import polars as pl
import pytest

from prima.archive.cohort import curate as curating
from prima.archive.cohort.curate import Curation, curate
from prima.archive.cohort.flow import LEFT_OUT, Flow, flow_text
from prima.archive.cohort.inclusion import REASON_WORDS, required_columns, steps
from prima.archive.cohort.split import LeakageError, Split
from prima.archive.ingest.intake import Exclusion
from prima.archive.ingest.reports import take_reports
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import ReportIngestOutcome
from prima.archive.store.tables import scan
from prima.archive.store.writing import ingesting
from prima.errors import UsageError

NOW = datetime(2025, 1, 1)


def outcomes(archive: Archive) -> dict[str, str]:
    """Study number → split or reason."""
    rows = pl.read_parquet(archive.cohort / "cohort.parquet")
    return {
        uid.split(".")[-1]: side or why for uid, side, why in rows.select("study_uid", "split", "reason").iter_rows()
    }


def by_time(**options: Any) -> Curation:
    split = Split(test_from=date(2024, 6, 1), test_until=date(2024, 11, 30))
    return Curation(split=split, now=NOW, **options)


def test_every_study_ends_with_a_side_or_its_first_failing_reason(filled: Archive) -> None:
    curate(filled, by_time())
    assert outcomes(filled) == {
        "1": "train",
        "2": "test",
        "3": "patient_in_test",
        "4": "after_test",
        "10": "study_without_report",
        "11": "too_few_series",
        "12": "not_mri",
        "13": "not_cranial",
        "14": "missing_patient_id",
        "15": "study_future_date",
        "16": "train",
        "17": "wrong_patient",
        "18": "report_before_study",
        "19": "preliminary_report",
        "20": "missing_manufacturer",
        "21": "several_patients",
        "22": "missing_study_date",
    }


def test_more_may_be_required(filled: Archive) -> None:
    curate(filled, by_time(required=required_columns(["sex"]), min_series=3))
    found = outcomes(filled)
    assert (found["1"], found["16"]) == ("too_few_series", "too_few_series")
    curate(filled, by_time(required=required_columns(["sex"])))
    assert outcomes(filled)["16"] == "missing_sex"
    with pytest.raises(UsageError, match="--require: found smell, expected one of age_years"):
        required_columns(["smell"])


def test_the_flow_adds_up(filled: Archive) -> None:
    flow = curate(filled, by_time())
    left = flow.total
    for step in flow.steps:
        left -= sum(step.removed.values())
        assert step.remaining == left
    assert left == sum(flow.left_out.values()) + sum(flow.sides.values()) == 5
    assert flow.total == 17
    assert (flow.sides, flow.left_out) == (
        {"train": 2, "validation": 0, "test": 1},
        {"patient_in_test": 1, "after_test": 1},
    )
    assert flow.reports["no_study"] == 1
    saved = json.loads((filled.cohort / "flow.json").read_text())
    assert saved.items() >= flow.to_dict().items()
    assert saved["split"]["test"] == {"studies": 1, "patients": 1}
    assert saved["settings"]["split"]["test_from"] == "2024-06-01"


def test_the_diagram_says_every_number_and_reason(filled: Archive) -> None:
    flow = curate(filled, by_time())
    picture = ElementTree.fromstring((filled.cohort / "flow.svg").read_text())
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    text = (filled.cohort / "flow.txt").read_text()
    assert text == flow_text(flow)
    for step in flow.steps:
        assert step.words in words
        assert step.words in text
        for reason, number in step.removed.items():
            assert f"{REASON_WORDS[reason]}: {number:,}" in words
            assert f"{-number}  {REASON_WORDS[reason]} ({reason})" in text


def test_every_reason_has_words_and_a_step() -> None:
    assert {reason for step in steps() for reason in step.reasons} | set(LEFT_OUT) == set(REASON_WORDS)


def test_again_gives_the_same_cohort(filled: Archive) -> None:
    curate(filled, by_time())
    first = (filled.cohort / "cohort.parquet").read_bytes()
    curate(filled, by_time())
    assert (filled.cohort / "cohort.parquet").read_bytes() == first


def test_a_split_that_leaks_is_never_published(filled: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    curate(filled, by_time())
    before = (filled.cohort / "cohort.parquet").read_bytes()
    real = curating.assign

    def leaky(rows: pl.DataFrame, split: Split) -> pl.DataFrame:
        return real(rows, split).with_columns(
            split=pl.when(pl.col("reason") == "patient_in_test").then(pl.lit("train")).otherwise("split"),
            status=pl.when(pl.col("reason") == "patient_in_test").then(pl.lit("included")).otherwise("status"),
        )

    monkeypatch.setattr(curating, "assign", leaky)
    with pytest.raises(LeakageError, match="a patient is in"):
        curate(filled, by_time(min_series=1))
    assert (filled.cohort / "cohort.parquet").read_bytes() == before


def test_an_empty_archive_has_an_empty_cohort(archive: Archive) -> None:
    flow = curate(archive, Curation(now=NOW))
    assert (flow.total, sum(flow.sides.values())) == (0, 0)
    assert isinstance(flow, Flow)


def test_a_report_from_several_carriers_counts_once(archive: Archive, said: Any) -> None:
    report = said(accession="A1", patient_id=" P1 ")
    with ingesting(archive):
        first = take_reports(archive, [report, report, said(text=" \n", accession="A2")], "csv")
        bad = Exclusion(unit="report", key="m", reason=ReportIngestOutcome.UNREADABLE, detail="cut")
        again = take_reports(archive, [said(accession="A1 ", patient_id="P1"), bad], "hl7")
    assert {word.value: number for word, number in first.items() if number} == {
        "report_stored": 1,
        "report_known": 1,
        "report_empty": 1,
    }
    assert {word.value: number for word, number in again.items() if number} == {
        "report_known": 1,
        "report_unreadable": 1,
    }
    assert scan(archive, "reports").collect().height == 1
    named = set(scan(archive, "exclusions").collect().select("unit", "key", "reason").iter_rows())
    assert named == {("report", "A2", "report_empty"), ("report", "m", "report_unreadable")}


def test_a_corrected_report_stands_beside_the_one_it_corrects(archive: Archive, said: Any) -> None:
    with ingesting(archive):
        take_reports(archive, [said(accession="A1"), said(accession="A1", report_status="corrected")], "hl7")
    assert scan(archive, "reports").collect().height == 2


Contents = Callable[[Archive], dict[str, Any]]


def test_curating_changes_nothing_of_the_archive(filled: Archive, contents: Contents) -> None:
    before = contents(filled)
    curate(filled, by_time())
    assert contents(filled) == before
    assert not list(Path(filled.incoming).iterdir())
