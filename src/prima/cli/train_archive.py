"""Studies of an archive as training data: its cohort, tokens, labels and report summaries joined, study by study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prima.cli.train_options import RunOptions
from prima.errors import ArchiveError, UnreadableError
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES
from prima.train.data.examples import Example
from prima.train.data.token_folder import StudyFacts

if TYPE_CHECKING:
    import polars as pl

    from prima.archive.store.layout import Archive
    from prima.tokens.store import TokenStore

CARD = "archive.json"


def is_archive(source: Path) -> bool:
    """Whether a folder is an archive of `prima ingest`."""
    return (source / CARD).exists()


class ArchiveExamples:
    """`Examples` of one side of an archive's split.

    Args:
        store: the tokens.
        facts: what is known of each study, all of them in the store.
    """

    def __init__(self, store: TokenStore, facts: tuple[StudyFacts, ...]) -> None:
        self.store = store
        self.facts = facts
        self._num_tokens = np.array([store.num_tokens_of(one.study_uid) for one in facts], np.int64)

    @property
    def study_uids(self) -> tuple[str, ...]:
        """StudyInstanceUIDs."""
        return tuple(one.study_uid for one in self.facts)

    @property
    def patients(self) -> tuple[str, ...]:
        """Patient of each study."""
        return tuple(one.patient for one in self.facts)

    @property
    def num_tokens(self) -> NDArray[np.int64]:
        """Tokens of each study."""
        return self._num_tokens

    def read(self, number: int) -> Example:
        """The study with a number."""
        known = self.facts[number]
        return Example(
            study_uid=known.study_uid,
            patient=known.patient,
            tokens=self.store.read(known.study_uid),
            sentences=known.sentences,
            labels=known.labels(),
            priority=known.priority_number(),
            referrals=known.referral_values(),
            indication=known.indication,
        )


@dataclass(frozen=True, kw_only=True)
class Sides:
    """The training and the validation side.

    Args:
        train, validation: studies of both.
        without_tokens: studies of the two sides that have none.
    """

    train: ArchiveExamples
    validation: ArchiveExamples
    without_tokens: int


def read_sides(root: Path, release: Path, options: RunOptions, *, with_indication: bool) -> Sides:
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
    from prima.archive.store.layout import Archive
    from prima.files.optional import require_tables

    require_tables()
    archive = Archive.open(root)
    store = open_tokens(archive, release, options)
    cohort = cohort_of(archive)
    known = dict(_facts(archive, cohort, with_indication=with_indication))
    sides: dict[str, ArchiveExamples] = {}
    without = 0
    for side in ("train", "validation"):
        uids = [str(uid) for uid in cohort.filter(split=side)["study_uid"]]
        facts = tuple(known[uid] for uid in uids if uid in store)
        without += len(uids) - len(facts)
        if not facts:
            raise ArchiveError(
                f"{root}: found no study with tokens on the {side} side, expected some; "
                + ("run prima tokenize with this run's release" if uids else "curate with --validation 0.1, say")
            )
        sides[side] = ArchiveExamples(store, facts)
    return Sides(train=sides["train"], validation=sides["validation"], without_tokens=without)


def open_tokens(archive: Archive, release: Path, options: RunOptions) -> TokenStore:
    """The tokens that a release's tokenizer made: in the number format that is asked for, else in the other one."""
    from prima.archive.stages.tokenize import means_of, tokens_folder
    from prima.model.release.folder import load_release
    from prima.tokens.precision import choose_precision
    from prima.tokens.store import TokenStore

    manifest = load_release(release).manifest
    for dtype in (options.dtype.value, "bfloat16", "float32"):
        folder = tokens_folder(archive, means_of(manifest, choose_precision(options.device.value, dtype)))
        if folder.is_dir():
            return TokenStore(folder)
    raise ArchiveError(
        f"{archive.root}: found no tokens of {manifest.name}, expected some; "
        f"run prima tokenize {archive.root} --release {release}"
    )


def cohort_of(archive: Archive) -> pl.DataFrame:
    """study_uid, patient_id, report_id and split of the studies on both sides, in one fixed order."""
    import polars as pl

    path = archive.cohort / "cohort.parquet"
    if not path.exists():
        raise ArchiveError(f"{archive.root}: found no cohort, expected one; run prima curate first")
    rows = pl.read_parquet(path).filter(pl.col("split").is_in(["train", "validation"]))
    return rows.select("study_uid", "patient_id", "report_id", "split").sort("study_uid")


def _facts(archive: Archive, cohort: pl.DataFrame, *, with_indication: bool) -> Iterator[tuple[str, StudyFacts]]:
    import polars as pl

    from prima.archive.cohort.orders import orders_of

    labels = _table(archive, "labels/studies.parquet", ["study_uid", "priority", *DIAGNOSIS_NAMES, *_REFERRALS])
    long = _table(archive, "labels/labels.parquet", ["study_uid", "diagnosis", "assertion"])
    findings = _table(archive, "reports/reports.parquet", ["study_uid", "findings"])
    unsure = long.filter(pl.col("assertion") == "uncertain").group_by("study_uid").agg(pl.col("diagnosis").sort())
    unsure_of: dict[str, list[str]] = dict(unsure.iter_rows())
    told: dict[str, list[str]] = dict(findings.select("study_uid", "findings").iter_rows())
    label_of = {row["study_uid"]: row for row in labels.iter_rows(named=True)}
    asked = orders_of(archive) if with_indication else {}
    for uid, patient, _, _ in cohort.iter_rows():
        facts = StudyFacts(
            study_uid=uid,
            patient=patient,
            sentences=tuple(told.get(uid) or ()),
            indication=asked.get(uid, ""),
            unknown=None,
        )
        yield uid, _labelled(facts, label_of[uid], unsure_of.get(uid, [])) if uid in label_of else facts


_REFERRALS = tuple(f"referral_{service.name}" for service in SERVICES)


def _labelled(facts: StudyFacts, row: Mapping[str, Any], unsure: list[str]) -> StudyFacts:
    present = tuple(name for name in DIAGNOSIS_NAMES if row[name])
    return replace(
        facts,
        present=present,
        unknown=tuple(name for name in unsure if name not in present),
        priority=row["priority"],
        referrals=tuple(service.name for service in SERVICES if row[f"referral_{service.name}"]),
    )


def _table(archive: Archive, name: str, columns: list[str]) -> pl.DataFrame:
    import polars as pl

    path = archive.root / name
    if not path.exists():
        raise ArchiveError(f"{archive.root}: found no {name}, expected it; run prima label first")
    try:
        schema = pl.read_parquet_schema(path)
        if missing := [column for column in columns if column not in schema]:
            raise UnreadableError(
                f"{name}: found no column {missing[0]}{_more(len(missing) - 1)}, expected it; run prima label again"
            )
        return pl.read_parquet(path, columns=columns)
    except pl.exceptions.PolarsError as error:
        raise UnreadableError(f"{name}: cannot be read ({type(error).__name__}); run prima label again") from None


def _more(number: int) -> str:
    return f" and {number} more" if number else ""
