"""Which report belongs to which study: a pure function of the two tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import polars as pl

from prima.archive.cohort.parents import parents_of

# Clocks of scanners and of reporting systems may differ by this much; a report filed earlier belongs elsewhere.
CLOCK_SKEW = timedelta(days=1)

WITHOUT_REPORT = "study_without_report"

_RANK = {"corrected": 3, "final": 2, "preliminary": 1, "unknown": 0}
_TAKE_BACK = ("cancelled", "withdrawn", "entered_in_error")
_REASONS = {
    "preliminary": "preliminary_report",
    "unknown_status": "report_of_unknown_status",
    "withdrawn": "report_withdrawn",
    "takes_back": "report_withdrawn",
}


class ReportOutcome(StrEnum):
    """How a report ended."""

    MATCHED = "matched"
    JOINED = "addendum_joined"
    PRELIMINARY = "preliminary"
    UNKNOWN_STATUS = "unknown_status"
    WITHDRAWN = "withdrawn"
    TAKES_BACK = "takes_back"
    UNDECIDED = "undecided_reports"
    ADDENDUM_ALONE = "addendum_without_report"
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
        addenda: study_uid, and the reports that are joined to that of the study, in the order of their filing.
    """

    reports: pl.LazyFrame
    studies: pl.LazyFrame
    addenda: pl.LazyFrame


def match(studies: pl.LazyFrame, reports: pl.LazyFrame, *, now: datetime) -> MatchedReports:
    """Match reports to studies: by StudyInstanceUID, else by accession number, the patient checked.

    Where an accession number stands for several studies, the patient decides if that leaves one. What was cancelled,
    withdrawn or entered in error takes back all that was filed of its study until then. Of the other reports of one
    study the one filed last counts, corrected before final, and both before preliminary and unknown; the rest are
    superseded. Addenda are joined to it: those that state its number, and of those that state none the ones filed after
    it (`parents_of`); an addendum that states a report of another study of the patient only by number is held against
    that study. No report counts where two were filed at once and nothing says
    which corrects the other, and none where the one that counts is preliminary or of unknown status.

    Args:
        studies: rows of the catalogue.
        reports: rows of the catalogue; the text is not read.
        now: what is filed more than a day later has a wrong date.
    """
    plain = _plain_studies(studies)
    pairs = _pairs(plain, _plain_reports(reports))
    parents = parents_of(_judged(pairs, now))
    judged = _judged(_with_parents(pairs, parents, plain), now)
    whole = judged.filter(pl.col("refused").is_null() & (pl.col("report_status") != "addendum"))
    chosen = (
        whole.with_columns(rank=pl.col("report_status").replace_strict(_RANK, default=0, return_dtype=pl.Int8))
        .with_columns(standing=pl.col("rank").clip(upper_bound=2))
        .sort("standing", "filed_at", "rank", "report_id", nulls_last=False)
        .with_columns(
            twin=pl.struct("standing", "filed_at", "rank").eq_missing(
                pl.struct("standing", "filed_at", "rank").shift(1)
            )
        )
        .group_by("study", maintain_order=True)
        .agg(
            chosen=pl.col("report_id").last(),
            base_status=pl.col("report_status").last(),
            based_at=pl.col("filed_at").last(),
            undecided=(pl.col("twin").last() & (pl.len() > 1)),
        )
    )
    is_last = pl.col("report_id") == pl.col("chosen")
    stands = pl.col("base_status").is_in(("final", "corrected")) & ~pl.col("undecided")
    is_addendum = pl.col("report_status") == "addendum"
    is_to_another = ~pl.col("parents").list.contains(pl.col("chosen")).fill_null(value=True)
    only_parent = (pl.col("parents").list.len() == 1).fill_null(value=False)
    follows = only_parent | (pl.col("filed_at") >= pl.col("based_at")).fill_null(value=True)
    outcomes = judged.join(chosen, on="study", how="left", maintain_order="left").select(
        "report_id",
        "filed_at",
        study_uid="study",
        outcome=pl.when(pl.col("refused").is_not_null())
        .then("refused")
        .when(is_addendum & (_has_no_parent() | ~stands.fill_null(value=False)))
        .then(pl.lit(ReportOutcome.ADDENDUM_ALONE.value))
        .when(is_addendum & is_to_another)
        .then(pl.lit(ReportOutcome.SUPERSEDED.value))
        .when(is_addendum & follows)
        .then(pl.lit(ReportOutcome.JOINED.value))
        .when(is_last & pl.col("undecided"))
        .then(pl.lit(ReportOutcome.UNDECIDED.value))
        .when(is_last & stands)
        .then(pl.lit(ReportOutcome.MATCHED.value))
        .when(is_last & (pl.col("report_status") == "preliminary"))
        .then(pl.lit(ReportOutcome.PRELIMINARY.value))
        .when(is_last)
        .then(pl.lit(ReportOutcome.UNKNOWN_STATUS.value))
        .otherwise(pl.lit(ReportOutcome.SUPERSEDED.value)),
    )
    addenda = (
        outcomes.filter(pl.col("outcome") == ReportOutcome.JOINED.value)
        .sort("study_uid", "filed_at", "report_id", nulls_last=True)
        .group_by("study_uid", maintain_order=True)
        .agg(addenda="report_id")
    )
    return MatchedReports(reports=outcomes.drop("filed_at"), studies=_of_studies(studies, outcomes), addenda=addenda)


def _judged(pairs: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Reports with `refused`: why one counts for no study, else null."""
    has_parents = "parents" in pairs.collect_schema()
    lost = _has_no_parent() if has_parents else pl.lit(value=False)
    refused = (
        pl.when(pl.col("study").is_null() & lost)
        .then(pl.lit(ReportOutcome.ADDENDUM_ALONE.value))
        .when(pl.col("study").is_null() & (pl.col("num_hits") > 1))
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
    return _without_withdrawn(pairs.with_columns(refused=refused))


def _has_no_parent() -> pl.Expr:
    """Whether an addendum states what it adds to, and that was never seen."""
    return (pl.col("parents").list.len() == 0).fill_null(value=False)


def _with_parents(pairs: pl.LazyFrame, parents: pl.LazyFrame, studies: pl.LazyFrame) -> pl.LazyFrame:
    """Reports with what they add to; an addendum that names no study stands with its parent."""
    joined = pairs.join(parents, on="report_id", how="left", maintain_order="left").with_columns(
        study=pl.coalesce("study", "parent_study")
    )
    facts = studies.select("study", "patient_of_study", "study_at")
    return joined.drop("patient_of_study", "study_at").join(facts, on="study", how="left", maintain_order="left")


def _without_withdrawn(judged: pl.LazyFrame) -> pl.LazyFrame:
    """Reports with the outcomes of withdrawals, and of what they take back."""
    takes_back = pl.col("report_status").is_in(_TAKE_BACK) & pl.col("refused").is_null()
    until = (
        judged.filter(takes_back)
        .group_by("study")
        .agg(until=pl.when(pl.col("filed_at").is_not_null().all()).then(pl.col("filed_at").max()))
        .with_columns(any_taken_back=pl.lit(value=True))
    )
    is_before = (pl.col("filed_at") <= pl.col("until")).fill_null(value=True)
    return (
        judged.join(until, on="study", how="left", maintain_order="left")
        .with_columns(
            refused=pl.when(takes_back)
            .then(pl.lit(ReportOutcome.TAKES_BACK.value))
            .when(pl.col("refused").is_null() & pl.col("any_taken_back") & is_before)
            .then(pl.lit(ReportOutcome.WITHDRAWN.value))
            .otherwise("refused")
        )
        .drop("until", "any_taken_back")
    )


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
        "numbers",
        "adds_to",
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
    columns = [
        *("report_id", "study", "filed_at", "report_status", "patient", "patient_of_study", "study_at", "num_hits"),
        *("numbers", "adds_to", "accession"),
    ]
    return pl.concat([part.select(columns) for part in (hit, by_accession, unpaired)])


def _of_studies(studies: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """One row per study: its report, or the most telling of the reasons why it has none."""
    rank = {outcome.value: rank for rank, outcome in enumerate(ReportOutcome)}
    first = (
        outcomes.filter(pl.col("study_uid").is_not_null() & (pl.col("outcome") != ReportOutcome.JOINED.value))
        .sort(pl.col("outcome").replace_strict(rank, return_dtype=pl.Int8), "report_id")
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
            .when(~is_matched)
            .then(pl.col("outcome").replace_strict(_REASONS, default=pl.col("outcome"))),
        )
    )
