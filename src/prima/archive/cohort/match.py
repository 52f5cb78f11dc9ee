"""Which report belongs to which study: a pure function of the two tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import polars as pl

# Clocks of scanners and of reporting systems may differ by this much; a report filed earlier belongs elsewhere.
CLOCK_SKEW = timedelta(days=1)

WITHOUT_REPORT = "study_without_report"


class ReportOutcome(StrEnum):
    """How a report ended."""

    MATCHED = "matched"
    PRELIMINARY = "preliminary"
    SUPERSEDED = "superseded"
    BEFORE_STUDY = "report_before_study"
    FUTURE_DATE = "report_future_date"
    WRONG_PATIENT = "wrong_patient"
    AMBIGUOUS = "ambiguous_accession"
    NO_STUDY = "no_study"


@dataclass(frozen=True)
class MatchedReports:
    """Every report with its outcome, and every study with its report or the reason why it has none.

    Args:
        reports: report_id, study_uid (the study it was held against, if any), outcome.
        studies: study_uid, report_id, report_reason (null when there is a report).
    """

    reports: pl.LazyFrame
    studies: pl.LazyFrame


def match(studies: pl.LazyFrame, reports: pl.LazyFrame, *, now: datetime) -> MatchedReports:
    """Match reports to studies: by StudyInstanceUID, else by accession number, the patient checked.

    Where an accession number stands for several studies, the patient decides if that leaves one. Of several reports of
    one study the one filed last counts, final or corrected before preliminary; the others are superseded. A
    preliminary report alone is no report.

    Args:
        studies: rows of the catalogue.
        reports: rows of the catalogue; the text is not read.
        now: what is filed more than a day later has a wrong date.
    """
    pairs = _pairs(_plain_studies(studies), _plain_reports(reports))
    refused = (
        pl.when(pl.col("study").is_null() & (pl.col("num_hits") > 1))
        .then(pl.lit(ReportOutcome.AMBIGUOUS.value))
        .when(pl.col("study").is_null())
        .then(pl.lit(ReportOutcome.NO_STUDY.value))
        .when(pl.col("patient") != pl.col("patient_of_study"))
        .then(pl.lit(ReportOutcome.WRONG_PATIENT.value))
        .when(pl.col("filed_at") > now + CLOCK_SKEW)
        .then(pl.lit(ReportOutcome.FUTURE_DATE.value))
        .when(pl.col("filed_at") < pl.col("study_at") - CLOCK_SKEW)
        .then(pl.lit(ReportOutcome.BEFORE_STUDY.value))
    )
    judged = pairs.with_columns(refused=refused, preliminary=pl.col("report_status") == "preliminary")
    chosen = (
        judged.filter(pl.col("refused").is_null())
        .sort("preliminary", "filed_at", "report_id", descending=[True, False, False], nulls_last=False)
        .group_by("study", maintain_order=True)
        .agg(pl.col("report_id").last(), pl.col("preliminary").last())
    )
    outcomes = judged.join(
        chosen.select("report_id", kept=pl.lit(True)), on="report_id", how="left", maintain_order="left"
    ).select(
        "report_id",
        study_uid="study",
        outcome=pl.when(pl.col("refused").is_not_null())
        .then("refused")
        .when(pl.col("kept").is_null())
        .then(pl.lit(ReportOutcome.SUPERSEDED.value))
        .when("preliminary")
        .then(pl.lit(ReportOutcome.PRELIMINARY.value))
        .otherwise(pl.lit(ReportOutcome.MATCHED.value)),
    )
    return MatchedReports(reports=outcomes, studies=_of_studies(studies, outcomes))


def _plain_studies(studies: pl.LazyFrame) -> pl.LazyFrame:
    return studies.select(
        study="study_uid",
        patient_of_study=_code("patient_id"),
        accession=_code("accession"),
        study_at=pl.col("study_date").cast(pl.Datetime("us")),
    )


def _plain_reports(reports: pl.LazyFrame) -> pl.LazyFrame:
    return reports.select(
        "report_id",
        "filed_at",
        "report_status",
        named=_code("study_uid"),
        patient=_code("patient_id"),
        accession=_code("accession"),
    )


def _code(name: str) -> pl.Expr:
    """An identifier without the blanks around it; null when nothing is left."""
    stripped = pl.col(name).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _pairs(studies: pl.LazyFrame, reports: pl.LazyFrame) -> pl.LazyFrame:
    """Each report once, with the one study it is held against or with null and the number of studies it might mean."""
    by_uid = reports.join(studies.drop("accession"), left_on="named", right_on="study", how="left", coalesce=False)
    hit = by_uid.filter(pl.col("study").is_not_null()).with_columns(num_hits=pl.lit(1, pl.UInt32))
    unmatched = reports.join(studies.select("study"), left_on="named", right_on="study", how="anti")
    is_same_patient = pl.col("patient").eq_missing(pl.col("patient_of_study")).fill_null(value=False)
    candidates = unmatched.join(studies, on="accession", how="left").with_columns(
        num_hits=pl.col("study").count().over("report_id"), num_same=is_same_patient.sum().over("report_id")
    )
    by_accession = candidates.filter((pl.col("num_hits") == 1) | ((pl.col("num_same") == 1) & is_same_patient))
    unpaired = (
        unmatched.join(by_accession.select("report_id"), on="report_id", how="anti")
        .join(candidates.group_by("report_id").agg(pl.col("num_hits").first()), on="report_id", how="left")
        .with_columns(
            study=pl.lit(None, pl.String),
            patient_of_study=pl.lit(None, pl.String),
            study_at=pl.lit(None, pl.Datetime("us")),
        )
    )
    columns = ["report_id", "study", "filed_at", "report_status", "patient", "patient_of_study", "study_at", "num_hits"]
    return pl.concat([part.select(columns) for part in (hit, by_accession, unpaired)])


def _of_studies(studies: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study: its report, or the most telling of the reasons why it has none."""
    rank = {outcome.value: rank for rank, outcome in enumerate(ReportOutcome)}
    first = (
        outcomes.filter(pl.col("study_uid").is_not_null())
        .with_columns(rank=pl.col("outcome").replace_strict(rank, return_dtype=pl.Int8))
        .sort("rank", "report_id")
        .group_by("study_uid", maintain_order=True)
        .agg(pl.col("report_id").first(), pl.col("outcome").first())
    )
    is_matched = pl.col("outcome") == ReportOutcome.MATCHED.value
    return (
        studies.select("study_uid")
        .join(first, on="study_uid", how="left", maintain_order="left")
        .select(
            "study_uid",
            report_id=pl.when(is_matched).then("report_id"),
            report_reason=pl.when(pl.col("outcome").is_null())
            .then(pl.lit(WITHOUT_REPORT))
            .when(pl.col("outcome") == ReportOutcome.PRELIMINARY.value)
            .then(pl.lit("preliminary_report"))
            .when(~is_matched)
            .then("outcome"),
        )
    )
