"""The two tables of features: a row for each study of the cohort, and a row for each series that was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from prima.archive.store.tables import write_parquet
from prima.model.release.manifest import Manifest
from prima.tables.columns import level_column, logit_column, referral_column

STUDIES_FILE, SERIES_FILE = "studies.parquet", "series.parquet"
FEATURES = "feature"

STAGE_COLUMNS: dict[str, pl.DataType] = {
    "study_uid": pl.String(),
    "place": pl.Int64(),
    "name": pl.String(),
    "status": pl.String(),
    "reason": pl.String(),
    FEATURES: pl.List(pl.Float32()),
    "logits": pl.List(pl.Float64()),
    "distance": pl.Float64(),
}
"""Columns of the stage's rows: `place` is null in the row of a study, `logits` in that of a series."""

STUDY_COLUMNS = {
    "study_uid": "StudyInstanceUID; every study of the cohort has a row",
    "status": "done, refused (no series can be used) or failed",
    "reason": "why it has no feature; null when it has",
    "num_series_used": "series that were read",
    "num_series_excluded": "series that were left out when the study was tokenised",
    "distance": "from the studies that the release has seen; null without a check",
    FEATURES: "the study feature, float32: what the heads read",
}
SERIES_COLUMNS = {
    "study_uid": "StudyInstanceUID",
    "place": "place of the series in the study's tokens, from 0",
    "series_uid": "SeriesInstanceUID",
    "part": "which part of a series that held several things, such as b1000",
    "plane": "axial, coronal or sagittal",
    "name": "its name as it stands in the tokens",
    "distance": "of the series, likewise",
    FEATURES: "embedding of the series, float32: what the study ViT reads",
}


@dataclass(frozen=True, kw_only=True)
class WrittenTables:
    """Where the tables lie, and how many studies of the cohort have a feature; the others with their reasons."""

    studies: Path
    series: Path
    embedded: int
    left_out: tuple[tuple[str, str], ...]


def logit_columns(manifest: Manifest) -> list[str]:
    """Columns of the logits, in the order in which the stage keeps them.

    Those of diagnoses and referrals are named as in a predictions table, those of priority `priority_LEVEL__logit`.
    """
    referrals = [referral_column(head.name) for head in manifest.referrals]
    levels = [] if manifest.priority is None else [level_column(level) for level in manifest.priority.levels]
    return [logit_column(name) for name in (*(head.name for head in manifest.diagnoses), *referrals, *levels)]


def write_tables(
    rows: pl.LazyFrame, tokens: Path, cohort: Sequence[str], manifest: Manifest, out: Path
) -> WrittenTables:
    """Write `studies.parquet` and `series.parquet`, each whole or not at all.

    Args:
        rows: of the stage.
        tokens: folder of the token store.
        cohort: studies that get a row.
        manifest: of the release.
        out: folder of the tables.
    """
    counts = _counts(tokens)
    cohort_studies = pl.LazyFrame({"study_uid": list(cohort)}, schema={"study_uid": pl.String()})
    studies = _studies(rows, counts, cohort_studies, manifest)
    series = _series(rows, tokens, cohort_studies, manifest)
    write_parquet(series, out / SERIES_FILE)
    write_parquet(studies, out / STUDIES_FILE)
    written = pl.scan_parquet(out / STUDIES_FILE).select("study_uid", "status", "reason").collect()
    left_out = written.filter(pl.col("status") != "done").sort("study_uid").select("study_uid", "reason")
    return WrittenTables(
        studies=out / STUDIES_FILE,
        series=out / SERIES_FILE,
        embedded=written.height - left_out.height,
        left_out=tuple(left_out.iter_rows()),
    )


def _counts(tokens: Path) -> pl.LazyFrame:
    """Of every study that was tokenised: how many series, and what became of it when it has no token."""
    failed = pl.col("status") == "failed"
    return (
        pl.scan_parquet(tokens / "tokens.parquet")
        .group_by("study_uid")
        .agg(
            num_series_used=(pl.col("status") == "used").sum().cast(pl.Int64),
            num_series_excluded=(pl.col("status") == "excluded").sum().cast(pl.Int64),
            failed=failed.any(),
            token_reason=pl.col("reason").filter(failed).first(),
        )
    )


def _studies(
    rows: pl.LazyFrame, counts: pl.LazyFrame, cohort_studies: pl.LazyFrame, manifest: Manifest
) -> pl.LazyFrame:
    names = logit_columns(manifest)
    own = rows.filter(pl.col("place").is_null()).select("study_uid", "status", "reason", "distance", FEATURES, "logits")
    has_tokens = pl.col("num_series_used") > 0
    status = (
        pl.when(has_tokens & pl.col("status").is_not_null())
        .then(pl.col("status"))
        .when(pl.col("failed").is_null() | pl.col("failed") | has_tokens)
        .then(pl.lit("failed"))
        .otherwise(pl.lit("refused"))
    )
    reason = (
        pl.when(has_tokens & pl.col("status").is_not_null())
        .then(pl.col("reason"))
        .when(pl.col("failed").is_null() | has_tokens)
        .then(pl.lit("not_tokenised"))
        .otherwise(pl.col("token_reason").fill_null("no_usable_series"))
    )
    done = has_tokens & (pl.col("status") == "done")
    width = manifest.vision.feature_dim
    return (
        cohort_studies.join(counts, on="study_uid", how="left", maintain_order="left")
        .join(own, on="study_uid", how="left", maintain_order="left")
        .select(
            "study_uid",
            status=status,
            reason=reason,
            num_series_used=pl.col("num_series_used").fill_null(0),
            num_series_excluded=pl.col("num_series_excluded").fill_null(0),
            distance=pl.when(done).then(pl.col("distance")),
            feature=pl.when(done).then(pl.col(FEATURES)).list.to_array(width),
            logits=pl.when(done).then(pl.col("logits")),
        )
        .with_columns(
            pl.col("logits").list.get(index, null_on_oob=True).alias(name) for index, name in enumerate(names)
        )
        .drop("logits")
    )


def _series(rows: pl.LazyFrame, tokens: Path, cohort_studies: pl.LazyFrame, manifest: Manifest) -> pl.LazyFrame:
    read = pl.scan_parquet(tokens / "tokens.parquet").filter(pl.col("status") == "used")
    facts = read.select("study_uid", "place", "series_uid", "part", "plane")
    own = rows.filter(pl.col("place").is_not_null()).select("study_uid", "place", "name", "distance", FEATURES)
    return (
        own.join(cohort_studies, on="study_uid", how="semi", maintain_order="left")
        .join(facts, on=["study_uid", "place"], how="left", maintain_order="left")
        .with_columns(pl.col(FEATURES).list.to_array(manifest.vision.study.width))
        .select(*SERIES_COLUMNS)
    )
