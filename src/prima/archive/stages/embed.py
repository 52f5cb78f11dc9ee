"""The stage that turns tokens into features: of every study and every series, with the logits of all heads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import polars as pl
import torch

from prima.archive.cohort.indications import indications_of
from prima.archive.cohort.split import SPLITS
from prima.archive.stages.embed_tables import STAGE_COLUMNS, write_tables
from prima.archive.stages.run import STUDIES_PER_PARTITION, StageProgress, StageWorkers, run_stage
from prima.archive.stages.stage import FAILED, NO_SPACE, Row, StageOutput
from prima.archive.stages.tokenize import cohort_studies, tokens_fingerprint, tokens_folder
from prima.archive.store.layout import Archive
from prima.errors import ArchiveError, PrimaError, ReleaseError
from prima.files.durable import DISK_FULL
from prima.model.engine.engine import Engine, NotFiniteError, failure_of
from prima.model.release.familiarity_record import FAMILIARITY_FILE
from prima.model.release.folder import Release, load_release
from prima.model.release.manifest import VISION_FILE, Manifest
from prima.study.mode import Mode
from prima.tables.failures import Failure
from prima.tokens.batch import StudyTokens
from prima.tokens.precision import Precision
from prima.tokens.shown import mode_of_call, shows_indication
from prima.tokens.store import TokenStore

# Raised when the same tokens would give other rows.
_VERSION = 1

FAILURES = {
    failure.value: failure.words
    for failure in (
        Failure.NOT_TOKENISED, Failure.DAMAGED, Failure.NOT_FINITE, Failure.OUT_OF_MEMORY, Failure.UNFORESEEN,
        Failure.ENDED_ITS_PROCESS,
    )
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EmbedStage:
    """Turns tokens of studies into features and logits.

    Args:
        tokens: folder of the token store.
        release: folder of the release.
        fingerprint: as `embeddings_fingerprint` gives it; a worker that finds another release there stops.
        precision: device and number format of the tokens; on a GPU the vision model takes it too.
        image_only: withhold series names and the study description.
        threads: of each process; None leaves it to torch.
        indications: StudyInstanceUID → age, sex and indication, for a model that is shown them; empty for others.
    """

    tokens: Path
    release: Path
    fingerprint: str
    precision: Precision
    image_only: bool = False
    threads: int | None = None
    indications: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, pl.DataType] = field(default_factory=lambda: dict(STAGE_COLUMNS))
    suffixes: tuple[str, ...] = ()

    def make(self, studies: Iterator[str], given_up: Sequence[str], staging: Path) -> StageOutput:  # noqa: ARG002
        """A row for every study and one for each of its series."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        engine = _engine(self.release, self.precision, self.fingerprint, self.image_only)
        store = _store(self.tokens, (self.tokens / "tokens.parquet").stat().st_mtime_ns)
        rows = [_failed(uid, Failure.ENDED_ITS_PROCESS) for uid in given_up]
        for study_uid in studies:
            rows.extend(_embed(engine, store, study_uid, self.indications.get(study_uid, "")))
        return StageOutput(rows=rows, files={})


@dataclass(frozen=True, kw_only=True)
class EmbedResult:
    """How the studies that were asked for ended.

    Args:
        folder: of the embeddings; `studies` and `series` are its tables.
        release: its name; and whether its weights were trained.
        embedded: studies with a feature.
        left_out: StudyInstanceUID and reason of the others.
    """

    folder: Path
    studies: Path
    series: Path
    release: Release
    mode: Mode
    embedded: int
    left_out: tuple[tuple[str, str], ...]


def embed_archive(
    archive: Archive,
    *,
    release: Path,
    precision: Precision,
    image_only: bool = False,
    out: Path | None = None,
    splits: Sequence[str] = SPLITS,
    workers: StageWorkers,
    size: int = STUDIES_PER_PARTITION,
    retry: bool = False,
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> EmbedResult:
    """Embed the tokenised studies of a cohort that are not embedded yet, and write the two tables.

    Args:
        archive: with a cohort, and with tokens of this release in this number format.
        release: whose vision model and heads are used.
        precision: device and number format; it says which tokens are read.
        image_only: withhold series names and the study description.
        out: where the tables go; beside the parts when None.
        splits: sides of the split that are wanted.
        workers: who does it.
        size: studies in a new partition.
        retry: try failed studies again.
        on_progress: told as partitions are finished.

    Raises:
        ArchiveError: there is no cohort or no tokens, another process embeds, or the disk is full.
        ReleaseError: the release cannot be used.
    """
    loaded = load_release(release)
    manifest = loaded.manifest
    tokens = tokens_folder(archive, tokens_fingerprint(manifest, precision))
    if not (tokens / "tokens.parquet").exists():
        dtype = str(precision.dtype).removeprefix("torch.")
        raise ArchiveError(
            f"{archive.root}: found no tokens of release {manifest.name} in {dtype}, expected {tokens.name} under "
            f"tokens; run prima tokenize {archive.root} --release {release} --dtype {dtype} first"
        )
    fingerprint = embeddings_fingerprint(manifest, precision, image_only)
    folder = embeddings_folder(archive, fingerprint)
    mode = mode_of_call(manifest.mode, image_only=image_only)
    indications = indications_of(archive) if shows_indication(mode) else {}
    inputs_of = {uid: _with_indication(source, indications.get(uid)) for uid, source in _inputs(tokens).items()}
    cohort = cohort_studies(archive, splits)
    stage = EmbedStage(
        tokens=tokens.absolute(),
        release=release.absolute(),
        fingerprint=fingerprint,
        precision=precision,
        image_only=image_only,
        threads=1 if workers.several else None,
        indications=indications,
    )
    inputs = {uid: inputs_of[uid] for uid in cohort if uid in inputs_of}
    try:
        rows = run_stage(
            stage, "embed", folder.absolute(), inputs, inputs_of,
            workers=workers, size=size, retry=retry, on_progress=on_progress,
        )  # fmt: skip
        written = write_tables(rows, tokens, cohort, manifest, out or folder)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        raise ArchiveError(f"{folder}: {NO_SPACE}") from None
    return EmbedResult(
        folder=folder,
        studies=written.studies,
        series=written.series,
        release=loaded,
        mode=mode,
        embedded=written.embedded,
        left_out=written.left_out,
    )


def embeddings_fingerprint(manifest: Manifest, precision: Precision, image_only: bool) -> str:
    """A hash of everything that decides features, logits and distances; calibration, thresholds and limits are not
    among it."""
    heads = [*manifest.diagnoses, *manifest.referrals]
    priority = manifest.priority and replace(manifest.priority, calibration=None)
    decides = {
        "stage": _VERSION,
        "tokens": tokens_fingerprint(manifest, precision),
        "vision": manifest.files[VISION_FILE].sha256,
        "mlps": [manifest.files[name].sha256 for name in manifest.mlps],
        "heads": [[head.name, head.mlp, head.column, head.offset] for head in heads],
        "priority": priority and [priority.mlp, priority.levels, priority.column],
        "text": mode_of_call(manifest.mode, image_only=image_only) != "image",
        "device": precision.device.type,
    }
    if manifest.familiarity is not None:
        decides["familiarity"] = manifest.files[FAMILIARITY_FILE].sha256
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def embeddings_folder(archive: Archive, fingerprint: str) -> Path:
    """Where the features with a fingerprint lie."""
    return archive.root / "embeddings" / fingerprint[:12]


@cache
def _engine(folder: Path, precision: Precision, fingerprint: str, image_only: bool) -> Engine:
    """The engine of the release, made once a process."""
    release = load_release(folder)
    if embeddings_fingerprint(release.manifest, precision, image_only) != fingerprint:
        raise ReleaseError(f"release {folder}: changed while it was being used, or another one here; run it again")
    return Engine(release, precision, image_only=image_only)


@cache
def _store(folder: Path, _changed: int) -> TokenStore:
    """The store, opened once a process and again after it was written to."""
    return TokenStore(folder)


def _inputs(tokens: Path) -> dict[str, str]:
    """StudyInstanceUID → what its tokens were made from, of the studies that have tokens."""
    rows = pl.scan_parquet(sorted((tokens / "parts").glob("*.parquet")), missing_columns="insert")
    used = rows.filter(pl.col("status") == "used").select("study_uid", "input").unique().sort("study_uid").collect()
    return dict(used.iter_rows())


def _with_indication(source: str, indication: str | None) -> str:
    """What a row is made from: a report that comes later brings another indication, and the study is embedded again."""
    return source if indication is None else f"{source}-{hashlib.sha256(indication.encode()).hexdigest()[:16]}"


def _embed(engine: Engine, store: TokenStore, study_uid: str, indication: str) -> list[Row]:
    """Rows of a study; whatever breaks it stays with it."""
    try:
        tokens = store.read(study_uid)
    except (PrimaError, KeyError):
        return [_failed(study_uid, Failure.DAMAGED)]
    try:
        return _rows(engine, study_uid, tokens, indication)
    except (NotFiniteError, MemoryError, RuntimeError) as error:  # torch raises these; the border of a study
        return [_failed(study_uid, failure_of(error))]


def _rows(engine: Engine, study_uid: str, tokens: StudyTokens, indication: str) -> list[Row]:
    outputs = engine.outputs(tokens, indication)
    logits, familiarity = outputs.logits, outputs.familiarity
    distances = familiarity.series if familiarity else [None] * len(tokens.series)
    nothing: Row = dict.fromkeys(STAGE_COLUMNS)
    study = nothing | {
        "study_uid": study_uid,
        "status": "done",
        "distance": familiarity and familiarity.distance,
        "feature": pl.Series(outputs.feature.numpy()),
        "logits": [*logits.diagnoses.values(), *logits.referrals.values(), *(logits.priority or {}).values()],
    }
    return [
        study,
        *(
            nothing
            | {
                "study_uid": study_uid,
                "status": "done",
                "place": place,
                "name": series.name,
                "distance": distance,
                "feature": pl.Series(feature.numpy()),
            }
            for place, (series, feature, distance) in enumerate(
                zip(tokens.series, outputs.series, distances, strict=True)
            )
        ),
    ]


def _failed(study_uid: str, reason: Failure) -> Row:
    return dict.fromkeys(STAGE_COLUMNS) | {"study_uid": study_uid, "status": FAILED, "reason": reason.value}
