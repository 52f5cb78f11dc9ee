"""What heads gave, as findings: calibration, intervals, abstention, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prima.model.release.calibration import HeadCalibration
from prima.model.release.heads import HeadOutputs
from prima.model.release.manifest import HeadRecord, Manifest, PriorityRecord
from prima.study import Finding, Findings, Priority, ReleaseStamp, SeriesEntry
from prima.study.findings import DEMONSTRATION
from prima.study.mode import Mode
from prima.study.ontology import display_name


def findings_of(logits: dict[str, float], heads: Sequence[HeadRecord] = ()) -> tuple[Finding, ...]:
    """Logits by head name → findings.

    A head with a calibration gives probability, interval, threshold and decision; one without, and one that is not
    among `heads`, a score with its decision at zero, and no probability: published heads have their threshold
    subtracted, so zero is where their release calls.
    """
    calibrations = {head.name: head.calibration for head in heads}
    return tuple(_finding(name, logit, calibrations.get(name)) for name, logit in logits.items())


def _finding(name: str, logit: float, calibration: HeadCalibration | None) -> Finding:
    display = display_name(name)
    if calibration is None:
        return Finding(name=name, display=display, logit=logit, threshold=0.0, present=logit > 0)
    reading = calibration.read(logit)
    return Finding(
        name=name,
        display=display,
        logit=logit,
        probability=reading.probability,
        interval=reading.interval,
        threshold=calibration.threshold,
        threshold_source=calibration.threshold_source,
        present=reading.present,
    )


def priority_of(logits: dict[str, float] | None, record: PriorityRecord | None = None) -> Priority | None:
    """The most probable level with the probability of each; without a calibration, that with the highest logit."""
    if logits is None:
        return None
    if record is None or record.calibration is None:
        level = max(logits, key=logits.__getitem__)
        return Priority(level=level, logits=logits)  # type: ignore[arg-type]
    values = record.calibration.probabilities([[logits[level] for level in record.levels]])[0].tolist()
    probabilities = dict(zip(record.levels, values, strict=True))
    level = max(probabilities, key=probabilities.__getitem__)
    return Priority(level=level, logits=logits, probabilities=probabilities)  # type: ignore[arg-type]


def notes_on(findings: Sequence[Finding], manifest: Manifest, mode: Mode) -> tuple[str, ...]:
    """What a reader of the probabilities should know.

    Whether the weights saw made-up studies; one line for each finding called present, or abstained on, by a threshold
    that rests on few positive studies; and one where the model saw less of the study than when it was calibrated.
    """
    heads = (*manifest.diagnoses, *manifest.referrals)
    calibrations = {head.name: head.calibration for head in heads if head.calibration is not None}
    notes = [DEMONSTRATION] if findings and manifest.demonstrates else []
    for finding in findings:
        calibration = calibrations.get(finding.name)
        if calibration is not None and calibration.weak and finding.present is not False:
            num_positives = calibration.num_positives
            studies = "study" if num_positives == 1 else "studies"
            notes.append(f"{finding.display}: threshold weakly supported, by {num_positives} positive {studies}")
    if findings and calibrations and mode != manifest.mode:
        notes.append(f"calibrated in the mode {manifest.mode}, used in the mode {mode}: probabilities may be off")
    return tuple(notes)


def make_findings(
    manifest: Manifest,
    stamp: ReleaseStamp,
    *,
    study_uid: str,
    description: str | None = None,
    series: tuple[SeriesEntry, ...] = (),
    logits: HeadOutputs | None,
    reason: str | None = None,
    notes: tuple[str, ...] = (),
    timings_s: Mapping[str, float] | None = None,
) -> Findings:
    """Everything a release says of one study.

    Args:
        manifest: of the release.
        stamp: the release, and the mode of the call.
        study_uid: StudyInstanceUID.
        description: StudyDescription.
        series: the completeness statement.
        logits: None when the study is refused.
        reason: why it is refused.
        notes: what reading noted.
        timings_s: seconds by step.
    """
    diagnoses = findings_of(logits.diagnoses, manifest.diagnoses) if logits else ()
    referrals = findings_of(logits.referrals, manifest.referrals) if logits else ()
    return Findings(
        study_uid=study_uid,
        description=description,
        status="done" if logits else "refused",
        reason=reason,
        release=stamp,
        series=series,
        diagnoses=diagnoses,
        priority=priority_of(logits.priority, manifest.priority) if logits else None,
        referrals=referrals,
        timings_s={step: round(seconds, 4) for step, seconds in (timings_s or {}).items()},
        notes=(*notes, *notes_on((*diagnoses, *referrals), manifest, stamp.mode)),
    )
