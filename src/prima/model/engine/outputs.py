"""What heads gave, as findings: calibration, intervals, abstention, notes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from prima.model.release.calibration import HeadCalibration
from prima.model.release.heads import HeadOutputs
from prima.model.release.manifest import HeadRecord, Manifest, PriorityRecord
from prima.study import Finding, Findings, Priority, ReleaseStamp, SeriesEntry
from prima.study.findings import DEMONSTRATION
from prima.study.mode import Mode
from prima.study.ontology import LEVELS, display_name
from prima.study.triage import least_priority


def findings_of(logits: dict[str, float], heads: Sequence[HeadRecord] = ()) -> tuple[Finding, ...]:
    """Logits by head name → findings.

    A head with a calibration gives probability, interval, threshold and decision, or a score alone where the labelled
    studies were too few. One without, and one that is not among `heads`, gives a score with its decision at zero, and
    no probability: published heads have their threshold subtracted, so zero is where their release calls.
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
        threshold=calibration.threshold_called,
        threshold_source=calibration.threshold_source,
        present=reading.present,
    )


def priority_of(
    logits: dict[str, float] | None, record: PriorityRecord | None = None, flagged: Collection[str] = ()
) -> Priority | None:
    """The most probable level with the probability of each; without a calibration, that with the highest logit.

    A level below what the flagged diagnoses ask for at the least (`study.triage`) would contradict them, and is not
    taken while the release has another.

    Args:
        logits: by level; None when the release has no priority head.
        record: of the release.
        flagged: names of the diagnoses called present.
    """
    if logits is None:
        return None
    probabilities = None
    if record is not None and record.calibration is not None:
        values = record.calibration.probabilities([[logits[level] for level in record.levels]])[0].tolist()
        probabilities = dict(zip(record.levels, values, strict=True))
    scores = logits if probabilities is None else probabilities
    least = LEVELS.index(least_priority(flagged))
    allowed = [level for level in scores if LEVELS.index(level) >= least] or list(scores)
    level = max(allowed, key=scores.__getitem__)
    return Priority(level=level, logits=logits, probabilities=probabilities)  # type: ignore[arg-type]


def notes_on(findings: Sequence[Finding], manifest: Manifest, mode: Mode) -> tuple[str, ...]:
    """What a reader of the probabilities should know.

    Whether the weights saw made-up studies; how many heads are not called; one line for each finding called present by
    a threshold that rests on few positive studies; and one where the model saw less of the study than when it was
    calibrated.
    """
    heads = (*manifest.diagnoses, *manifest.referrals)
    calibrations = {head.name: head.calibration for head in heads if head.calibration is not None}
    notes = [DEMONSTRATION] if findings and manifest.demonstrates else []
    if num_silent := sum(finding.threshold is None for finding in findings):
        notes.append(
            f"{num_silent} of {len(findings)} findings are not called: too few positive studies for a threshold"
        )
    for finding in findings:
        calibration = calibrations.get(finding.name)
        if calibration is not None and calibration.weak and finding.present is True:
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
    flagged = [finding.name for finding in diagnoses if finding.present]
    priority = priority_of(logits.priority, manifest.priority, flagged) if logits else None
    return Findings(
        study_uid=study_uid,
        description=description,
        status="done" if logits else "refused",
        reason=reason,
        release=stamp,
        series=series,
        diagnoses=diagnoses,
        priority=priority,
        referrals=referrals,
        timings_s={step: round(seconds, 4) for step, seconds in (timings_s or {}).items()},
        notes=(*notes, *notes_on((*diagnoses, *referrals), manifest, stamp.mode)),
    )
