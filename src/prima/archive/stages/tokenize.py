"""The stage that turns studies of a cohort into tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl
import torch

from prima import __version__
from prima.archive.cohort.split import SPLITS
from prima.archive.stages.run import STUDIES_PER_PARTITION, StageProgress, StageWorkers, run_stage
from prima.archive.stages.stage import FAILED, NO_SPACE, Row, StageOutput
from prima.archive.stages.stored_study import read_stored_study
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan as scan_table
from prima.archive.store.tables import write_parquet
from prima.errors import ArchiveError, PrimaError, ReleaseError
from prima.files.durable import DISK_FULL
from prima.model.engine.engine import Engine, failure_of
from prima.model.engine.prepare import PreparedStudy
from prima.model.gate.admit import packaged_gate
from prima.model.release.folder import load_release
from prima.model.release.manifest import TOKENIZER_FILE, Manifest
from prima.tables.failures import Failure
from prima.tokens.batch import StudyTokens
from prima.tokens.precision import Precision
from prima.tokens.shard import SUFFIX, write_shard

# Raised when the same voxels would give other tokens or rows.
_VERSION = 1

COLUMNS: dict[str, tuple[pl.DataType, str]] = {
    "study_uid": (pl.String(), "StudyInstanceUID"),
    "series_uid": (pl.String(), "SeriesInstanceUID; empty where the row is about the whole study"),
    "part": (pl.String(), "which part of a series that held several things, such as b1000"),
    "place": (pl.Int64(), "place of the series in the study's tokens, from 0; empty when it has none"),
    "plane": (pl.String(), "axial, coronal or sagittal"),
    "num_slices": (pl.Int64(), "slices of the volume"),
    "num_tokens": (pl.Int64(), "tokens: patches of the foreground"),
    "num_patches": (pl.Int64(), "patches of the whole volume"),
    "status": (pl.String(), "used, excluded (a series), or failed (a study)"),
    "reason": (pl.String(), "why it is not used: a reason of the selection or the input gate, or one of those below"),
    "detail": (pl.String(), "what was found, in one line"),
}
FAILURES = {
    failure.value: failure.words
    for failure in (
        Failure.NO_INSTANCES, Failure.UNREADABLE, Failure.UNFORESEEN, Failure.OUT_OF_MEMORY, Failure.ENDED_ITS_PROCESS
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class TokenizeStage:
    """Turns studies of an archive into shards of tokens.

    Args:
        archive: its folder.
        release: the folder of the release whose tokenizer is used.
        fingerprint: as `tokens_fingerprint` gives it for that release; a worker that finds another release there stops.
        precision: device and number format.
        keep_all: use the series, too, that the input gate refuses.
        threads: of each process; None leaves it to torch.
    """

    archive: Path
    release: Path
    fingerprint: str
    precision: Precision
    keep_all: bool = False
    threads: int | None = None
    schema: Mapping[str, pl.DataType] = field(
        default_factory=lambda: {name: kind for name, (kind, _) in COLUMNS.items()}
    )
    suffixes: tuple[str, ...] = (SUFFIX,)

    def make(self, studies: Iterator[str], given_up: Sequence[str], staging: Path) -> StageOutput:
        """Rows for every study, and a shard when there is a token."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        engine = _engine(self.release, self.precision, self.keep_all, self.fingerprint)
        archive = Archive.open(self.archive)
        rows = [_study_row(uid, Failure.ENDED_ITS_PROCESS) for uid in given_up]
        tokenised = []
        for study_uid in studies:
            study_rows, tokens = _tokenise(archive, study_uid, engine)
            rows.extend(study_rows)
            if tokens is not None:
                tokenised.append((study_uid, tokens))
        if not tokenised:
            return StageOutput(rows=rows, files={})
        shard = staging / f"shard{SUFFIX}"
        write_shard(shard, tokenised, _origin(engine.manifest, self.fingerprint))
        return StageOutput(rows=rows, files={SUFFIX: shard})


@dataclass(frozen=True, kw_only=True)
class TokenizeResult:
    """How the studies that were asked for ended.

    Args:
        folder: of the tokens.
        release: its name; and whether its tokenizer was trained.
        tokenised: studies with tokens.
        num_tokens: of those.
        left_out: StudyInstanceUID and reason of the others: `no_usable_series`, or why the study failed.
    """

    folder: Path
    release: str
    trained: bool
    tokenised: int
    num_tokens: int
    left_out: tuple[tuple[str, str], ...]


def tokenize_archive(
    archive: Archive,
    *,
    release: Path,
    precision: Precision,
    keep_all: bool = False,
    splits: Sequence[str] = SPLITS,
    workers: StageWorkers,
    size: int = STUDIES_PER_PARTITION,
    retry: bool = False,
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> TokenizeResult:
    """Tokenise the studies of a cohort that are not tokenised yet, and write `tokens.parquet` beside the shards.

    Args:
        archive: with a cohort.
        release: whose tokenizer is used.
        precision: device and number format of the encoder.
        keep_all: use the series, too, that the input gate refuses.
        splits: sides of the split that are wanted.
        workers: who does it.
        size: studies in a new shard.
        retry: try failed studies again.
        on_progress: told as shards are finished.

    Raises:
        ArchiveError: there is no cohort, another process tokenises, or the disk is full.
        ReleaseError: the release cannot be used.
    """
    manifest = load_release(release).manifest
    fingerprint = tokens_fingerprint(manifest, precision)
    folder = tokens_folder(archive, fingerprint)
    inputs_of = _inputs(archive, keep_all)
    inputs = {uid: inputs_of[uid] for uid in cohort_studies(archive, splits) if uid in inputs_of}
    stage = TokenizeStage(
        archive=archive.root.absolute(),
        release=release.absolute(),
        fingerprint=fingerprint,
        precision=precision,
        keep_all=keep_all,
        threads=1 if workers.several else None,
    )
    try:
        rows = run_stage(
            stage, "tokenize", folder.absolute(), inputs, inputs_of,
            workers=workers, size=size, retry=retry, on_progress=on_progress,
        )  # fmt: skip
        write_parquet(rows.select("partition", *COLUMNS), folder / "tokens.parquet")
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise ArchiveError(f"{folder}: {NO_SPACE}") from None
    return _summary(rows, inputs, folder, manifest)


def _summary(rows: pl.LazyFrame, inputs: Mapping[str, str], folder: Path, manifest: Manifest) -> TokenizeResult:
    by_study = (
        rows.group_by("study_uid")
        .agg(
            used=(pl.col("status") == "used").any(),
            num_tokens=pl.col("num_tokens").sum(),
            reason=pl.col("reason").filter(pl.col("status") == FAILED).first().fill_null("no_usable_series"),
        )
        .join(pl.LazyFrame({"study_uid": list(inputs)}, schema={"study_uid": pl.String()}), on="study_uid", how="semi")
        .sort("study_uid")
        .collect()
    )
    left_out = by_study.filter(~pl.col("used")).select("study_uid", "reason")
    return TokenizeResult(
        folder=folder,
        release=manifest.name,
        trained=has_trained_tokenizer(manifest),
        tokenised=int(by_study["used"].sum()),
        num_tokens=int(by_study["num_tokens"].sum()),
        left_out=tuple(left_out.iter_rows()),
    )


def cohort_studies(archive: Archive, splits: Sequence[str]) -> list[str]:
    """The included studies of some sides of the split."""
    path = archive.cohort / "cohort.parquet"
    if not path.exists():
        raise ArchiveError(f"{archive.root}: found no cohort, expected one; run prima curate first")
    rows = pl.scan_parquet(path).filter(pl.col("split").is_in(list(splits))).select("study_uid").collect()
    return [str(uid) for uid in rows["study_uid"]]


def _inputs(archive: Archive, keep_all: bool) -> dict[str, str]:
    """StudyInstanceUID → how many series and instances the archive has of it, and which gate judges them.

    Instances are only ever added.
    """
    gate = ""
    if not keep_all:
        gate = f", gate {packaged_gate().name}"
    rows = scan_table(archive, "studies").select("study_uid", "num_series", "num_instances").collect()
    return {uid: f"{num_series} series, {num} instances{gate}" for uid, num_series, num in rows.iter_rows()}


def _tokenise(archive: Archive, study_uid: str, engine: Engine) -> tuple[list[Row], StudyTokens | None]:
    """Rows and tokens of a study; whatever breaks it stays with it."""
    if not archive.instances(study_uid):
        return [_study_row(study_uid, Failure.NO_INSTANCES)], None
    try:
        study = engine.prepare(read_stored_study(archive, study_uid, workers=torch.get_num_threads()))
        tokens = engine.tokens(study)
    except PrimaError as error:
        return [_study_row(study_uid, Failure.UNREADABLE, str(error))], None
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        return [_study_row(study_uid, Failure.UNREADABLE, error.strerror)], None
    except Exception as error:  # noqa: BLE001 (the border of a study: what breaks one must not reach the others)
        return [_study_row(study_uid, failure_of(error), type(error).__name__)], None
    rows = _rows(study, tokens) or [_study_row(study_uid, Failure.UNREADABLE)]
    return rows, tokens if tokens.series else None


def _rows(study: PreparedStudy, tokens: StudyTokens) -> list[Row]:
    nothing: Row = dict.fromkeys(COLUMNS)
    used = [
        nothing
        | {
            "study_uid": study.study_uid,
            "series_uid": series.series_uid,
            "part": series.part,
            "place": place,
            "plane": of_series.plane,
            "num_slices": series.num_slices,
            "num_tokens": of_series.num_tokens,
            "num_patches": of_series.num_patches,
            "status": "used",
            "detail": "; ".join(series.notes) or None,
        }
        for place, (series, of_series) in enumerate(zip(study.series, tokens.series, strict=True))
    ]
    left_out = [
        nothing
        | {
            "study_uid": study.study_uid,
            "series_uid": series.series_uid,
            "part": series.part,
            "num_slices": series.num_slices,
            "status": "excluded",
            "reason": series.reason.value,
            "detail": series.detail,
        }
        for series in study.excluded
    ]
    return used + left_out


def _study_row(study_uid: str, reason: Failure, detail: str | None = None) -> Row:
    return dict.fromkeys(COLUMNS) | {"study_uid": study_uid, "status": FAILED, "reason": reason.value, "detail": detail}


@cache
def _engine(folder: Path, precision: Precision, keep_all: bool, fingerprint: str) -> Engine:
    """The engine of the release, made once a process."""
    release = load_release(folder)
    if tokens_fingerprint(release.manifest, precision) != fingerprint:
        raise ReleaseError(f"release {folder}: changed while it was being used, or another one here; run it again")
    return Engine(release, precision, keep_all=keep_all)


def _origin(manifest: Manifest, fingerprint: str) -> dict[str, str]:
    """What a shard says of where its tokens come from."""
    return {
        "openprima": __version__,
        "release": manifest.name,
        "trained": json.dumps(has_trained_tokenizer(manifest)),
        "tokenizer": manifest.files[TOKENIZER_FILE].sha256,
        "contract": json.dumps(manifest.contract.to_json()),
        "made_by": fingerprint,
    }


def has_trained_tokenizer(manifest: Manifest) -> bool:
    """Whether tokens mean something: of a trained release, or of one whose tokenizer alone is trained so far."""
    return manifest.trained or manifest.provenance.get("tokenizer_trained") is True


def tokens_fingerprint(manifest: Manifest, precision: Precision) -> str:
    """A hash of everything that decides the tokens of a study: tokenizer, contract, number format, this stage.

    Releases that differ in what comes after the tokenizer (heads, thresholds, calibration) share their tokens.
    """
    decides = {
        "stage": _VERSION,
        "tokenizer": manifest.files[TOKENIZER_FILE].sha256,
        "contract": manifest.contract.to_json(),
        "dtype": str(precision.dtype),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def tokens_folder(archive: Archive, fingerprint: str) -> Path:
    """Where the tokens with a fingerprint lie; a `TokenStore`."""
    return archive.root / "tokens" / fingerprint[:12]
