"""Trained heads and calibrations into releases. A release never changes: a new folder is written beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prima import __version__
from prima.errors import UsageError
from prima.model.packaging.build import EVALUATION_FILE, card_without_evaluation, take_file
from prima.model.packaging.card import with_familiarity_section
from prima.model.packaging.probe import PROBE_FILE, add_probe
from prima.model.release.calibration import MIN_NEGATIVES, MIN_POSITIVES
from prima.model.release.familiarity_record import FAMILIARITY_FILE
from prima.model.release.folder import Release, ReleaseWriter
from prima.model.release.manifest import CARD_FILE, HeadRecord, Manifest, PriorityRecord, uncalibrated
from prima.train.calibration.card import CARD_HEADING, calibration_section
from prima.train.calibration.fit import Calibration, CalibrationRecipe, calibrate
from prima.train.calibration.target import Target
from prima.train.familiarity_release import FittedFamiliarity
from prima.train.heads.data import HeadData, HeadLabels, HeadLogits
from prima.train.heads.fit import train_heads
from prima.train.heads.network import TrainedHeads
from prima.train.heads.recipe import HeadEpoch, HeadRecipe


@dataclass(frozen=True, kw_only=True)
class HeadRecords:
    """The fields of a manifest that heads fill."""

    mlps: tuple[str, ...]
    diagnoses: tuple[HeadRecord, ...]
    referrals: tuple[HeadRecord, ...]
    priority: PriorityRecord | None
    calibrated: bool


def add_heads(writer: ReleaseWriter, heads: TrainedHeads, calibration: Calibration | None) -> HeadRecords:
    """Write the network of trained heads, and give the fields of the manifest: `replace(manifest, **vars(records))`."""
    file = "heads/000.safetensors"
    writer.add_tensors(file, heads.tensors())
    names = (*heads.diagnosis_names, *heads.referral_names)
    records = tuple(HeadRecord(name=name, mlp=0, column=column, offset=0.0) for column, name in enumerate(names))
    split = len(heads.diagnosis_names)
    head_records = HeadRecords(
        mlps=(file,),
        diagnoses=records[:split],
        referrals=records[split:],
        priority=PriorityRecord(mlp=0, levels=heads.levels, column=len(names)),
        calibrated=False,
    )
    return head_records if calibration is None else _with_calibration(head_records, calibration)


def retrain_heads(
    release: Release,
    train: HeadData,
    validation: HeadData,
    out: Path,
    *,
    recipe: HeadRecipe | None = None,
    target: Target | str = "sensitivity=0.9",
    calibration: CalibrationRecipe | None = None,
    name: str | None = None,
    on_epoch: Callable[[HeadEpoch], None] = lambda _: None,
) -> Path:
    """A release with new heads on its own features, calibrated on the validation studies.

    Args:
        release: gives the tokenizer and the vision model, and made the features.
        train: studies to learn from.
        validation: of other patients; they stop the training and calibrate.
        out: a new or empty folder.
        recipe: of the heads.
        target: what thresholds are for.
        calibration: how to calibrate.
        name: of the new release; the folder's when None.
        on_epoch: told after each epoch.

    Raises:
        UsageError: the features are not the release's, or the data cannot be learnt from.
        ReleaseError: `out` is not empty.
    """
    if train.features.shape[1] != release.manifest.vision.feature_dim:
        raise UsageError(
            f"heads: found features of length {train.features.shape[1]}, expected the release's "
            f"{release.manifest.vision.feature_dim}; make them with this release (prima embed)"
        )
    heads = train_heads(train, validation, recipe, on_epoch)
    calibrated = calibrate(heads.logits(validation.features), validation.labels, target, calibration)
    facts: dict[str, Any] = {
        "heads": {
            "recipe": vars(recipe or HeadRecipe()).copy(),
            "num_train_studies": len(train.labels),
            "num_train_patients": len(set(train.labels.patients)),
            "trunk_epoch": heads.trunk_epoch,
        },
        "calibration": _facts(release, calibrated),
    }

    def fill(writer: ReleaseWriter) -> HeadRecords:
        return add_heads(writer, heads, calibrated)

    return _derive(
        release,
        out,
        name=name or out.name,
        facts=facts,
        calibration=calibrated,
        fill=fill,
        leave_out=release.manifest.mlps,
    )


def calibrate_release(
    release: Release,
    logits: HeadLogits,
    labels: HeadLabels,
    target: Target | str,
    out: Path,
    *,
    recipe: CalibrationRecipe | None = None,
    name: str | None = None,
    drop_uncalibrated: bool = False,
    source: dict[str, Any] | None = None,
    familiarity: FittedFamiliarity | None = None,
) -> tuple[Path, tuple[str, ...]]:
    """A release with probabilities and thresholds from labelled studies; its weights are those of the old one.

    Args:
        release: any, converted ones too.
        logits: what it says of the studies.
        labels: of the same studies, in the same order, with their patients.
        target: what thresholds are for.
        out: a new or empty folder.
        recipe: how to calibrate.
        name: of the new release; the folder's when None.
        drop_uncalibrated: leave heads without a probability out of the new release.
        source: facts about where the labelled studies come from, for the provenance; no names, no paths.
        familiarity: a check for unfamiliar studies, which the new release gets; None keeps what the old one has.

    Returns:
        The folder, and the heads without a probability: no label knows them, or the labelled studies are too few.

    Raises:
        UsageError: the logits are of other heads, or no head can be calibrated.
        ReleaseError: `out` is not empty.
    """
    manifest = release.manifest
    _check_heads(manifest, logits)
    calibration = calibrate(logits, labels, target, recipe)
    if not calibration.heads:
        raise UsageError("labels: found no label of any head of the release, expected columns named like its heads")
    if not any(head.supported for head in calibration.heads.values()):
        most = max(min(head.num_positives, head.num_negatives) for head in calibration.heads.values())
        studies = "study" if len(labels) == 1 else "studies"
        raise UsageError(
            f"labels: found {len(labels)} labelled {studies}, at most {most} with and without a finding, expected "
            f"{MIN_POSITIVES} with it and {MIN_NEGATIVES} without it for one head at least; add labelled studies"
        )
    records = _with_calibration(
        HeadRecords(
            mlps=manifest.mlps,
            diagnoses=manifest.diagnoses,
            referrals=manifest.referrals,
            priority=manifest.priority,
            calibrated=False,
        ),
        calibration,
    )
    missing = uncalibrated((*records.diagnoses, *records.referrals), records.priority)
    if drop_uncalibrated and missing:
        records = _without(records, missing)
    facts = {"calibration": _facts(release, calibration) | (source or {})}
    if "adapted" in manifest.provenance:  # from here on it is calibrated on this site
        facts["adapted"] = manifest.provenance["adapted"] | {"calibrated": True}
    if drop_uncalibrated:
        facts["calibration"]["heads_left_out"] = list(missing)
    folder = _derive(
        release,
        out,
        name=name or out.name,
        facts=facts,
        calibration=calibration,
        fill=lambda _: records,
        familiarity=familiarity,
    )
    return folder, missing


def _derive(
    release: Release,
    out: Path,
    *,
    name: str,
    facts: dict[str, Any],
    calibration: Calibration,
    fill: Callable[[ReleaseWriter], HeadRecords],
    leave_out: Collection[str] = (),
    familiarity: FittedFamiliarity | None = None,
) -> Path:
    """A new release from an old one: its files but some, what `fill` adds, and a card with a section on calibration.

    What was measured of the old one is not taken over, and the probe is answered anew.
    """
    writer = ReleaseWriter(folder=out)
    anew = {CARD_FILE, PROBE_FILE, EVALUATION_FILE, *([FAMILIARITY_FILE] if familiarity else [])}
    try:
        for file in release.manifest.files:
            if file not in leave_out and file not in anew:
                take_file(writer, release, file)
        records = fill(writer)
        provenance = release.manifest.provenance | facts
        manifest = replace(release.manifest, name=name, provenance=provenance, files=writer.files, **vars(records))
        if familiarity is not None:
            manifest = familiarity.into(writer, manifest)
        if PROBE_FILE in release.manifest.files:  # a built release
            add_probe(writer, manifest)
            card = card_without_evaluation(manifest)
        else:
            card = (release.folder / CARD_FILE).read_text(encoding="utf-8") if _has_card(release) else f"# {name}\n"
        before = re.split(rf"^{CARD_HEADING}$", card, flags=re.MULTILINE)[0].rstrip()
        with_calibration = f"{before}\n\n{calibration_section(calibration)}"
        writer.add_text(CARD_FILE, with_familiarity_section(with_calibration, manifest))
        return writer.finish(manifest)
    except BaseException:
        writer.abandon()
        raise


def _has_card(release: Release) -> bool:
    return CARD_FILE in release.manifest.files


def _facts(release: Release, calibration: Calibration) -> dict[str, Any]:
    return {
        "of_release": release.manifest.name,
        "of_release_sha256": release.sha256,
        "openprima": __version__,
        "target": calibration.target,
        "num_studies": calibration.num_studies,
        "num_patients": calibration.num_patients,
    }


def _with_calibration(records: HeadRecords, calibration: Calibration) -> HeadRecords:
    def with_curves(heads: tuple[HeadRecord, ...]) -> tuple[HeadRecord, ...]:
        return tuple(replace(head, calibration=calibration.heads.get(head.name)) for head in heads)

    diagnoses, referrals, priority = with_curves(records.diagnoses), with_curves(records.referrals), records.priority
    if priority is not None:
        priority = replace(priority, calibration=calibration.priority)
    return HeadRecords(
        mlps=records.mlps,
        diagnoses=diagnoses,
        referrals=referrals,
        priority=priority,
        calibrated=not uncalibrated((*diagnoses, *referrals), priority),
    )


def _without(records: HeadRecords, names: Collection[str]) -> HeadRecords:
    return HeadRecords(
        mlps=records.mlps,
        diagnoses=tuple(head for head in records.diagnoses if head.name not in names),
        referrals=tuple(head for head in records.referrals if head.name not in names),
        priority=None if "priority" in names else records.priority,
        calibrated=True,
    )


def _check_heads(manifest: Manifest, logits: HeadLogits) -> None:
    names = (*logits.diagnosis_names, *logits.referral_names)
    expected = tuple(head.name for head in (*manifest.diagnoses, *manifest.referrals))
    if odd := sorted(set(names) - set(expected)):
        raise UsageError(
            f"logits: found {len(odd)} heads that the release does not have, the first {odd[0]}; "
            "predict with this release"
        )
    levels = () if manifest.priority is None else manifest.priority.levels
    if logits.priority is not None and logits.levels != levels:
        raise UsageError(f"logits: found the levels {logits.levels}, expected the release's {levels}")
