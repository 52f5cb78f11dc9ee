"""The split keeps every patient on one side; and the check finds whatever does not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prima.archive.cohort.split import LeakageError, Split, assign, check_no_leakage
from prima.errors import UsageError

START = date(2023, 1, 1)
SCHEMA = {
    "study_uid": pl.String(),
    "patient_id": pl.String(),
    "study_date": pl.Date(),
    "status": pl.String(),
    "reason": pl.String(),
}
BY_TIME = Split(test_from=date(2023, 6, 1), test_until=date(2023, 12, 31))


def cohort(*rows: tuple[str, date, bool]) -> pl.DataFrame:
    """Patient, date, included."""
    return pl.DataFrame(
        [
            (str(index), patient, day, "included" if used else "excluded", None if used else "too_few_series")
            for index, (patient, day, used) in enumerate(rows)
        ],
        schema=SCHEMA,
        orient="row",
    )


def sides(rows: pl.DataFrame) -> list[str]:
    return [side or why for side, why in rows.select("split", "reason").iter_rows()]


def test_by_time_with_patients_on_one_side() -> None:
    rows = cohort(
        ("early", date(2023, 5, 31), True),
        ("both", date(2023, 1, 1), True),
        ("both", date(2023, 6, 1), True),
        ("late", date(2023, 12, 31), True),
        ("after", date(2024, 1, 1), True),
        ("excluded", date(2023, 7, 1), False),
        ("excluded", date(2023, 2, 1), True),
        ("after", date(2023, 3, 1), True),
    )
    found = sides(assign(rows, BY_TIME))
    assert found == ["train", "patient_in_test", "test", "test", "after_test", "too_few_series", "train", "train"]


def test_without_a_test_period_all_train_or_validate() -> None:
    rows = cohort(*((str(index), START, True) for index in range(2000)))
    found = assign(rows, Split(validation=0.1))["split"].value_counts()
    counts = dict(found.iter_rows())
    assert set(counts) == {"train", "validation"}
    assert 150 < counts["validation"] < 250
    assert sides(assign(rows, Split(validation=0.1))) == sides(assign(rows, Split(validation=0.1)))
    assert sides(assign(rows, Split(validation=0.1))) != sides(assign(rows, Split(validation=0.1, seed=1)))


def test_a_patient_stays_where_they_are_when_the_archive_grows() -> None:
    some = cohort(*((str(index), START, True) for index in range(100)))
    more = cohort(*((str(index), START, True) for index in range(300)))
    split = Split(validation=0.3)
    assert sides(assign(more, split))[:100] == sides(assign(some, split))


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 500), st.booleans()), max_size=40),
    st.sampled_from([None, 100, 250]),
    st.sampled_from([None, 100, 400]),
    st.sampled_from([0.0, 0.3, 0.9]),
)
def test_no_split_leaks(rows: list[Any], first: int | None, length: int | None, validation: float) -> None:
    start = None if first is None else START + timedelta(days=first)
    end = None if start is None or length is None else start + timedelta(days=length)
    split = Split(test_from=start, test_until=end, validation=validation)
    given_rows = cohort(*((patient, START + timedelta(days=day), used) for patient, day, used in rows))
    found = assign(given_rows, split)
    check_no_leakage(found.iter_rows(named=True), split)
    assert found.height == len(rows)
    excluded = found.filter(pl.col("status") == "excluded")
    assert excluded["reason"].null_count() == 0
    before = given_rows.filter(pl.col("status") == "excluded")
    assert found.join(before, on="study_uid")["reason"].to_list() == before["reason"].to_list()


def row(**facts: Any) -> dict[str, Any]:
    return {
        "study_uid": "1",
        "patient_id": "P",
        "study_date": date(2023, 2, 1),
        "status": "included",
        "split": "train",
        **facts,
    }


SOUND = [row(), row(study_uid="2", patient_id="Q", study_date=date(2023, 7, 1), split="test")]


def test_the_check_lets_a_sound_split_pass() -> None:
    check_no_leakage([*SOUND, row(study_uid="3", status="excluded", split=None)], BY_TIME)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(study_uid="3", study_date=date(2023, 7, 1), split="test"), "a patient is in train and in test"),
        (row(study_uid="3", split="validation"), "a patient is in train and in validation"),
        (row(study_uid="1", patient_id="R"), "stands twice"),
        (row(study_uid="3", patient_id="R", split="test"), "2023-02-01 is in test"),
        (row(study_uid="3", patient_id="R", study_date=date(2023, 6, 1)), "2023-06-01 is in train"),
        (row(study_uid="3", patient_id="R", study_date=date(2024, 1, 1), split="test"), "2024-01-01 is in test"),
        (row(study_uid="3", patient_id="R", split=None), "its side is None"),
        (row(study_uid="3", patient_id="R", split="trian"), "its side is trian"),
        (row(study_uid="3", status="excluded"), "is excluded"),
        (row(study_uid="3", patient_id=None), "without patient"),
        (row(study_uid="3", patient_id="R", study_date=None), "without patient or date"),
    ],
)
def test_the_check_finds_what_leaks(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(LeakageError, match=message):
        check_no_leakage([*SOUND, bad], BY_TIME)


@pytest.mark.parametrize(
    "options",
    [
        {"validation": 1.0},
        {"validation": -0.1},
        {"test_until": START},
        {"test_from": START, "test_until": START - timedelta(days=1)},
    ],
)
def test_a_split_that_contradicts_itself_is_wrong_usage(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Split(**options)
