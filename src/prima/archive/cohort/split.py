"""Training, validation and test by time, with every patient on one side; and an independent check of the result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from prima.errors import ArchiveError, UsageError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Split:
    """How included studies are divided.

    Args:
        test_from: first day of the test period; None: there is no test set.
        test_until: last day of it; studies after it are left out.
        validation: share of the other patients that validate.
        seed: of the draw of those patients.

    Raises:
        UsageError: the values contradict each other.
    """

    test_from: date | None = None
    test_until: date | None = None
    validation: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.validation < 1:
            raise UsageError(f"--validation: found {self.validation:g}, expected a share from 0 up to but not 1")
        if self.test_until is not None and (self.test_from is None or self.test_until < self.test_from):
            raise UsageError("--test-until: expected a date on or after --test-from")


class LeakageError(ArchiveError):
    """A finished split has a patient or a time on both sides; nothing that was made with it may be believed."""


def assign(cohort: pl.DataFrame, split: Split) -> pl.DataFrame:
    """Add the column `split` to the rows of a cohort; a study without one is excluded with the reason.

    Studies before the test period of patients who also are in the test set leave training (`patient_in_test`), and
    studies after it are left out (`after_test`). Validation takes whole patients, drawn by a hash of patient and seed,
    so that a patient stays where they are when the archive grows.
    """
    included = pl.col("status") == "included"
    day = pl.col("study_date")
    in_test = pl.lit(value=False) if split.test_from is None else day >= split.test_from
    after = pl.lit(value=False) if split.test_until is None else day > split.test_until
    dated = cohort.with_columns(_test=included & in_test & ~after, _after=included & after)
    tested = dated.filter("_test").select("patient_id").unique()
    drawn = _drawn(dated.filter(included & ~pl.col("_test"))["patient_id"].unique(), split)
    first = dated.with_columns(
        _leaves=included
        & ~pl.col("_test")
        & ~pl.col("_after")
        & pl.col("patient_id").is_in(tested["patient_id"].implode()),
        _validates=pl.col("patient_id").is_in(drawn.implode()),
    )
    left_out = pl.when("_after").then(pl.lit("after_test")).when("_leaves").then(pl.lit("patient_in_test"))
    return (
        first.with_columns(reason=pl.coalesce("reason", left_out))
        .with_columns(
            status=pl.when(pl.col("reason").is_null()).then(pl.lit("included")).otherwise(pl.lit("excluded")),
            split=pl.when(pl.col("reason").is_null()).then(
                pl.when("_test")
                .then(pl.lit("test"))
                .when("_validates")
                .then(pl.lit("validation"))
                .otherwise(pl.lit("train"))
            ),
        )
        .drop("_test", "_after", "_leaves", "_validates")
    )


def _drawn(patients: pl.Series, split: Split) -> pl.Series:
    """The patients whose uniform value, a hash of seed and identifier, is below the share."""
    chosen = [
        patient for patient in patients.to_list() if patient is not None and _uniform(patient, split) < split.validation
    ]
    return pl.Series("patient_id", chosen, pl.String)


def _uniform(patient: str, split: Split) -> float:
    """In [0, 1), the same on every run."""
    digest = hashlib.sha256(f"{split.seed}/{patient}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def check_no_leakage(rows: Iterable[Mapping[str, Any]], split: Split) -> None:
    """Check the finished rows one by one, independently of the code that made them.

    Raises:
        LeakageError: a study or a patient is on two sides, a date on the wrong one, or an included study on none.
    """
    side_of: dict[str, str] = {}
    seen: set[str] = set()
    for row in rows:
        if row["study_uid"] in seen:
            raise LeakageError(f"split: study {row['study_uid']} stands twice in the cohort")
        seen.add(row["study_uid"])
        side, day, patient = row["split"], row["study_date"], row["patient_id"]
        if (side in SPLITS) != (row["status"] == "included") or (side is not None and side not in SPLITS):
            raise LeakageError(f"split: study {row['study_uid']} is {row['status']} and its side is {side}")
        if side is None:
            continue
        if not patient or day is None:
            raise LeakageError(f"split: study {row['study_uid']} is in {side} without patient or date")
        if side_of.setdefault(patient, side) != side:
            raise LeakageError(f"split: a patient is in {side_of[patient]} and in {side} (study {row['study_uid']})")
        past = split.test_from is None or day < split.test_from
        if past == (side == "test") or (split.test_until is not None and day > split.test_until):
            raise LeakageError(f"split: study {row['study_uid']} of {day} is in {side}")
