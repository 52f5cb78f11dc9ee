"""The stage that labels the reports of an archive, and the tables that training and evaluation read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from prima.archive.cohort.match import match
from prima.archive.stages.run import StageProgress, StageWorkers, run_stage
from prima.archive.stages.stage import FAILED, NO_SPACE, Row, StageOutput
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan, write_parquet
from prima.errors import ArchiveError
from prima.files.durable import DISK_FULL
from prima.report.carriers.parts import with_addenda
from prima.report.label import RuleLabeller
from prima.report.labelled import LabelledReport, label_reports
from prima.report.labels import Labeller
from prima.report.report import Report
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICE_NAMES
from prima.study.triage import Triage
from prima.tables.columns import referral_column
from prima.tables.failures import Failure

# Raised when the same labels would give other rows.
_VERSION = 1
LABELLED = "labelled"
REPORTS_PER_PARTITION = 1000

COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study_uid": (pl.String(), "the study"),
    "report_id": (pl.String(), "the report that was read"),
    "status": (pl.String(), "labelled or failed"),
    "reason": (pl.String(), "why it failed"),
    "diagnosis": (pl.String(), "released name; empty in the one row that is about the whole report"),
    "assertion": (pl.String(), "present, absent, uncertain, historical or other_experiencer"),
    "evidence": (pl.String(), "the words that say so"),
    "start": (pl.Int64(), "where they begin in the report, its addenda joined to it"),
    "end": (pl.Int64(), "where they end"),
    "priority": (pl.String(), "of the whole report: none, low, medium or high"),
    "referrals": (pl.List(pl.String()), "of the whole report: services"),
    "findings": (pl.List(pl.String()), "of the whole report: its summary, a sentence an entry"),
}


@dataclass(frozen=True, kw_only=True)
class LabellingMethod:
    """How reports are labelled; it travels to other processes, so it holds values and what makes a labeller.

    Args:
        version: name and version of the labeller.
        open: makes the labeller, in each process.
        triage: a site's own rule for priority and referrals; None: the packaged one.
    """

    version: str
    open: Callable[[], Labeller]
    triage: Triage | None = None

    @property
    def fingerprint(self) -> str:
        """A hash of everything besides the reports that decides the rows."""
        rules = RuleLabeller().version  # they make the summary, whoever labels
        decides = {"stage": _VERSION, "labeller": self.version, "summary": rules, "triage": repr(self.triage)}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _StudyReport:
    """The report of a study, and the age at the scan."""

    report_id: str
    text: str
    age_years: float | None


@dataclass(frozen=True, kw_only=True)
class LabelStage:
    """Labels the reports of studies.

    Args:
        archive: its folder.
        inputs: the table of `inputs_of`, made once a run.
        method: how.
    """

    archive: Path
    inputs: Path
    method: LabellingMethod
    schema: Mapping[str, pl.DataType] = field(
        default_factory=lambda: {name: kind for name, (kind, _) in COLUMNS.items()}
    )
    suffixes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """That of its method."""
        return self.method.fingerprint

    def make(self, studies: Iterator[str], given_up: Sequence[str], staging: Path) -> StageOutput:  # noqa: ARG002 - no files
        """One row about each report, and one for each diagnosis that it speaks of."""
        rows = [_row(study_uid, status=FAILED, reason=Failure.ENDED_ITS_PROCESS.value) for study_uid in given_up]
        uids = list(studies)
        report_of = self._reports(uids)
        reports = (Report(text=report_of[uid].text, study_uid=uid) for uid in uids)
        ages = {uid: report.age_years for uid, report in report_of.items()}
        labelled_reports = label_reports(
            reports,
            self.method.open(),
            age_of=lambda report: ages[report.study_uid or ""],
            triage=self.method.triage,
        )
        for uid, opinion in zip(uids, labelled_reports, strict=True):
            rows.extend(_rows(uid, report_of[uid].report_id, opinion))
        return StageOutput(rows=rows, files={})

    def _reports(self, uids: Sequence[str]) -> dict[str, _StudyReport]:
        """The report of each study."""
        chosen = pl.scan_parquet(self.inputs).filter(pl.col("study_uid").is_in(uids)).collect()
        ids = [*chosen["report_id"], *chosen["addenda"].explode().drop_nulls()]
        texts = scan(Archive.open(self.archive), "reports").filter(pl.col("report_id").is_in(ids))
        text_of = dict(texts.select("report_id", "text").collect(engine="streaming").iter_rows())
        rows = chosen.select("study_uid", "report_id", "addenda", "age_years").iter_rows()
        return {
            uid: _StudyReport(
                report_id, with_addenda(text_of[report_id], (text_of[name] for name in addenda or ())), age
            )
            for uid, report_id, addenda, age in rows
        }


def inputs_of(archive: Archive) -> pl.LazyFrame:
    """Every study with the report that counts: study_uid, report_id, addenda joined to it, age_years."""
    studies = scan(archive, "studies")
    matched = match(studies, scan(archive, "reports"), now=datetime.now())
    ages = studies.select("study_uid", "age_years")
    counting = matched.studies.filter(pl.col("report_id").is_not_null()).drop("report_reason")
    return counting.join(matched.addenda, on="study_uid", how="left").join(ages, on="study_uid")


def _rows(study_uid: str, report_id: str, labelled: LabelledReport) -> list[Row]:
    if labelled.labels is None:
        return [_row(study_uid, report_id=report_id, status=FAILED, reason=labelled.failure)]
    about = _row(
        study_uid,
        report_id=report_id,
        status=LABELLED,
        priority=labelled.priority,
        referrals=list(labelled.referrals),
        findings=list(labelled.findings),
    )
    by_diagnosis = [
        _row(study_uid, report_id=report_id, status=LABELLED, diagnosis=name, **label._asdict())
        for name, label in labelled.labels.labels.items()
    ]
    return [about, *by_diagnosis]


def _row(study_uid: str, **values: object) -> Row:
    return dict.fromkeys(COLUMNS) | {"study_uid": study_uid} | values


@dataclass(frozen=True, kw_only=True)
class LabellingResult:
    """How the reports ended.

    Args:
        labelled: reports with labels.
        failed: StudyInstanceUID and reason of the others.
        present: how many reports say of a diagnosis that it is there, the most frequent first.
    """

    labelled: int
    failed: tuple[tuple[str, str], ...]
    present: dict[str, int]


def label_archive(
    archive: Archive,
    method: LabellingMethod,
    *,
    workers: StageWorkers,
    size: int = REPORTS_PER_PARTITION,
    retry: bool = False,
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> LabellingResult:
    """Label the report of every study that has one, and write `labels/` and `reports/reports.parquet`.

    Args:
        archive: to label.
        method: how.
        workers: who does it.
        size: reports in a new partition.
        retry: try failed reports again.
        on_progress: told as partitions are finished.

    Raises:
        ArchiveError: another process labels, or the disk is full.
    """
    studies = inputs_of(archive).collect(engine="streaming")
    reports = studies.select("study_uid", "report_id", "addenda", "age_years").iter_rows()
    inputs = {uid: ", ".join((report_id, *(addenda or ()), str(age))) for uid, report_id, addenda, age in reports}
    folder = archive.root.absolute() / "labels" / re.sub(r"[^A-Za-z0-9.]+", "-", method.version)
    stage = LabelStage(archive=archive.root.absolute(), inputs=folder / "inputs.parquet", method=method)
    try:
        write_parquet(studies, stage.inputs)
        rows = run_stage(
            stage, "label", folder, inputs, inputs,
            workers=workers, size=size, retry=retry, on_progress=on_progress,
        )  # fmt: skip
        return _publish(archive, rows.select(*COLUMNS).collect(), method)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise ArchiveError(f"{archive.root}: {NO_SPACE}") from None


def _publish(archive: Archive, rows: pl.DataFrame, method: LabellingMethod) -> LabellingResult:
    """The tables that others read, from the rows of all partitions."""
    labels = archive.root / "labels"
    about = rows.filter(pl.col("diagnosis").is_null() & (pl.col("status") == LABELLED)).sort("study_uid")
    labelled = rows.filter(pl.col("diagnosis").is_not_null()).sort("study_uid", "diagnosis")
    stamp = pl.lit(method.version).alias("labeller")
    long = labelled.select("study_uid", "report_id", "diagnosis", "assertion", "evidence", "start", "end", stamp)
    write_parquet(long, labels / "labels.parquet")
    write_parquet(wide(about, labelled).with_columns(stamp), labels / "studies.parquet")
    findings = about.select("study_uid", "findings")
    write_parquet(findings, archive.root / "reports" / "reports.parquet")
    failed = rows.filter(pl.col("status") == FAILED).select("study_uid", "reason").sort("study_uid")
    present = labelled.filter(pl.col("assertion") == "present")["diagnosis"].value_counts(sort=True)
    return LabellingResult(
        labelled=about.height,
        failed=tuple(failed.iter_rows()),
        present=dict(present.iter_rows()),
    )


def wide(about: pl.DataFrame, labelled: pl.DataFrame) -> pl.DataFrame:
    """One row per study, with a column of truth per diagnosis and per service, as the simulated truth has them."""
    present = labelled.filter(pl.col("assertion") == "present")
    names = present.group_by("study_uid").agg(present="diagnosis")
    joined = about.join(names, on="study_uid", how="left", maintain_order="left")
    listed = pl.col("present").fill_null([])
    return joined.select(
        "study_uid",
        "report_id",
        "priority",
        *(pl.col("referrals").list.contains(name).alias(referral_column(name)) for name in SERVICE_NAMES),
        *(listed.list.contains(name).alias(name) for name in DIAGNOSIS_NAMES),
    )
