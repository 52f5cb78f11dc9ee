"""Evaluation of a predictions table against a truth table, or against what the reports of an archive say."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from prima.errors import PrimaError, UnreadableError, UsageError
from prima.evaluate import Evaluation, evaluate_predictions

if TYPE_CHECKING:
    import polars as pl

# Of the catalogue, to divide studies by.
GROUP_COLUMNS = ("manufacturer", "model", "field_strength_t", "institution", "station", "sex", "age_years")


def evaluate_on(predictions: Path, truth: Path, *, splits: Collection[str] = (), **options: Any) -> Evaluation:
    """Measure predictions against their truth.

    Args:
        predictions: table of `prima predict --table` or `prima embed --table`.
        truth: table of labels, or an archive that was labelled (`prima label`).
        splits: of an archive with a cohort: only these sides.
        options: as for `evaluate_predictions`.

    Raises:
        UsageError: a table lacks what is needed, or an archive has no labels.
        UnreadableError: a table is absent or broken.
        PrimaError: no diagnosis can be evaluated.
    """
    if not truth.exists():
        raise UnreadableError(f"--truth {truth}: no such file or folder; give a table of labels or a labelled archive")
    if not truth.is_dir():
        if splits:
            raise UsageError(f"--split belongs to --truth ARCHIVE; {truth} is no folder")
        return evaluate_predictions(predictions, truth, **options)
    with TemporaryDirectory() as folder:
        table = Path(folder) / "labels.parquet"
        labels_of_archive(truth, splits).write_parquet(table)
        try:
            return evaluate_predictions(predictions, table, **options)
        except PrimaError as error:
            raise type(error)(str(error).replace(str(table), str(truth))) from None


def labels_of_archive(root: Path, splits: Collection[str] = ()) -> pl.DataFrame:
    """The labels of an archive's studies as a truth table; what a report leaves open is empty.

    Of an archive with a cohort, the studies of the cohort alone, with their side as column `split`.

    Returns:
        study_uid, a column per diagnosis, `priority`, `referral_NAME`, `patient`, and what studies may be divided by.

    Raises:
        ArchiveError: the folder is no archive.
        UsageError: it has no labels, or a side was asked for and there is no cohort.
    """
    from prima.files.optional import require_tables

    require_tables("--truth ARCHIVE")
    import polars as pl

    from prima.archive.store.layout import Archive
    from prima.archive.store.tables import scan
    from prima.study.ontology import DIAGNOSIS_NAMES

    archive = Archive.open(root)
    path, cohort_path = archive.root / "labels" / "studies.parquet", archive.cohort / "cohort.parquet"
    if not path.exists():
        raise UsageError(f"{root}: found no labels, expected some; run prima label {root} first")
    labels = pl.read_parquet(path).drop("report_id", strict=False)
    open_labels = pl.read_parquet(path.with_name("labels.parquet")).filter(pl.col("assertion") == "uncertain")
    for name in set(open_labels["diagnosis"]) & set(DIAGNOSIS_NAMES) & set(labels.columns):
        uids = open_labels.filter(pl.col("diagnosis") == name)["study_uid"].implode()
        labels = labels.with_columns(pl.when(pl.col("study_uid").is_in(uids)).then(None).otherwise(name).alias(name))
    if cohort_path.exists():
        cohort = pl.read_parquet(cohort_path, columns=["study_uid", "split"]).drop_nulls("split")
        labels = labels.join(cohort, on="study_uid")
    if splits:
        if not cohort_path.exists():
            raise UsageError(f"{root}: found no cohort, expected one for --split; run prima curate {root} first")
        labels = labels.filter(pl.col("split").is_in(list(splits)))
    patient = pl.col("patient_id").alias("patient")
    facts = scan(archive, "studies").select("study_uid", patient, *GROUP_COLUMNS).collect()
    return labels.join(facts, on="study_uid", how="left")
