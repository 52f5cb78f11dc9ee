"""Which studies can be learnt from: the published inclusion, each study with its first failing reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from prima.archive.cohort.match import WITHOUT_REPORT
from prima.errors import UsageError
from prima.study.exclusion import Reason

MIN_SERIES = 2
COMPLETE = ("patient_id", "study_date", "manufacturer")
# What a study may be required to state, besides.
MAY_BE_REQUIRED = ("age_years", "sex", "description", "field_strength_t", "model", "accession", "institution")


@dataclass(frozen=True, kw_only=True)
class Inclusion:
    """The rule: cranial MRI, a report, enough usable series, complete metadata.

    Args:
        min_series: a study with fewer usable series is left out.
        required: columns of the table of studies that must be stated.
        now: a study dated more than a day later has a wrong date.
    """

    min_series: int = MIN_SERIES
    required: tuple[str, ...] = COMPLETE
    now: datetime


def required_columns(also: Sequence[str]) -> tuple[str, ...]:
    """What must be stated anyway, and more.

    Raises:
        UsageError: a column that cannot be required.

    Example:
        >>> required_columns(["sex"])
        ('patient_id', 'study_date', 'manufacturer', 'sex')
    """
    unknown = sorted(set(also) - set(MAY_BE_REQUIRED))
    if unknown:
        raise UsageError(f"--require: found {unknown[0]}, expected one of {', '.join(MAY_BE_REQUIRED)}")
    return (*COMPLETE, *dict.fromkeys(also))


@dataclass(frozen=True)
class Step:
    """One box of the cohort diagram: what is true of the studies in it, and the reasons that keep others out."""

    name: str
    words: str
    reasons: tuple[str, ...]


def steps(required: Sequence[str] = (*COMPLETE, *MAY_BE_REQUIRED)) -> tuple[Step, ...]:
    """The steps in the order in which they are asked; the first reason that holds is a study's reason."""
    reports = (
        *(WITHOUT_REPORT, "preliminary_report", "report_of_unknown_status", "report_withdrawn", "undecided_reports"),
        *("addendum_without_report", "wrong_patient", "report_before_study", "report_future_date"),
    )
    missing = tuple(f"missing_{name}" for name in required)
    return (
        Step("sound", "Readable, and of one patient", ("unreadable", "several_patients")),
        Step("cranial_mri", "Cranial MRI", ("not_mri", "not_cranial")),
        Step("with_report", "With a report", reports),
        Step("enough_series", "With enough usable series", ("too_few_series",)),
        Step("complete", "With complete metadata", (*missing, "study_future_date")),
    )


REASON_WORDS = {
    "unreadable": "no header could be read",
    "several_patients": "files of several patients",
    "not_mri": "no MR series",
    "not_cranial": "another part of the body",
    WITHOUT_REPORT: "no report",
    "preliminary_report": "only a preliminary report",
    "report_of_unknown_status": "report of a status that no table has",
    "report_withdrawn": "report cancelled, withdrawn or entered in error",
    "undecided_reports": "reports filed at once, none of which corrects the other",
    "addendum_without_report": "only an addendum, without what it adds to",
    "wrong_patient": "report names another patient",
    "report_before_study": "report filed before the study",
    "report_future_date": "report dated in the future",
    "too_few_series": "too few usable series",
    "study_future_date": "dated in the future",
    "patient_in_test": "patient is in the test set",
    "after_test": "after the test period",
    "missing_patient_id": "no patient identifier",
    "missing_study_date": "no study date",
    "missing_manufacturer": "no manufacturer",
    "missing_age_years": "no age",
    "missing_sex": "no sex",
    "missing_description": "no study description",
    "missing_field_strength_t": "no field strength",
    "missing_model": "no scanner model",
    "missing_accession": "no accession number",
    "missing_institution": "no institution",
}


def cohort(
    studies: pl.LazyFrame, series: pl.LazyFrame, reports_of_studies: pl.LazyFrame, inclusion: Inclusion
) -> pl.LazyFrame:
    """One row per study: study_uid, patient_id, study_date, report_id, num_usable, status, reason.

    Args:
        studies, series: rows of the catalogue.
        reports_of_studies: as `match` gives it.
        inclusion: the rule.
    """
    counted = series.group_by("study_uid").agg(
        num_mr=(pl.col("modality") == "MR").sum(),
        num_usable=(pl.col("status") == "used").sum(),
        num_elsewhere=(pl.col("reason") == Reason.NOT_BRAIN.value).sum(),
    )
    rows = studies.join(counted, on="study_uid", how="left").join(reports_of_studies, on="study_uid", how="left")
    usable = pl.col("num_usable").fill_null(0)
    checks: list[tuple[pl.Expr, pl.Expr]] = [
        (pl.col("problem").is_not_null(), pl.col("problem")),
        (pl.col("num_mr").fill_null(0) == 0, pl.lit("not_mri")),
        ((usable == 0) & (pl.col("num_elsewhere") > 0), pl.lit("not_cranial")),
        (pl.col("report_id").is_null(), pl.col("report_reason")),
        (usable < inclusion.min_series, pl.lit("too_few_series")),
        *((_missing(name), pl.lit(f"missing_{name}")) for name in inclusion.required),
        (
            pl.col("study_date").cast(pl.Datetime("us")) > inclusion.now + timedelta(days=1),
            pl.lit("study_future_date"),
        ),
    ]
    reason = pl.coalesce(pl.when(holds).then(word) for holds, word in checks)
    return rows.with_columns(reason=reason, num_usable=usable).select(
        "study_uid",
        pl.col("patient_id").str.strip_chars(),
        "study_date",
        "report_id",
        "num_usable",
        status=pl.when(pl.col("reason").is_null()).then(pl.lit("included")).otherwise(pl.lit("excluded")),
        reason="reason",
    )


def _missing(name: str) -> pl.Expr:
    """Whether a study does not state something; text of blanks states nothing."""
    blank = pl.col(name).cast(pl.String).str.strip_chars() == ""
    return pl.col(name).is_null() | blank
