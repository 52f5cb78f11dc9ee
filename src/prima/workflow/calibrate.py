"""Calibrating a release on a site's labelled studies: logits and truth from two tables, or from an archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.model.release.calibration import HeadCalibration
from prima.model.release.familiarity_record import FamiliarityRecord
from prima.model.release.folder import Release, load_release, packaged_release
from prima.model.release.manifest import MANIFEST_FILE, HeadRecord, Manifest
from prima.study.ontology import LEVELS
from prima.tables.columns import level_column, logit_column, referral_column
from prima.tables.match import patients_of
from prima.tables.read import Table, read_table
from prima.tokens.precision import DeviceChoice, DtypeChoice, choose_precision
from prima.train.calibration.fit import CalibrationRecipe
from prima.train.calibration.target import Target
from prima.train.familiarity_release import FittedFamiliarity
from prima.train.heads.data import HeadLabels, HeadLogits
from prima.train.heads_release import calibrate_release
from prima.workflow.familiarity import familiarity_for_calibration


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledLogits:
    """Studies with logits and truth, and what a user should know of how they were matched."""

    logits: HeadLogits
    labels: HeadLabels
    notes: tuple[str, ...]


def read_labelled(
    release: Release, labels: Path, predictions: Path, *, patient_of: Mapping[str, str] | None = None
) -> LabelledLogits:
    """Match a table of logits with a table of truth.

    Args:
        release: whose heads they are.
        labels: study_uid, and boolean columns named like heads; `referral_NAME`, `priority`, `patient` where there are.
        predictions: study_uid, and logits as `NAME__logit`, `referral_NAME__logit`, `priority_LEVEL__logit`.
        patient_of: patients by study; the tables' column `patient` when None.

    Raises:
        UsageError: the predictions are of another release, no study is in both tables, or none has all its logits.
        UnreadableError: a table is absent or broken.
    """
    predicted, true = read_table(predictions), read_table(labels)
    _check_release(predicted, release)
    notes: list[str] = []
    row_of = {uid: row for row, uid in enumerate(true.study_uids)}
    status = predicted.words("status") if "status" in predicted else [""] * predicted.num_rows
    rows = [row for row, uid in enumerate(predicted.study_uids) if uid in row_of and status[row] in ("", "done")]
    if not rows:
        raise UsageError(f"{predictions}: none of its {predicted.num_rows} studies is done and in {labels}")
    if len(rows) < predicted.num_rows:
        notes.append(
            f"{predicted.num_rows - len(rows)} of {predicted.num_rows} predicted studies have no label or no prediction"
        )
    predicted = predicted.take(rows)
    true = true.take([row_of[uid] for uid in predicted.study_uids])
    logits = _logits(predicted, release.manifest)
    truth = _labels(predicted, true, release.manifest, patient_of, notes)
    return _finite(logits, truth, predictions, notes)


def tables_of_archive(release: Release, archive: Path, *, dtype: DtypeChoice, device: DeviceChoice) -> LabelledLogits:
    """The labelled validation studies of an archive, with the logits that the release gives their tokens.

    Raises:
        ArchiveError: it is none, or has no tokens of this release.
        UsageError: it has no labels, or no study on the validation side.
    """
    from prima.files.optional import require_tables

    require_tables()
    from prima.archive.stages.embed import embed_archive
    from prima.archive.stages.run import StageWorkers
    from prima.archive.store.layout import Archive
    from prima.archive.store.tables import scan

    opened = Archive.open(archive)
    labels = opened.root / "labels" / "studies.parquet"
    if not labels.exists():
        raise UsageError(f"{archive}: found no labels, expected some; run prima label {archive} first")
    patients = dict(scan(opened, "studies").select("study_uid", "patient_id").collect().iter_rows())
    with TemporaryDirectory() as folder:
        embedded = embed_archive(
            opened,
            release=release.folder,
            precision=choose_precision(device, dtype),
            out=Path(folder),
            splits=("validation",),
            workers=StageWorkers(),
        )
        if not embedded.embedded:
            raise UsageError(
                f"{archive}: found no validation study with tokens; run prima curate --validation SHARE first"
            )
        return read_labelled(release, labels, embedded.studies, patient_of=patients)


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """What became of a calibration.

    Args:
        folder: of the new release.
        calibrated: whether every head has a probability.
        target: what thresholds are for.
        heads: those with labelled studies.
        missing: heads without a probability: no label, or too few labelled studies.
        notes: how studies were matched.
        familiarity: the check for unfamiliar studies that the new release has; None without one.
    """

    folder: Path
    calibrated: bool
    target: str
    num_studies: int
    num_patients: int
    heads: Mapping[str, HeadCalibration]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    familiarity: FamiliarityRecord | None = None

    @property
    def with_probability(self) -> list[str]:
        """Heads that are calibrated now."""
        return [name for name, head in self.heads.items() if head.supported]

    @property
    def unsupported(self) -> list[str]:
        """Heads with labelled studies, and too few of them: no probability, and nothing is called."""
        return [name for name, head in self.heads.items() if not head.supported]

    @property
    def weak(self) -> list[str]:
        """Heads whose threshold rests on few positive studies."""
        return [name for name, head in self.heads.items() if head.weak and head.threshold_called is not None]

    @property
    def not_called(self) -> list[str]:
        """Heads with a probability for which no threshold reaches the target."""
        return [name for name in self.with_probability if self.heads[name].threshold_called is None]

    @property
    def unlabelled(self) -> list[str]:
        """Heads without a label."""
        return [name for name in self.missing if name not in self.heads]

    def as_json(self) -> dict[str, Any]:
        """The figures of every head, JSON-ready; the curves are in the release."""
        return {
            "release": str(self.folder),
            "calibrated": self.calibrated,
            "target": self.target,
            "num_studies": self.num_studies,
            "num_patients": self.num_patients,
            "heads": {name: _figures(head) for name, head in self.heads.items()},
            "uncalibrated": list(self.missing),
            "familiarity": self.familiarity and vars(self.familiarity),
            "notes": list(self.notes),
        }


def what_to_calibrate(paths: Sequence[Path]) -> tuple[Path, Path, Path | None]:
    """Release, archive or truth table, and table of predictions, of the paths as typed.

    The packaged release stands in where the first path is none.

    Raises:
        UsageError: more or fewer paths than that.
    """
    first_is_release = len(paths) > 1 and (paths[0] / MANIFEST_FILE).is_file()
    release, rest = (paths[0], paths[1:]) if first_is_release else (packaged_release(), paths)
    if len(rest) > 2 and not first_is_release:
        raise UsageError(f"{paths[0]}: found no {MANIFEST_FILE} in it, expected the folder of a release")
    if not 1 <= len(rest) <= 2:
        raise UsageError(f"found {len(paths)} paths, expected [RELEASE] ARCHIVE, or [RELEASE] LABELS PREDICTIONS")
    return release, rest[0], rest[1] if len(rest) == 2 else None


def calibrate_on(
    release: Path,
    source: Path,
    predictions: Path | None,
    out: Path,
    *,
    target: str = "sensitivity=0.9",
    max_abstained: float = 0.02,
    name: str | None = None,
    drop_uncalibrated: bool = False,
    seed: int = 0,
    dtype: DtypeChoice = "auto",
    device: DeviceChoice = "auto",
) -> Calibrated:
    """Write a new release with probabilities, intervals, thresholds and abstention from labelled studies.

    Args:
        release: folder of the release; it is not changed.
        source: a labelled and tokenised archive, or with predictions a truth table.
        predictions: table of the release's logits; None for an archive.
        out: folder of the new release; new or empty.
        target: what thresholds are for: sensitivity=…, ppv=… or alerts=…; with @… held with that confidence.
        max_abstained: share of the studies on which a head may abstain.
        name: of the new release; the folder's when None.
        drop_uncalibrated: leave heads without a probability out.
        seed: of folds and of the bootstrap over patients.
        dtype: number format of an archive's tokens.
        device: where an archive's features are computed.
    """
    operating_target = Target.parse(target)
    loaded = load_release(release)
    if predictions is None:
        labelled = tables_of_archive(loaded, source, dtype=dtype, device=device)
    else:
        labelled = read_labelled(loaded, source, predictions)
    familiarity: FittedFamiliarity | None = None
    notes = list(labelled.notes)
    if loaded.manifest.familiarity is None:
        found: FittedFamiliarity | str = "no check for unfamiliar studies is made from tables: give an archive"
        if predictions is None:
            found = familiarity_for_calibration(loaded, source, dtype=dtype, device=device)
        if isinstance(found, str):
            notes.append(found)
        else:
            familiarity = found
    recipe = CalibrationRecipe(max_abstained=max_abstained, seed=seed)
    folder, missing = calibrate_release(
        loaded, labelled.logits, labelled.labels, operating_target, out,
        recipe=recipe, name=name, drop_uncalibrated=drop_uncalibrated, familiarity=familiarity,
    )  # fmt: skip
    manifest = load_release(folder).manifest
    heads = (*manifest.diagnoses, *manifest.referrals)
    return Calibrated(
        folder=folder,
        calibrated=manifest.calibrated,
        target=str(operating_target),
        num_studies=len(labelled.labels),
        num_patients=len(set(labelled.labels.patients)),
        heads={head.name: head.calibration for head in heads if head.calibration},
        missing=tuple(missing),
        notes=tuple(notes),
        familiarity=manifest.familiarity,
    )


def _figures(head: HeadCalibration) -> dict[str, object]:
    """What a reader wants of one head."""
    names = (
        "kind",
        "threshold",
        "threshold_source",
        "reached",
        "sensitivity",
        "specificity",
        "ppv",
        "alerts",
        "abstained",
    )
    figures = {name: getattr(head, name) for name in names}
    return figures | {"num_positives": head.num_positives, "num_negatives": head.num_negatives, "weak": head.weak}


def _check_release(table: Table, release: Release) -> None:
    """Refuse logits of other weights; those of the release that this one was calibrated from are its own."""
    if "release_sha256" not in table:
        return
    known = {release.sha256, "", str(release.manifest.provenance.get("calibration", {}).get("of_release_sha256", ""))}
    if foreign := set(table.words("release_sha256")) - known:
        raise UsageError(
            f"{table.path}: found predictions of release {min(foreign)[:12]}…, expected {release.sha256[:12]}…; "
            "predict the studies with this release"
        )


def _logits(table: Table, manifest: Manifest) -> HeadLogits:
    def columns(heads: tuple[HeadRecord, ...], prefix: bool) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        named = {head.name: logit_column(referral_column(head.name) if prefix else head.name) for head in heads}
        values_of = {name: table.numbers(column) for name, column in named.items() if column in table}
        values = np.stack(list(values_of.values()), axis=1) if values_of else np.zeros((table.num_rows, 0))
        return tuple(values_of), values.astype(np.float32)

    diagnosis_names, diagnoses = columns(manifest.diagnoses, False)
    referral_names, referrals = columns(manifest.referrals, True)
    if not diagnosis_names and not referral_names:
        raise UsageError(f"{table.path}: found no logit of a head of the release, expected columns such as NAME__logit")
    levels = () if manifest.priority is None else manifest.priority.levels
    by_level = [logit_column(level_column(level)) for level in levels]
    priority = None
    if levels and all(column in table for column in by_level):
        priority = np.stack([table.numbers(column) for column in by_level], axis=1).astype(np.float32)
    return HeadLogits(
        diagnoses=diagnoses,
        referrals=referrals,
        priority=priority,
        diagnosis_names=diagnosis_names,
        referral_names=referral_names,
        levels=() if priority is None else levels,
    )


def _labels(
    predicted: Table, true: Table, manifest: Manifest, patient_of: Mapping[str, str] | None, notes: list[str]
) -> HeadLabels:
    def columns(named: dict[str, str]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
        values_of = {name: true.numbers(column, binary=True) for name, column in named.items() if column in true}
        values = np.stack(list(values_of.values()), axis=1) if values_of else np.zeros((true.num_rows, 0))
        return tuple(values_of), values.astype(np.float32)

    diagnosis_names, diagnoses = columns({head.name: head.name for head in manifest.diagnoses})
    referral_names, referrals = columns({head.name: referral_column(head.name) for head in manifest.referrals})
    words = true.words("priority", allowed=LEVELS) if "priority" in true else [""] * true.num_rows
    return HeadLabels(
        patients=tuple(patients_of(predicted, true, notes, patient_of)),
        diagnoses=diagnoses,
        referrals=referrals,
        priority=np.array([LEVELS.index(word) if word else -1 for word in words], dtype=np.int64),
        diagnosis_names=diagnosis_names,
        referral_names=referral_names,
    )


def _finite(logits: HeadLogits, labels: HeadLabels, path: Path, notes: list[str]) -> LabelledLogits:
    """Only studies with every logit; the others are counted."""
    tables = [logits.diagnoses, logits.referrals, *([] if logits.priority is None else [logits.priority])]
    whole = np.all([np.isfinite(table).all(axis=1) for table in tables], axis=0)
    rows = np.flatnonzero(whole)
    if not len(rows):
        raise UsageError(f"{path}: found no study with a logit of every head, expected some")
    if len(rows) < len(labels):
        notes.append(f"{len(labels) - len(rows)} studies without a logit of every head are left out")
    kept = HeadLogits(
        diagnoses=logits.diagnoses[rows],
        referrals=logits.referrals[rows],
        priority=None if logits.priority is None else logits.priority[rows],
        diagnosis_names=logits.diagnosis_names,
        referral_names=logits.referral_names,
        levels=logits.levels,
    )
    return LabelledLogits(logits=kept, labels=labels.take(rows), notes=tuple(notes))
