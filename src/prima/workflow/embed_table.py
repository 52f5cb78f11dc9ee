"""The predictions table of an archive, from the logits that `prima embed` keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prima.archive.stages.embed import EmbedResult
from prima.archive.stages.embed_tables import FEATURES, logit_columns
from prima.model.engine.outputs import make_findings
from prima.model.release.familiarity import StudyFamiliarity
from prima.model.release.heads import HeadOutputs
from prima.predict.table_columns import row_of, row_without_findings
from prima.predict.table_file import write_predictions
from prima.study import ReleaseStamp

STUDIES_AT_ONCE = 4096


def write_table(done: EmbedResult, path: Path, *, scores_anyway: bool = False) -> int:
    """Write the table of every study of the cohort, embedded or not.

    Args:
        done: what embedding left.
        path: of the table.
        scores_anyway: give the scores of unfamiliar studies, too; nothing is called by them.

    Returns:
        The number of rows.

    Raises:
        UsageError: the place cannot be written.
    """
    return write_predictions(path, done.release.manifest, done.mode, _rows(done, scores_anyway))


def _rows(done: EmbedResult, scores_anyway: bool) -> Iterator[dict[str, Any]]:
    from pyarrow import parquet

    with parquet.ParquetFile(done.studies) as file:
        columns = [name for name in file.schema_arrow.names if name != FEATURES]
        for batch in file.iter_batches(STUDIES_AT_ONCE, columns=columns):
            for values in batch.to_pylist():
                yield _row(done, values, scores_anyway)


def _row(done: EmbedResult, values: dict[str, Any], scores_anyway: bool) -> dict[str, Any]:
    manifest = done.release.manifest
    counts = {name: values[name] for name in ("num_series_used", "num_series_excluded")}
    if values["status"] != "done":
        identity = {name: values[name] for name in ("study_uid", "status", "reason")}
        return row_without_findings(manifest, done.release.sha256, done.mode, **identity) | counts
    columns = [values[name] for name in logit_columns(manifest)]
    diagnoses = {head.name: columns.pop(0) for head in manifest.diagnoses}
    referrals = {head.name: columns.pop(0) for head in manifest.referrals}
    levels = None if manifest.priority is None else {level: columns.pop(0) for level in manifest.priority.levels}
    stamp = ReleaseStamp(
        name=manifest.name,
        sha256=done.release.sha256,
        trained=manifest.trained,
        calibrated=manifest.calibrated,
        mode=done.mode,
    )
    logits = HeadOutputs(diagnoses=diagnoses, referrals=referrals, priority=levels)
    familiarity = None
    if manifest.familiarity is not None:
        limit = manifest.familiarity.limit(values["num_series_used"])
        familiarity = StudyFamiliarity(distance=values["distance"], limit=limit, series=())
    findings = make_findings(
        manifest,
        stamp,
        study_uid=values["study_uid"],
        logits=logits,
        familiarity=familiarity,
        scores_anyway=scores_anyway,
    )
    return row_of(findings) | counts
