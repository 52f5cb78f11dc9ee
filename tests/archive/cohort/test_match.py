"""Every report ends with an outcome, every study with a report or a reason."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.archive.cohort.match import ReportOutcome, match
from prima.archive.store.schema import REPORTS, STUDIES
from prima.archive.store.tables import schema_of

DAY = date(2024, 1, 10)
FILED = datetime(2024, 1, 10, 15)
NOW = datetime(2025, 1, 1)
Row = dict[str, Any]


def study(uid: str, *, patient: str | None = "P", accession: str | None = None, day: date | None = DAY) -> Row:
    return {"study_uid": uid, "patient_id": patient, "accession": accession, "study_date": day}


def report(name: str, **facts: Any) -> Row:
    return {"report_id": name, "patient_id": "P", "filed_at": FILED, "report_status": "final", **facts}


def frame(table: Any, rows: list[Row]) -> pl.LazyFrame:
    schema = schema_of(table)
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema).lazy()


def outcome(studies: list[Row], reports: list[Row]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reports: name → (study, outcome); studies: uid → report or reason."""
    found = match(frame(STUDIES, studies), frame(REPORTS, reports), now=NOW)
    of_reports, of_studies = found.reports.collect(), found.studies.collect()
    assert sorted(of_reports["report_id"]) == sorted(row["report_id"] for row in reports)
    assert sorted(of_studies["study_uid"]) == sorted(row["study_uid"] for row in studies)
    return (
        {name: (uid, word) for name, uid, word in of_reports.iter_rows()},
        {uid: name or why for uid, name, why in of_studies.iter_rows()},
    )


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({"study_uid": "1"}, "matched", "r"),
        ({"accession": "A"}, "matched", "r"),
        ({"accession": " A ", "patient_id": "P  "}, "matched", "r"),
        ({"accession": "A", "patient_id": None}, "matched", "r"),
        ({"accession": "A", "filed_at": None}, "matched", "r"),
        ({"study_uid": "gone", "accession": "A"}, "matched", "r"),
        ({"accession": "A", "patient_id": "Q"}, "wrong_patient", "wrong_patient"),
        ({"study_uid": "1", "patient_id": "Q"}, "wrong_patient", "wrong_patient"),
        ({"accession": "A", "filed_at": FILED - timedelta(days=2)}, "report_before_study", "report_before_study"),
        ({"accession": "A", "filed_at": FILED - timedelta(days=1)}, "matched", "r"),
        ({"accession": "A", "filed_at": NOW + timedelta(days=2)}, "report_future_date", "report_future_date"),
        ({"accession": "A", "report_status": "preliminary"}, "preliminary", "preliminary_report"),
        ({"accession": "B"}, "no_study", "study_without_report"),
        ({"accession": ""}, "no_study", "study_without_report"),
        ({"study_uid": "gone"}, "no_study", "study_without_report"),
    ],
)
def test_one_report_and_one_study(facts: Row, word: str, reason: str) -> None:
    of_reports, of_studies = outcome([study("1", accession="A")], [report("r", **facts)])
    assert of_reports["r"] == (None if word == "no_study" else "1", word)
    assert of_studies == {"1": reason}


def test_an_empty_accession_number_matches_nothing() -> None:
    of_reports, _ = outcome([study("1", accession=""), study("2", accession=None)], [report("r", accession=" ")])
    assert of_reports == {"r": (None, "no_study")}


def test_of_several_reports_the_last_final_one_counts() -> None:
    later = FILED + timedelta(hours=3)
    of_reports, of_studies = outcome(
        [study("1", accession="A")],
        [
            report("first", accession="A"),
            report("corrected", accession="A", filed_at=later, report_status="corrected"),
            report("draft", accession="A", filed_at=later + timedelta(hours=1), report_status="preliminary"),
            report("undated", accession="A", filed_at=None),
            report("stranger", accession="A", filed_at=later + timedelta(days=1), patient_id="Q"),
        ],
    )
    assert of_studies == {"1": "corrected"}
    assert {name: word for name, (_, word) in of_reports.items()} == {
        "first": "superseded",
        "corrected": "matched",
        "draft": "superseded",
        "undated": "superseded",
        "stranger": "wrong_patient",
    }


def test_the_patient_decides_between_studies_of_one_accession_number() -> None:
    studies = [study("1", accession="A"), study("2", accession="A", patient="Q")]
    of_reports, of_studies = outcome(studies, [report("r", accession="A", patient_id="Q")])
    assert (of_reports, of_studies) == ({"r": ("2", "matched")}, {"1": "study_without_report", "2": "r"})
    of_reports, _ = outcome(studies, [report("r", accession="A", patient_id=None)])
    assert of_reports == {"r": (None, "ambiguous_accession")}
    of_reports, _ = outcome([study("1", accession="A"), study("2", accession="A")], [report("r", accession="A")])
    assert of_reports == {"r": (None, "ambiguous_accession")}


CODES = st.sampled_from([None, "", "A", "B", "C"])
PATIENTS = st.sampled_from([None, "P", "Q"])
TIMES = st.one_of(st.none(), st.datetimes(datetime(2024, 1, 1), datetime(2025, 2, 1)))


@given(
    studies=st.lists(st.tuples(CODES, PATIENTS, st.one_of(st.none(), st.dates(DAY, date(2024, 1, 20)))), max_size=6),
    reports=st.lists(
        st.tuples(
            st.sampled_from([None, "0", "1", "2", "x"]),
            CODES,
            PATIENTS,
            TIMES,
            st.sampled_from(["preliminary", "final", "corrected"]),
        ),
        max_size=8,
    ),
)
def test_nothing_is_lost_and_no_report_crosses_patients(studies: list[Any], reports: list[Any]) -> None:
    rows = [study(str(index), accession=code, patient=who, day=day) for index, (code, who, day) in enumerate(studies)]
    names = ("study_uid", "accession", "patient_id", "filed_at", "report_status")
    told = [report(f"r{index}", **dict(zip(names, facts, strict=True))) for index, facts in enumerate(reports)]
    of_reports, of_studies = outcome(rows, told)
    assert {word for _, word in of_reports.values()} <= {word.value for word in ReportOutcome}
    matched = {name: uid for name, (uid, word) in of_reports.items() if word == "matched"}
    assert sorted(matched.values()) == sorted(set(matched.values()))
    assert matched == {name: uid for uid, name in of_studies.items() if name in of_reports}
    patient_of = {row["study_uid"]: row["patient_id"] for row in rows}
    for name, uid in matched.items():
        assert {patient_of[uid], told[int(name[1:])]["patient_id"]} - {None} in ({"P"}, {"Q"}, set())


HOUR = timedelta(hours=1)


@pytest.mark.parametrize("status", ["cancelled", "withdrawn", "entered_in_error"])
def test_what_is_taken_back_does_not_count(status: str) -> None:
    taken_back = report("void", accession="A", filed_at=FILED + HOUR, report_status=status)
    first, later = report("first", accession="A"), report("later", accession="A", filed_at=FILED + 2 * HOUR)
    of_reports, of_studies = outcome([study("1", accession="A")], [first, taken_back])
    assert {name: word for name, (_, word) in of_reports.items()} == {"first": "withdrawn", "void": "takes_back"}
    assert of_studies == {"1": "report_withdrawn"}
    of_reports, of_studies = outcome([study("1", accession="A")], [first, taken_back, later])
    assert of_studies == {"1": "later"}
    other = report("other", accession="B")
    _, of_studies = outcome([study("1", accession="A"), study("2", accession="B")], [taken_back, other])
    assert of_studies == {"1": "report_withdrawn", "2": "other"}


def test_an_unknown_status_is_never_final() -> None:
    _, of_studies = outcome([study("1", accession="A")], [report("r", accession="A", report_status="unknown")])
    assert of_studies == {"1": "report_of_unknown_status"}
    reports = [report("odd", accession="A", filed_at=FILED + HOUR, report_status="unknown"), report("r", accession="A")]
    _, of_studies = outcome([study("1", accession="A")], reports)
    assert of_studies == {"1": "r"}


def test_addenda_are_joined_to_what_they_add_to() -> None:
    addenda = [
        report(f"add{hours}", accession="A", filed_at=FILED + hours * HOUR, report_status="addendum")
        for hours in (3, 1)
    ]
    before = report("before", accession="A", filed_at=FILED - HOUR, report_status="addendum")
    studies, reports = [study("1", accession="A")], [report("base", accession="A"), *addenda, before]
    found = match(frame(STUDIES, studies), frame(REPORTS, reports), now=NOW)
    assert found.addenda.collect().rows() == [("1", ["add1", "add3"])]
    of_reports, of_studies = outcome(studies, reports)
    assert of_studies == {"1": "base"}
    assert of_reports["before"] == ("1", "superseded")
    _, of_studies = outcome(studies, addenda)
    assert of_studies == {"1": "addendum_without_report"}


def test_reports_that_nothing_puts_in_order_do_not_count() -> None:
    twins = [report("a", accession="A"), report("b", accession="A")]
    of_reports, of_studies = outcome([study("1", accession="A")], twins)
    assert of_studies == {"1": "undecided_reports"}
    assert sorted(word for _, word in of_reports.values()) == ["superseded", "undecided_reports"]
    twins[0]["report_status"] = "corrected"
    _, of_studies = outcome([study("1", accession="A")], twins)
    assert of_studies == {"1": "a"}
