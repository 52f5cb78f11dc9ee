"""What an archive holds, counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from prima.archive.cohort.flow import Flow, read_flow
from prima.archive.cohort.split import SPLITS
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan
from prima.study.exclusion import Reason
from prima.study.ontology import DIAGNOSES

LEFT_OUT = "left out"
# What a value may be divided into, in the order in which it is shown.
SIDES = (*SPLITS, LEFT_OUT, "studies", "used", "excluded", "number")
# How many scanners, institutions and diagnoses are listed by name; the rest is one line.
_MOST = 12
# A history of at most so many months is shown by month, a longer one by year.
_MONTHS = 36


@dataclass(frozen=True)
class BreakdownLine:
    """One value with its number of studies (series, reports), divided by side or status where that is known."""

    label: str
    numbers: dict[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.numbers.values())


@dataclass(frozen=True, kw_only=True)
class Breakdown:
    """How many there are of each value.

    Args:
        title: what is counted and by what.
        over_time: the lines are consecutive stretches of time.
    """

    title: str
    lines: tuple[BreakdownLine, ...]
    over_time: bool = False


@dataclass(frozen=True, kw_only=True)
class ArchiveInfo:
    """Everything that is shown: totals by name, what they divide into, and the cohort's flow when there is one."""

    totals: dict[str, int]
    breakdowns: tuple[Breakdown, ...]
    flow: Flow | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "totals": self.totals,
            "breakdowns": {
                breakdown.title: {line.label: line.numbers for line in breakdown.lines} for breakdown in self.breakdowns
            },
            "cohort": None if self.flow is None else self.flow.to_dict(),
        }


def info_of(archive: Archive) -> ArchiveInfo:
    """Count an archive; the text of reports is not read."""
    studies = scan(archive, "studies")
    series = scan(archive, "series")
    sided = _with_side(archive, studies).collect()
    reasons = series.group_by("status", "reason", "plane", "modality").agg(number=pl.len()).collect()
    reports = scan(archive, "reports").group_by("report_status").agg(number=pl.len()).collect()
    exclusions = scan(archive, "exclusions").group_by("reason").agg(number=pl.len()).collect()
    breakdowns = [
        _over_time(sided),
        _by(sided, "Studies by scanner", _scanner()),
        _by(sided, "Studies by institution", pl.col("institution").fill_null("not stated")),
        _by(sided, "Studies by age", _decade(), natural=True),
        _by(sided, "Studies by sex", pl.col("sex").fill_null("not stated")),
        _by_reason(reasons),
        _counted(reasons, "Series by plane", pl.col("plane").fill_null("unknown")),
        _counted(reasons, "Series by modality", pl.col("modality")),
        _reports(archive, reports),
        _counted(exclusions, "Refused or conflicting", pl.col("reason").str.replace_all("_", " ")),
        *_labels(archive),
    ]
    totals = {
        "studies": sided.height,
        "patients": sided["patient_id"].n_unique() - int(sided["patient_id"].null_count() > 0),
        "series": int(reasons["number"].sum()),
        "usable series": int(reasons.filter(pl.col("status") == "used")["number"].sum()),
        "instances": int(sided["num_instances"].sum()),
        "reports": int(reports["number"].sum()),
        "labelled studies": _num_labelled(archive),
        "tokenised studies": _num_tokenised(archive),
    }
    return ArchiveInfo(
        totals=totals,
        breakdowns=tuple(breakdown for breakdown in breakdowns if breakdown.lines),
        flow=read_flow(archive.cohort),
    )


def _with_side(archive: Archive, studies: pl.LazyFrame) -> pl.LazyFrame:
    """The studies with a column `side`: of the split, `left out`, or `studies` while there is no cohort."""
    path = archive.cohort / "cohort.parquet"
    if not path.exists():
        return studies.with_columns(side=pl.lit("studies"))
    sides = pl.scan_parquet(path).select("study_uid", side="split")
    return studies.join(sides, on="study_uid", how="left").with_columns(pl.col("side").fill_null(LEFT_OUT))


def _by(rows: pl.DataFrame, title: str, value: pl.Expr, *, natural: bool = False) -> Breakdown:
    """Counts by a value and side, the most frequent values first, or in their own order."""
    counted = rows.group_by(value.alias("label"), "side").agg(number=pl.len())
    return _breakdown(counted, title, natural=natural)


def _counted(rows: pl.DataFrame, title: str, value: pl.Expr, *, most: int = _MOST) -> Breakdown:
    counted = rows.group_by(value.alias("label")).agg(pl.col("number").sum()).with_columns(side=pl.lit("number"))
    return _breakdown(counted, title, most=most)


def _breakdown(counted: pl.DataFrame, title: str, *, natural: bool = False, most: int = _MOST) -> Breakdown:
    sides_of: dict[str, dict[str, int]] = {}
    for label, side, count in counted.select("label", "side", "number").iter_rows():
        sides_of.setdefault(str(label), {})[side] = count
    ordered = (
        sorted(sides_of) if natural else sorted(sides_of, key=lambda label: (-sum(sides_of[label].values()), label))
    )
    lines = [BreakdownLine(label, _in_order(sides_of[label])) for label in ordered]
    if not natural and len(lines) > most:
        smaller: dict[str, int] = {}
        for line in lines[most - 1 :]:
            for side, count in line.numbers.items():
                smaller[side] = smaller.get(side, 0) + count
        lines = [*lines[: most - 1], BreakdownLine(f"{len(lines) - most + 1} others", _in_order(smaller))]
    return Breakdown(title=title, lines=tuple(lines))


def _in_order(numbers: dict[str, int]) -> dict[str, int]:
    return {side: numbers[side] for side in SIDES if side in numbers}


def _over_time(rows: pl.DataFrame) -> Breakdown:
    """By month or by year, empty stretches included; dates that cannot be are left to the cohort's reasons."""
    dated = rows.filter(pl.col("study_date").is_between(date(1970, 1, 1), date.today()))
    if dated.is_empty():
        return Breakdown(title="Studies over time", lines=())
    first, last = dated["study_date"].min(), dated["study_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    form = "%Y-%m" if months <= _MONTHS else "%Y"
    counted = _by(dated, "", pl.col("study_date").dt.strftime(form), natural=True)
    known = {line.label: line for line in counted.lines}
    if form == "%Y":
        labels = [str(year) for year in range(first.year, last.year + 1)]
    else:
        start = first.year * 12 + first.month - 1
        labels = [f"{month // 12}-{month % 12 + 1:02d}" for month in range(start, start + months)]
    lines = tuple(known.get(label, BreakdownLine(label, {})) for label in labels)
    return Breakdown(title="Studies over time", lines=lines, over_time=True)


def _scanner() -> pl.Expr:
    field = pl.col("field_strength_t").round(1).cast(pl.String) + " T"
    maker = pl.col("manufacturer").str.replace(
        r"(?i)\s+(medical( systems)?|healthineers|healthcare|corporation)\b.*", ""
    )
    words = pl.concat_str(maker, "model", field, separator=" ", ignore_nulls=True)
    return pl.when(words == "").then(pl.lit("not stated")).otherwise(words)


def _decade() -> pl.Expr:
    decade = (pl.col("age_years") // 10 * 10).cast(pl.Int64).clip(0, 90)
    words = pl.format("{}–{}", decade.cast(pl.String).str.zfill(2), (decade + 9).cast(pl.String).str.zfill(2))
    return pl.when(decade >= 90).then(pl.lit("90 and over")).otherwise(words).fill_null("not stated")


def _by_reason(rows: pl.DataFrame) -> Breakdown:
    words = {reason.value: reason.words for reason in Reason}
    named = rows.with_columns(
        label=pl.when(pl.col("status") == "used")
        .then(pl.lit("Used"))
        .otherwise(pl.col("reason").replace(list(words), list(words.values())))
        .fill_null("unknown"),
        side="status",
    )
    return _breakdown(named.group_by("label", "side").agg(pl.col("number").sum()), "Series used and left out")


def _reports(archive: Archive, by_status: pl.DataFrame) -> Breakdown:
    """By outcome when there is a cohort, else by what the reports say of themselves."""
    path = archive.cohort / "reports.parquet"
    if not path.exists():
        return _counted(by_status, "Reports by status", pl.col("report_status"))
    outcomes = pl.scan_parquet(path).group_by("outcome").agg(number=pl.len()).collect()
    return _counted(outcomes, "Reports by outcome", pl.col("outcome").str.replace_all("_", " "))


def _num_tokenised(archive: Archive) -> int:
    """Studies with tokens, of whatever release."""
    token_tables = [pl.scan_parquet(path) for path in sorted((archive.root / "tokens").glob("*/tokens.parquet"))]
    if not token_tables:
        return 0
    used = [frame.filter(pl.col("status") == "used").select("study_uid") for frame in token_tables]
    return int(pl.concat(used).select(pl.col("study_uid").n_unique()).collect().item())


def _num_labelled(archive: Archive) -> int:
    """Studies that the last labelling knows."""
    path = archive.root / "labels" / "studies.parquet"
    return int(pl.scan_parquet(path).select(pl.len()).collect().item()) if path.exists() else 0


def _labels(archive: Archive) -> list[Breakdown]:
    """Which diagnoses the reports say are present."""
    path = archive.root / "labels" / "labels.parquet"
    if not path.exists():
        return []
    present = pl.scan_parquet(path).filter(pl.col("assertion") == "present")
    counted = present.group_by("diagnosis").agg(number=pl.len()).collect()
    words = {diagnosis.name: diagnosis.display for diagnosis in DIAGNOSES}
    return [
        _counted(
            counted,
            "Reports by diagnosis present",
            pl.col("diagnosis").replace(list(words), list(words.values())),
            most=len(DIAGNOSES),
        )
    ]
