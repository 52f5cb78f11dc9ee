"""Studies of an archive as training data: its cohort, tokens, labels and report summaries joined, study by study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from prima.archive.cohort.indications import indications_of
from prima.archive.stages.tokenize import tokens_fingerprint, tokens_folder
from prima.archive.store.layout import Archive
from prima.errors import ArchiveError, UnreadableError
from prima.model.release.folder import load_release
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICE_NAMES
from prima.tables.columns import referral_column
from prima.tokens.precision import DtypeChoice, choose_precision
from prima.tokens.store import TokenStore
from prima.train.data.token_folder import StudyFacts
from prima.workflow.training.examples import StoredExamples
from prima.workflow.training.stage import StageOptions


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The training and the validation side.

    Args:
        train, validation: studies of both.
        without_tokens: studies of the two sides that have none.
    """

    train: StoredExamples
    validation: StoredExamples
    without_tokens: int


def read_sides(root: Path, release: Path, options: StageOptions, *, with_indication: bool) -> Sides:
    """Both sides of an archive with the tokens of a release's tokenizer.

    Args:
        root: of the archive.
        release: whose tokenizer and contract made the tokens.
        options: device and number format, which are part of what tokens are.
        with_indication: read the reports' histories, too.

    Raises:
        ArchiveError: something has not been made yet, or a side is empty.
        UnreadableError: a table lacks a column.
    """
    archive = Archive.open(root)
    store = open_tokens(archive, release, options)
    cohort = cohort_of(archive)
    facts_of = dict(_facts(archive, cohort, with_indication=with_indication))
    sides: dict[str, StoredExamples] = {}
    without = 0
    for side in ("train", "validation"):
        uids = [str(uid) for uid in cohort.filter(split=side)["study_uid"]]
        facts = tuple(facts_of[uid] for uid in uids if uid in store)
        without += len(uids) - len(facts)
        if not facts:
            raise ArchiveError(
                f"{root}: found no study with tokens on the {side} side, expected some; "
                + ("run prima tokenize with this run's release" if uids else "curate with --validation 0.1, say")
            )
        sides[side] = StoredExamples(store, facts)
    return Sides(train=sides["train"], validation=sides["validation"], without_tokens=without)


def open_tokens(archive: Archive, release: Path, options: StageOptions) -> TokenStore:
    """The tokens that a release's tokenizer made: in the number format that is asked for, else in the other one."""
    manifest = load_release(release).manifest
    formats: tuple[DtypeChoice, ...] = (options.dtype, "bfloat16", "float32")
    for dtype in formats:
        folder = tokens_folder(archive, tokens_fingerprint(manifest, choose_precision(options.device, dtype)))
        if folder.is_dir():
            return TokenStore(folder)
    raise ArchiveError(
        f"{archive.root}: found no tokens of {manifest.name}, expected some; "
        f"run prima tokenize {archive.root} --release {release}"
    )


def cohort_of(archive: Archive) -> pl.DataFrame:
    """study_uid, patient_id, report_id and split of the studies on both sides, in one fixed order."""
    path = archive.cohort / "cohort.parquet"
    if not path.exists():
        raise ArchiveError(f"{archive.root}: found no cohort, expected one; run prima curate first")
    rows = pl.read_parquet(path).filter(pl.col("split").is_in(["train", "validation"]))
    return rows.select("study_uid", "patient_id", "report_id", "split").sort("study_uid")


def _facts(archive: Archive, cohort: pl.DataFrame, *, with_indication: bool) -> Iterator[tuple[str, StudyFacts]]:
    labels = _table(archive, "labels/studies.parquet", ["study_uid", "priority", *DIAGNOSIS_NAMES, *_REFERRALS])
    long = _table(archive, "labels/labels.parquet", ["study_uid", "diagnosis", "assertion"])
    findings = _table(archive, "reports/reports.parquet", ["study_uid", "findings"])
    unsure = long.filter(pl.col("assertion") == "uncertain").group_by("study_uid").agg(pl.col("diagnosis").sort())
    unsure_of: dict[str, list[str]] = dict(unsure.iter_rows())
    sentences_of: dict[str, list[str]] = dict(findings.select("study_uid", "findings").iter_rows())
    label_of = {row["study_uid"]: row for row in labels.iter_rows(named=True)}
    order_of = indications_of(archive) if with_indication else {}
    for uid, patient, _, _ in cohort.iter_rows():
        facts = StudyFacts(
            study_uid=uid,
            patient=patient,
            sentences=tuple(sentences_of.get(uid) or ()),
            indication=order_of.get(uid, ""),
            unknown=None,
        )
        yield uid, _labelled(facts, label_of[uid], unsure_of.get(uid, [])) if uid in label_of else facts


_REFERRALS = tuple(map(referral_column, SERVICE_NAMES))


def _labelled(facts: StudyFacts, row: Mapping[str, Any], unsure: list[str]) -> StudyFacts:
    present = tuple(name for name in DIAGNOSIS_NAMES if row[name])
    return replace(
        facts,
        present=present,
        unknown=tuple(name for name in unsure if name not in present),
        priority=row["priority"],
        referrals=tuple(name for name in SERVICE_NAMES if row[referral_column(name)]),
    )


def _table(archive: Archive, name: str, columns: list[str]) -> pl.DataFrame:
    path = archive.root / name
    if not path.exists():
        raise ArchiveError(f"{archive.root}: found no {name}, expected it; run prima label first")
    try:
        schema = pl.read_parquet_schema(path)
        if missing := [column for column in columns if column not in schema]:
            raise UnreadableError(
                f"{name}: found no column {missing[0]}{_and_more(len(missing) - 1)}, expected it; run prima label again"
            )
        return pl.read_parquet(path, columns=columns)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise UnreadableError(f"{name}: cannot be read ({type(error).__name__}); run prima label again") from None


def _and_more(count: int) -> str:
    return f" and {count} more" if count else ""
